package host

// defineFunction defines what all functions inherit. There is no compiler: new Function throws.
func (r *Realm) defineFunction() {
	r.builtinClass("Function", r.protos.function, func(Call) (Value, error) {
		return nil, Errorf("EvalError", "Code generation from strings disallowed for this context")
	})
	r.protos.function.
		DefineFunc("call", func(c Call) (Value, error) {
			f, err := c.thisFunc()
			if err != nil {
				return nil, err
			}
			if len(c.Args) == 0 {
				return f.Call(Undefined)
			}
			return f.Call(c.Args[0], c.Args[1:]...)
		}).
		DefineFunc("apply", func(c Call) (Value, error) {
			f, err := c.thisFunc()
			if err != nil {
				return nil, err
			}
			return applyTo(f, c.Arg(0), c.Arg(1))
		}).
		DefineFunc("bind", func(c Call) (Value, error) {
			f, err := c.thisFunc()
			if err != nil {
				return nil, err
			}
			var first []Value
			if len(c.Args) > 1 {
				first = c.Args[1:]
			}
			join := func(args []Value) []Value { return append(first[:len(first):len(first)], args...) }
			bound := r.NewFunc("bound "+f.dataString("name"), func(b Call) (Value, error) {
				return f.Call(c.Arg(0), join(b.Args)...)
			})
			if f.fn.construct != nil {
				bound.fn.construct = func(b Call) (Value, error) { return f.New(join(b.Args)...) }
			}
			return bound, nil
		}).
		DefineFunc("toString", func(c Call) (Value, error) {
			f, err := c.thisFunc()
			if err != nil {
				return nil, err
			}
			return String("function " + f.dataString("name") + "() { [native code] }"), nil
		})
}

func (c Call) thisFunc() (*Object, error) {
	if f, ok := AsFunc(c.This); ok {
		return f, nil
	}
	return nil, TypeError("%s is not a function", Describe(c.This))
}

// applyTo calls f with the elements of an array-like object, or with nothing.
func applyTo(f *Object, this, args Value) (Value, error) {
	if IsNullish(args) {
		return f.Call(this)
	}
	list, err := Elements(args)
	if err != nil {
		return nil, err
	}
	return f.Call(this, list...)
}

// defineReflect defines the Reflect namespace.
func (r *Realm) defineReflect() {
	r.namespace("Reflect").
		DefineFunc("get", func(c Call) (Value, error) {
			o, name, err := c.reflectArguments("get")
			if err != nil {
				return nil, err
			}
			return o.Get(name)
		}).
		DefineFunc("set", func(c Call) (Value, error) {
			o, name, err := c.reflectArguments("set")
			if err != nil {
				return nil, err
			}
			ok, err := o.set(name, c.Arg(2))
			return Bool(ok), err
		}).
		DefineFunc("has", func(c Call) (Value, error) {
			o, name, err := c.reflectArguments("has")
			return Bool(err == nil && o.Has(name)), err
		}).
		DefineFunc("deleteProperty", func(c Call) (Value, error) {
			o, name, err := c.reflectArguments("deleteProperty")
			return Bool(err == nil && o.Delete(name)), err
		}).
		DefineFunc("ownKeys", ownKeys).
		DefineFunc("getPrototypeOf", getPrototypeOf).
		DefineFunc("apply", func(c Call) (Value, error) {
			f, ok := AsFunc(c.Arg(0))
			if !ok {
				return nil, notApplicable(c.Arg(0))
			}
			return applyTo(f, c.Arg(1), c.Arg(2))
		}).
		DefineFunc("construct", func(c Call) (Value, error) {
			f, err := c.Func(0)
			if err != nil {
				return nil, err
			}
			list, err := Elements(c.Arg(1))
			if err != nil {
				return nil, err
			}
			target := f
			if len(c.Args) > 2 {
				if target, err = c.Func(2); err != nil {
					return nil, err
				}
			}
			return f.construct(target, list)
		})
}

// reflectArguments reads an object and a property name; Reflect converts nothing to objects.
func (c Call) reflectArguments(method string) (*Object, string, error) {
	if _, ok := c.Arg(0).(*Object); !ok {
		return nil, "", TypeError("Reflect.%s called on non-object", method)
	}
	return c.objectAndKey()
}
