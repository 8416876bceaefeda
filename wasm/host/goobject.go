package host

// defineGoObject makes what Go's JavaScript runtime passes to the program as its class Go: the part of it that programs use.
func (g *Guest) defineGoObject() {
	o := g.realm.NewObject()
	o.Define("_pendingEvent", Null)
	o.DefineFunc("_makeFuncWrapper", func(c Call) (Value, error) { return g.wrapFunc(c.Arg(0)), nil })
	g.goObj = o
}

// wrapFunc makes the JavaScript side of a js.Func.
func (g *Guest) wrapFunc(id Value) *Object {
	r := g.realm
	call := func(c Call) (Value, error) {
		// Refuse before the event is left pending, where the guest would find it later.
		if g.ended != nil || g.depth >= r.config.Limits.Depth || r.loop.depth == 0 {
			return nil, g.refusal()
		}
		event := r.NewObject()
		event.props.list = append(make([]property, 0, 4),
			property{key: "id", value: id, flags: plain},
			property{key: "this", value: orUndefined(c.This), flags: plain},
			property{key: "args", value: r.NewArray(c.Args...), flags: plain})
		if err := g.goObj.Set("_pendingEvent", event); err != nil {
			return nil, err
		}
		if err := g.resumeGuest(); err != nil {
			return nil, err
		}
		if p := event.props.find("result"); p != nil {
			return p.value, nil
		}
		return Undefined, nil
	}
	f := r.NewFunc("", call)
	f.fn.construct, f.fn.lazyPrototype = call, true
	return f
}

func (g *Guest) refusal() error {
	if g.realm.loop.depth == 0 && g.ended == nil {
		return ErrOutsideTask
	}
	return g.resumeGuest()
}
