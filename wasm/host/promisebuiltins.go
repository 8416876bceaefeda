package host

// definePromise defines the Promise constructor. Promises cannot be subclassed.
func (r *Realm) definePromise() {
	cl := r.builtinClass("Promise", r.protos.promise, func(c Call) (Value, error) {
		if c.NewTarget == nil {
			return nil, TypeError("Promise constructor cannot be invoked without 'new'")
		}
		executor, ok := AsFunc(c.Arg(0))
		if !ok {
			return nil, TypeError("Promise resolver %s is not a function", Describe(c.Arg(0)))
		}
		p := r.newPromise()
		resolve, reject := p.functions()
		if _, err := executor.Call(Undefined, resolve, reject); err != nil {
			if _, err := reject.Call(Undefined, r.Throw(err).Value); err != nil {
				return nil, err
			}
		}
		return p.object, nil
	})
	r.protos.promise.
		DefineFunc("then", func(c Call) (Value, error) {
			p, ok := DataOf[*promise](c.This)
			if !ok {
				return nil, TypeError("Method Promise.prototype.then called on incompatible receiver %s", Describe(c.This))
			}
			derived := r.newPromise()
			p.then(reaction{handlerFor(c.Arg(0)), handlerFor(c.Arg(1)), derived})
			return derived.object, nil
		}).
		DefineFunc("catch", func(c Call) (Value, error) { return callThen(c.This, Undefined, c.Arg(0)) }).
		DefineFunc("finally", promiseFinally)
	cl.DefineFunc("resolve", func(c Call) (Value, error) { return r.Resolved(c.Arg(0)), nil }).
		DefineFunc("reject", func(c Call) (Value, error) { return r.Rejected(&Throw{c.Arg(0)}), nil }).
		DefineFunc("all", r.combinator(combineAll)).
		DefineFunc("allSettled", r.combinator(combineSettled)).
		DefineFunc("any", r.combinator(combineAny)).
		DefineFunc("race", r.combinator(combineRace))
}

func handlerFor(v Value) func(Value) (Value, error) {
	f, ok := AsFunc(v)
	if !ok {
		return nil
	}
	return func(v Value) (Value, error) { return f.Call(Undefined, v) }
}

func callThen(v Value, onFulfilled, onRejected Value) (Value, error) {
	o, err := toObject(v)
	if err != nil {
		return nil, err
	}
	return o.CallMethod("then", onFulfilled, onRejected)
}

// promiseFinally is Promise.prototype.finally: the callback's promise is awaited, then the first outcome goes on.
func promiseFinally(c Call) (Value, error) {
	f, ok := AsFunc(c.Arg(0))
	if !ok {
		return callThen(c.This, c.Arg(0), c.Arg(0))
	}
	r := c.Realm
	after := func(outcome func(Value) Func) *Object {
		return r.NewFunc("", func(c Call) (Value, error) {
			v, err := f.Call(Undefined)
			if err != nil {
				return nil, err
			}
			return callThen(r.Resolved(v), r.NewFunc("", outcome(c.Arg(0))), Undefined)
		})
	}
	return callThen(c.This,
		after(func(v Value) Func { return func(Call) (Value, error) { return v, nil } }),
		after(func(v Value) Func { return func(Call) (Value, error) { return nil, &Throw{v} } }))
}

// combination is the common state of Promise.all and its kin.
type combination struct {
	realm   *Realm
	result  *promise
	values  []Value
	waiting int
}

// combinator makes a static method that subscribes to each element of an array; step wires one element. At the end,
// an empty or finished combination is completed by it with i < 0.
func (r *Realm) combinator(step func(c *combination, i int) (onFulfilled, onRejected Value)) Func {
	return func(call Call) (Value, error) {
		c := &combination{realm: r, result: r.newPromise(), waiting: 1}
		list, err := iterate(call.Arg(0))
		if err != nil {
			c.result.reject(r.Throw(err).Value)
			return c.result.object, nil
		}
		c.values = make([]Value, len(list))
		for i, v := range list {
			c.waiting++
			ok, fail := step(c, i)
			if _, err := callThen(r.Resolved(v), ok, fail); err != nil {
				c.result.rejectOnce(r.Throw(err).Value)
				return c.result.object, nil
			}
		}
		step(c, -1)
		return c.result.object, nil
	}
}

func (p *promise) resolveOnce(v Value) {
	if p.state == pending {
		p.resolve(v)
	}
}

func (p *promise) rejectOnce(v Value) {
	if p.state == pending {
		p.reject(v)
	}
}

// arrived counts one element and calls done after the last.
func (c *combination) arrived(done func()) {
	if c.waiting--; c.waiting == 0 {
		done()
	}
}

// on makes a callback for element i.
func (c *combination) on(f func(Value)) Value {
	called := false
	return c.realm.NewFunc("", func(call Call) (Value, error) {
		if !called {
			called = true
			f(call.Arg(0))
		}
		return Undefined, nil
	})
}

func combineAll(c *combination, i int) (Value, Value) {
	done := func() { c.result.resolveOnce(c.realm.NewArray(c.values...)) }
	if i < 0 {
		c.arrived(done)
		return nil, nil
	}
	return c.on(func(v Value) { c.values[i] = v; c.arrived(done) }), c.on(c.result.rejectOnce)
}

func combineSettled(c *combination, i int) (Value, Value) {
	done := func() { c.result.resolveOnce(c.realm.NewArray(c.values...)) }
	if i < 0 {
		c.arrived(done)
		return nil, nil
	}
	keep := func(status, key string) Value {
		return c.on(func(v Value) {
			c.values[i] = c.realm.NewObject().Define("status", String(status)).Define(key, v)
			c.arrived(done)
		})
	}
	return keep("fulfilled", "value"), keep("rejected", "reason")
}

func combineAny(c *combination, i int) (Value, Value) {
	done := func() {
		e := c.realm.NewError("AggregateError", "All promises were rejected")
		e.define("errors", c.realm.NewArray(c.values...), hidden)
		c.result.rejectOnce(e)
	}
	if i < 0 {
		c.arrived(done)
		return nil, nil
	}
	return c.on(c.result.resolveOnce), c.on(func(v Value) { c.values[i] = v; c.arrived(done) })
}

func combineRace(c *combination, i int) (Value, Value) {
	if i < 0 {
		return nil, nil
	}
	return c.on(c.result.resolveOnce), c.on(c.result.rejectOnce)
}
