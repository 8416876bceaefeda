package host

// defineObject defines the Object constructor.
func (r *Realm) defineObject() {
	cl := r.builtinClass("Object", r.protos.object, func(c Call) (Value, error) {
		if o, ok := c.Arg(0).(*Object); ok {
			return o, nil
		}
		return r.NewObject(), nil
	})
	r.protos.object.
		DefineFunc("hasOwnProperty", func(c Call) (Value, error) {
			o, name, err := c.thisAndKey()
			return Bool(err == nil && o.HasOwn(name)), err
		}).
		DefineFunc("propertyIsEnumerable", func(c Call) (Value, error) {
			o, name, err := c.thisAndKey()
			if err != nil {
				return nil, err
			}
			p := o.own(name)
			return Bool(o.HasOwn(name) && (p == nil || p.flags&enumerable != 0)), nil
		}).
		DefineFunc("isPrototypeOf", func(c Call) (Value, error) {
			if o, ok := c.Arg(0).(*Object); ok {
				for p := o.proto; p != nil; p = p.proto {
					if StrictEquals(p, c.This) {
						return Bool(true), nil
					}
				}
			}
			return Bool(false), nil
		}).
		DefineFunc("valueOf", func(c Call) (Value, error) { return c.This, nil }).
		DefineFunc("toString", func(c Call) (Value, error) {
			switch v := c.This.(type) {
			case *Object:
				return String("[object " + v.className() + "]"), nil
			case Nullish:
				return String(map[Nullish]string{Undefined: "[object Undefined]", Null: "[object Null]"}[v]), nil
			}
			return String("[object Object]"), nil
		}).
		DefineFunc("toLocaleString", func(c Call) (Value, error) {
			s, err := ToString(c.This)
			return String(s), err
		})
	r.protos.object.DefineAccessor("__proto__", func(c Call) (Value, error) {
		if o, ok := c.This.(*Object); ok && o.proto != nil {
			return o.proto, nil
		}
		return Null, nil
	}, nil)
	r.protos.object.own("__proto__").flags = configurable

	cl.DefineFunc("keys", listOf(func(_ *Realm, name string, _ Value) Value { return String(name) })).
		DefineFunc("values", listOf(func(_ *Realm, _ string, v Value) Value { return v })).
		DefineFunc("entries", listOf(func(r *Realm, name string, v Value) Value { return r.NewArray(String(name), v) })).
		DefineFunc("assign", func(c Call) (Value, error) {
			target, err := toObject(c.Arg(0))
			if err != nil {
				return nil, err
			}
			for _, v := range c.Args[1:] {
				if source, ok := v.(*Object); ok {
					if err := copyProperties(target, source); err != nil {
						return nil, err
					}
				}
			}
			return target, nil
		}).
		DefineFunc("create", func(c Call) (Value, error) {
			proto, ok := c.Arg(0).(*Object)
			if !ok && c.Arg(0) != Null {
				return nil, TypeError("Object prototype may only be an Object or null: %s", Describe(c.Arg(0)))
			}
			return &Object{realm: r, proto: proto}, nil
		}).
		DefineFunc("freeze", func(c Call) (Value, error) {
			if o, ok := c.Arg(0).(*Object); ok {
				o.Freeze()
			}
			return c.Arg(0), nil
		}).
		DefineFunc("isFrozen", func(c Call) (Value, error) {
			o, ok := c.Arg(0).(*Object)
			return Bool(!ok || o.isFrozen()), nil
		}).
		DefineFunc("fromEntries", func(c Call) (Value, error) {
			entries, err := iterate(c.Arg(0))
			if err != nil {
				return nil, err
			}
			o := r.NewObject()
			for _, e := range entries {
				pair, err := Elements(e)
				if err != nil {
					return nil, err
				}
				name, err := Call{Args: pair}.String(0)
				if err != nil {
					return nil, err
				}
				o.Define(name, Call{Args: pair}.Arg(1))
			}
			return o, nil
		}).
		DefineFunc("getOwnPropertyNames", ownKeys).
		DefineFunc("getPrototypeOf", getPrototypeOf).
		DefineFunc("setPrototypeOf", func(c Call) (Value, error) {
			o, err := toObject(c.Arg(0))
			if err != nil {
				return nil, err
			}
			proto, _ := c.Arg(1).(*Object)
			if !o.SetPrototype(proto) {
				return nil, TypeError("Cyclic __proto__ value")
			}
			return o, nil
		}).
		DefineFunc("defineProperty", defineProperty).
		DefineFunc("hasOwn", func(c Call) (Value, error) {
			o, name, err := c.objectAndKey()
			return Bool(err == nil && o.HasOwn(name)), err
		}).
		DefineFunc("is", func(c Call) (Value, error) { return Bool(sameValueZero(c.Arg(0), c.Arg(1))), nil })
}

