package host

// prototypes are the realm's built-in prototype objects.
type prototypes struct {
	object, function, array, error, promise, date, arrayBuffer *Object

	views [elementTypes]*Object
}

// NewObject makes an empty object.
func (r *Realm) NewObject() *Object { return &Object{realm: r, proto: r.protos.object} }

// NewError makes an instance of the realm's error constructor called name (Error when there is none).
func (r *Realm) NewError(name, message string) *Object {
	proto, ok := r.errors[name]
	if !ok {
		// An embedder's own class, such as DOMException.
		if ctor, ok := r.global.props.lookup(name).(*Object); ok && ctor.fn != nil && ctor.fn.construct != nil {
			if e, err := ctor.New(String(message)); err == nil {
				return e
			}
		}
		proto = r.protos.error
	}
	e := &Object{realm: r, proto: proto, class: "Error"}
	e.define("message", String(message), hidden)
	if !ok {
		e.define("name", String(name), hidden)
	}
	return e
}

// lookup reads a data property of the list, or nil.
func (p *propertyList) lookup(name string) Value {
	if prop := p.find(name); prop != nil && !prop.accessor {
		return prop.value
	}
	return nil
}

// defineBuiltins fills a new realm: prototypes first, since every object and function needs them.
func (r *Realm) defineBuiltins() {
	p := &r.protos
	p.object = &Object{realm: r}
	p.function = &Object{realm: r, proto: p.object, class: "Function"}
	p.function.fn = &function{call: func(Call) (Value, error) { return Undefined, nil }}
	for _, o := range []**Object{&p.array, &p.error, &p.promise, &p.date, &p.arrayBuffer} {
		*o = r.NewObject()
	}
	p.array.exotic, p.array.class = &array{}, "Array"
	p.promise.class, p.arrayBuffer.class = "Promise", "ArrayBuffer"
	for kind := range elementTypes {
		p.views[kind] = r.NewObject()
		p.views[kind].class = kind.String()
	}
	r.global = r.NewObject()
	r.global.class = "global"
	r.global.define("globalThis", r.global, hidden)
	r.global.define("undefined", Undefined, 0)

	r.defineObject()
	r.defineFunction()
	r.defineArray()
	r.defineErrors()
	r.definePrimitives()
	r.defineReflect()
	r.defineBytes()
	r.definePromise()
	r.defineDate()
	r.defineJSON()
	r.defineTimers()
	r.defineText()
	r.defineConsole()
	r.defineSystem()
	r.global.DefineFunc("structuredClone", func(c Call) (Value, error) { return Clone(c.Realm, c.Arg(0)) })
}

// builtinClass defines a global constructor with an existing prototype. f serves calls and constructions; in a call NewTarget
// is nil.
func (r *Realm) builtinClass(name string, proto *Object, f Func) *Object {
	ctor := r.NewFunc(name, f)
	ctor.fn.construct = f
	ctor.define("prototype", proto, 0)
	proto.define("constructor", ctor, hidden)
	r.global.define(name, ctor, hidden)
	return ctor
}

// namespace defines a global object for functions, such as JSON.
func (r *Realm) namespace(name string) *Object {
	o := r.NewObject()
	o.class = name
	r.global.define(name, o, hidden)
	return o
}
