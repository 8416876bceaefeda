package host

// defineErrors defines Error and its kinds.
func (r *Realm) defineErrors() {
	r.errors = map[string]*Object{}
	base := r.defineError("Error", r.protos.error)
	r.protos.error.DefineFunc("toString", func(c Call) (Value, error) {
		o, err := toObject(c.This)
		if err != nil {
			return nil, err
		}
		var parts [2]string
		for i, key := range []string{"name", "message"} {
			v, err := o.Get(key)
			if err != nil {
				return nil, err
			}
			if v != Undefined {
				if parts[i], err = ToString(v); err != nil {
					return nil, err
				}
			} else if i == 0 {
				parts[i] = "Error"
			}
		}
		switch {
		case parts[0] == "":
			return String(parts[1]), nil
		case parts[1] == "":
			return String(parts[0]), nil
		}
		return String(parts[0] + ": " + parts[1]), nil
	})
	for _, name := range []string{"TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError", "AggregateError"} {
		proto := r.NewObject()
		proto.proto = r.protos.error
		r.defineError(name, proto).proto = base
	}
}

func (r *Realm) defineError(name string, proto *Object) *Object {
	r.errors[name] = proto
	ctor := r.builtinClass(name, proto, func(c Call) (Value, error) {
		e := &Object{realm: r, proto: proto, class: "Error"}
		if this, ok := c.This.(*Object); ok && c.NewTarget != nil {
			e.proto = this.proto
		}
		args := c.Args
		if name == "AggregateError" && len(args) > 0 {
			list, err := iterate(args[0])
			if err != nil {
				return nil, err
			}
			e.define("errors", r.NewArray(list...), hidden)
			args = args[1:]
		}
		if len(args) > 0 && orUndefined(args[0]) != Undefined {
			message, err := ToString(args[0])
			if err != nil {
				return nil, err
			}
			e.define("message", String(message), hidden)
		}
		if len(args) > 1 {
			if options, ok := args[1].(*Object); ok && options != nil && options.Has("cause") {
				cause, err := options.Get("cause")
				if err != nil {
					return nil, err
				}
				e.define("cause", cause, hidden)
			}
		}
		return e, nil
	})
	proto.define("name", String(name), hidden)
	proto.define("message", String(""), hidden)
	return ctor
}
