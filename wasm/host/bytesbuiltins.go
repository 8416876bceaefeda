package host

// defineBytes defines ArrayBuffer and the typed arrays.
func (r *Realm) defineBytes() {
	ab := r.builtinClass("ArrayBuffer", r.protos.arrayBuffer, func(c Call) (Value, error) {
		if c.NewTarget == nil {
			return nil, TypeError("Constructor ArrayBuffer requires 'new'")
		}
		n, err := ToInteger(c.Arg(0))
		if err != nil {
			return nil, err
		}
		if n < 0 || n > maxBytes {
			return nil, RangeError("Array buffer allocation failed")
		}
		return r.NewArrayBuffer(make([]byte, n)), nil
	})
	ab.DefineFunc("isView", func(c Call) (Value, error) {
		o, ok := c.Arg(0).(*Object)
		if ok {
			_, ok = o.exotic.(*view)
		}
		return Bool(ok), nil
	})
	r.protos.arrayBuffer.DefineAccessor("byteLength", func(c Call) (Value, error) {
		b, err := c.thisBuffer()
		if err != nil {
			return nil, err
		}
		return Number(len(b.bytes)), nil
	}, nil)
	r.protos.arrayBuffer.DefineFunc("slice", func(c Call) (Value, error) {
		b, err := c.thisBuffer()
		if err != nil {
			return nil, err
		}
		from, to, err := c.span(0, len(b.bytes))
		return r.NewArrayBuffer(append([]byte{}, b.bytes[from:to]...)), err
	})
	shared := r.NewObject() // %TypedArray%.prototype
	for kind := range elementTypes {
		r.defineViewClass(kind, shared)
	}
	r.defineViewMethods(shared)
}

func (c Call) thisBuffer() (*buffer, error) {
	if b, ok := DataOf[*buffer](c.This); ok {
		return b, nil
	}
	return nil, TypeError("Receiver is not an ArrayBuffer")
}

func (r *Realm) defineViewClass(kind elementType, shared *Object) {
	proto := r.protos.views[kind]
	proto.proto = shared
	ctor := r.builtinClass(kind.String(), proto, func(c Call) (Value, error) {
		o, ok := c.This.(*Object)
		if c.NewTarget == nil || !ok {
			return nil, TypeError("Constructor %s requires 'new'", kind)
		}
		return o, o.initView(kind, c)
	})
	from := func(list []Value, err error) (Value, error) {
		if err != nil {
			return nil, err
		}
		return ctor.New(r.adoptArray(list))
	}
	ctor.DefineFunc("of", func(c Call) (Value, error) { return from(c.Args, nil) })
	ctor.DefineFunc("from", func(c Call) (Value, error) { return from(iterate(c.Arg(0))) })
	ctor.define("BYTES_PER_ELEMENT", Number(kind.size()), 0)
	proto.define("BYTES_PER_ELEMENT", Number(kind.size()), 0)
}

func (r *Realm) defineViewMethods(shared *Object) {
	get := func(name string, f func(w *view) Value) {
		shared.DefineAccessor(name, func(c Call) (Value, error) {
			o, ok := c.This.(*Object)
			if ok {
				if w, ok := o.exotic.(*view); ok {
					return f(w), nil
				}
			}
			return Undefined, nil
		}, nil)
	}
	get("length", func(w *view) Value { return Number(w.length()) })
	get("byteLength", func(w *view) Value { return Number(len(w.bytes)) })
	get("byteOffset", func(w *view) Value { return Number(w.offset) })
	get("buffer", func(w *view) Value { return w.object })

	method := func(name string, f func(c Call, o *Object, w *view) (Value, error)) {
		shared.DefineFunc(name, func(c Call) (Value, error) {
			if o, ok := c.This.(*Object); ok {
				if w, ok := o.exotic.(*view); ok {
					return f(c, o, w)
				}
			}
			return nil, TypeError("this is not a typed array.")
		})
	}
	method("subarray", func(c Call, o *Object, w *view) (Value, error) {
		from, to, err := c.span(0, w.length())
		size := w.kind.size()
		part := &view{object: w.object, bytes: w.bytes[from*size : to*size : to*size], offset: w.offset + from*size, kind: w.kind}
		return &Object{realm: o.realm, proto: o.proto, exotic: part}, err
	})
	method("slice", func(c Call, o *Object, w *view) (Value, error) {
		from, to, err := c.span(0, w.length())
		size := w.kind.size()
		part := &Object{realm: o.realm, proto: o.proto}
		part.setView(w.kind, append([]byte{}, w.bytes[from*size:to*size]...))
		return part, err
	})
	method("fill", func(c Call, o *Object, w *view) (Value, error) {
		from, to, err := c.span(1, w.length())
		for i := from; i < to && err == nil; i++ {
			_, err = w.put(i, c.Arg(0))
		}
		return o, err
	})
	method("set", func(c Call, _ *Object, w *view) (Value, error) {
		offset, err := ToInteger(c.Arg(1))
		if err != nil {
			return nil, err
		}
		list, err := Elements(c.Arg(0))
		if err != nil {
			return nil, err
		}
		if offset < 0 || offset+int64(len(list)) > int64(w.length()) {
			return nil, RangeError("offset is out of bounds")
		}
		for i, v := range list { // copied before, so overlapping views are safe
			if _, err := w.put(int(offset)+i, v); err != nil {
				return nil, err
			}
		}
		return Undefined, nil
	})
	for _, name := range []string{"join", "toString", "indexOf", "includes", "at", "forEach", "find", "findIndex", "some", "every"} {
		v := r.protos.array.props.lookup(name)
		shared.define(name, v, hidden)
	}
}
