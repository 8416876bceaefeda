package host

// Func is a JavaScript function written in Go. The error it returns is thrown: a [*Throw] as its value, a [*NamedError] as
// an instance of that constructor, any other error as an Error with its text. A nil Value means undefined. Errors from
// calling guest functions are best returned as they are.
type Func func(c Call) (Value, error)

// Call is one call of a [Func].
type Call struct {
	// Realm is the realm that the function belongs to.
	Realm *Realm
	// This is the receiver; for a construction the new object.
	This Value
	// Args are the arguments. [Call.Arg] reads one that may be missing.
	Args []Value
	// NewTarget is the constructor that new was applied to, nil in an ordinary call.
	NewTarget *Object
}

// Arg returns argument i, Undefined when it was not given.
func (c Call) Arg(i int) Value {
	if i < len(c.Args) {
		return orUndefined(c.Args[i])
	}
	return Undefined
}

// String converts argument i to a string as script does.
func (c Call) String(i int) (string, error) { return ToString(c.Arg(i)) }

// Number converts argument i to a number as script does; a missing one is NaN.
func (c Call) Number(i int) (float64, error) { return ToNumber(c.Arg(i)) }

// Bool is the truth of argument i; a missing one is false.
func (c Call) Bool(i int) bool { return Truthy(c.Arg(i)) }

// Object returns argument i, which must be an object or function, or a TypeError.
func (c Call) Object(i int) (*Object, error) {
	if o, ok := c.Arg(i).(*Object); ok {
		return o, nil
	}
	return nil, TypeError("parameter %d is not of type 'Object'", i+1)
}

// Func returns argument i, which must be a function, or a TypeError.
func (c Call) Func(i int) (*Object, error) {
	if f, ok := AsFunc(c.Arg(i)); ok {
		return f, nil
	}
	return nil, TypeError("parameter %d is not of type 'Function'", i+1)
}

// Bytes returns the bytes of argument i, which must be an ArrayBuffer or a view of one, or a TypeError. They are shared
// with the script, not copied.
func (c Call) Bytes(i int) ([]byte, error) {
	if b, ok := Bytes(c.Arg(i)); ok {
		return b, nil
	}
	return nil, TypeError("parameter %d is not of type 'BufferSource'", i+1)
}

// function is what makes an object callable.
type function struct {
	call      Func
	construct Func // nil when the function is no constructor
	// lazyPrototype says that the prototype property is made when first asked for: most functions never need one.
	lazyPrototype bool
}

// NewFunc makes a function that cannot be constructed.
func (r *Realm) NewFunc(name string, f Func) *Object {
	o := &Object{realm: r, proto: r.protos.function, class: "Function", fn: &function{call: f}}
	o.props.list = []property{{key: "name", value: String(name), flags: configurable}}
	return o
}

// AsFunc returns v when it is a function.
func AsFunc(v Value) (*Object, bool) {
	o, ok := v.(*Object)
	if !ok || o == nil || o.fn == nil {
		return nil, false
	}
	return o, true
}

// Call calls the function. A guest's function can only be called while a task runs, see [Realm.Run].
func (o *Object) Call(this Value, args ...Value) (Value, error) {
	if o == nil || o.fn == nil {
		return nil, TypeError("%s is not a function", Describe(o))
	}
	v, err := o.fn.call(Call{Realm: o.realm, This: orUndefined(this), Args: args})
	if err != nil {
		return nil, err
	}
	return orUndefined(v), nil
}

// CallMethod calls the function that the property holds, with o as receiver.
func (o *Object) CallMethod(name string, args ...Value) (Value, error) {
	v, err := o.Get(name)
	if err != nil {
		return nil, err
	}
	f, ok := AsFunc(v)
	if !ok {
		return nil, TypeError("%s is not a function", name)
	}
	return f.Call(o, args...)
}

// New constructs an object, as new does.
func (o *Object) New(args ...Value) (*Object, error) { return o.construct(o, args) }

func (o *Object) construct(newTarget *Object, args []Value) (*Object, error) {
	if o == nil || o.fn == nil || o.fn.construct == nil {
		return nil, TypeError("%s is not a constructor", v8Name(o))
	}
	this := o.realm.NewObject()
	p, err := newTarget.Get("prototype")
	if err != nil {
		return nil, err
	}
	if proto, ok := p.(*Object); ok {
		this.proto = proto
	}
	v, err := o.fn.construct(Call{Realm: o.realm, This: this, Args: args, NewTarget: newTarget})
	if err != nil {
		return nil, err
	}
	if other, ok := v.(*Object); ok && other != nil {
		return other, nil
	}
	return this, nil
}

// InstanceOf is JavaScript's instanceof.
func InstanceOf(v Value, constructor *Object) (bool, error) {
	if constructor == nil || constructor.fn == nil {
		return false, TypeError("Right-hand side of 'instanceof' is not callable")
	}
	o, ok := v.(*Object)
	if !ok || o == nil {
		return false, nil
	}
	p, err := constructor.Get("prototype")
	if err != nil {
		return false, err
	}
	proto, ok := p.(*Object)
	if !ok {
		return false, TypeError("Function has non-object prototype '%s' in instanceof check", Describe(p))
	}
	for q := o.proto; q != nil; q = q.proto {
		if q == proto {
			return true, nil
		}
	}
	return false, nil
}
