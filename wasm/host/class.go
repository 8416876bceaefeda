package host

// Class is a constructor with its prototype object: how an embedder defines EventTarget, BroadcastChannel and the like.
type Class struct {
	// Constructor is the function that scripts see; define static members on it.
	Constructor *Object
	// Prototype is what instances inherit; define methods and accessors on it.
	Prototype *Object

	init func(c Call) error
}

// NewClass makes a class; parent may be nil. Construct runs for new with the fresh instance as c.This and usually attaches
// state to it with [Object.SetData]; a class with a parent calls parent.Init(c) from there, as a script calls super().
// Without construct (nil), new throws "Illegal constructor" and only [Class.New] makes instances.
//
// The class is not a global by itself: r.Global().Define(name, class.Constructor), or [Realm.DefineClass].
func (r *Realm) NewClass(name string, parent *Class, construct func(c Call) error) *Class {
	cl := &Class{init: construct, Prototype: r.NewObject()}
	cl.Prototype.class = name
	cl.Constructor = r.NewFunc(name, func(Call) (Value, error) {
		return nil, TypeError("Class constructor %s cannot be invoked without 'new'", name)
	})
	cl.Constructor.fn.construct = func(c Call) (Value, error) {
		if construct == nil {
			return nil, TypeError("Illegal constructor")
		}
		return Undefined, construct(c)
	}
	if parent != nil {
		cl.Constructor.proto = parent.Constructor
		cl.Prototype.proto = parent.Prototype
	}
	cl.Constructor.define("prototype", cl.Prototype, 0)
	cl.Prototype.define("constructor", cl.Constructor, hidden)
	return cl
}

// DefineClass makes a class and defines it as a global of that name.
func (r *Realm) DefineClass(name string, parent *Class, construct func(c Call) error) *Class {
	cl := r.NewClass(name, parent, construct)
	r.global.define(name, cl.Constructor, hidden)
	return cl
}

// New makes an instance from Go without running construct; attach what construct would have attached.
func (cl *Class) New() *Object {
	return &Object{realm: cl.Prototype.realm, proto: cl.Prototype}
}

// Init runs the class's construct on c.This, for classes derived from it.
func (cl *Class) Init(c Call) error {
	if cl.init == nil {
		return nil
	}
	return cl.init(c)
}

// Of reports whether v is an instance of the class or of one derived from it.
func (cl *Class) Of(v Value) bool {
	o, ok := v.(*Object)
	if !ok || o == nil {
		return false
	}
	for p := o.proto; p != nil; p = p.proto {
		if p == cl.Prototype {
			return true
		}
	}
	return false
}