func (c Call) thisAndKey() (*Object, string, error) {
	return Call{Args: []Value{c.This, c.Arg(0)}}.objectAndKey()
}

// objectAndKey reads the two leading arguments of many functions.
func (c Call) objectAndKey() (*Object, string, error) {
	o, err := toObject(c.Arg(0))
	if err != nil {
		return nil, "", err
	}
	name, err := c.String(1)
	return o, name, err
}

// listOf makes Object.keys and its kin.
func listOf(pick func(r *Realm, name string, v Value) Value) Func {
	return func(c Call) (Value, error) {
		o, err := toObject(c.Arg(0))
		if err != nil {
			return nil, err
		}
		list := []Value{}
		for _, name := range o.Keys() {
			v, err := o.Get(name)
			if err != nil {
				return nil, err
			}
			list = append(list, pick(c.Realm, name, v))
		}
		return c.Realm.adoptArray(list), nil
	}
}

func copyProperties(target, source *Object) error {
	for _, name := range source.Keys() {
		v, err := source.Get(name)
		if err != nil {
			return err
		}
		if err := target.Set(name, v); err != nil {
			return err
		}
	}
	return nil
}

func (o *Object) isFrozen() bool {
	if !o.nonExtensible {
		return false
	}
	for i := range o.props.list {
		p := &o.props.list[i]
		if p.flags&configurable != 0 || !p.accessor && p.flags&writable != 0 {
			return false
		}
	}
	if a, ok := o.exotic.(*array); ok {
		return a.frozen
	}
	return o.exotic == nil || o.exotic.length() == 0
}

func ownKeys(c Call) (Value, error) {
	o, err := toObject(c.Arg(0))
	if err != nil {
		return nil, err
	}
	list := []Value{}
	for _, name := range o.ownKeys(true) {
		list = append(list, String(name))
	}
	return c.Realm.adoptArray(list), nil
}

func getPrototypeOf(c Call) (Value, error) {
	o, err := toObject(c.Arg(0))
	if err != nil {
		return nil, err
	}
	if o.proto == nil {
		return Null, nil
	}
	return o.proto, nil
}

// defineProperty is Object.defineProperty: attributes not named are false for a new property and stay for an old one.
func defineProperty(c Call) (Value, error) {
	o, name, err := c.objectAndKey()
	if err != nil {
		return nil, err
	}
	d, ok := c.Arg(2).(*Object)
	if !ok {
		return nil, TypeError("Property description must be an object: %s", Describe(c.Arg(2)))
	}
	var p property
	old := o.own(name)
	if old != nil {
		if old.flags&configurable == 0 {
			return nil, TypeError("Cannot redefine property: %s", name)
		}
		p = *old
	} else if o.nonExtensible {
		return nil, TypeError("Cannot define property %s, object is not extensible", name)
	}
	for _, a := range []struct {
		name string
		flag uint8
	}{{"writable", writable}, {"enumerable", enumerable}, {"configurable", configurable}} {
		if !d.Has(a.name) {
			continue
		}
		v, err := d.Get(a.name)
		if err != nil {
			return nil, err
		}
		p.flags &^= a.flag
		if Truthy(v) {
			p.flags |= a.flag
		}
	}
	if d.Has("value") {
		v, err := d.Get("value")
		if err != nil {
			return nil, err
		}
		p.value, p.accessor, p.get, p.set = v, false, nil, nil
	}
	for key, slot := range map[string]**Object{"get": &p.get, "set": &p.set} {
		v, err := d.Get(key)
		if err != nil {
			return nil, err
		}
		if f, ok := AsFunc(v); ok {
			*slot, p.accessor, p.value = f, true, nil
		}
	}
	if !p.accessor && p.value == nil {
		p.value = Undefined
	}
	if i, ok := arrayIndex(name); ok && o.exotic != nil && !p.accessor {
		_, err := o.exotic.put(i, p.value)
		return o, err
	}
	o.replace(name, p)
	return o, nil
}
