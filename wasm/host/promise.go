package host

// promise is the state of a Promise object, after ECMA-262 section 27.2: which job runs when is the same to the step.
type promise struct {
	object    *Object
	state     promiseState
	value     Value // or the reason
	reactions []reaction
	handled   bool
}

type promiseState uint8

const (
	pending promiseState = iota
	fulfilled
	rejected
)

// reaction is what one call of then asked for. A nil handler passes the outcome on.
type reaction struct {
	onFulfilled, onRejected func(Value) (Value, error)
	derived                 *promise // nil when nobody can see the result
}

func (r *Realm) newPromise() *promise {
	p := &promise{}
	p.object = &Object{realm: r, proto: r.protos.promise, data: p}
	return p
}

// Deferred is a promise that Go settles later.
type Deferred struct {
	// Promise is the promise to hand out.
	Promise *Object
	p       *promise
	settled bool
}

// NewDeferred makes a pending promise. Settle it within a task of the realm, so that what follows is queued, frozen and killed
// like everything else of that page:
//
//	d := r.NewDeferred()
//	loop.After(latency, func() { r.Post(func() error { d.Resolve(answer); return nil }) })
//	return d.Promise, nil
func (r *Realm) NewDeferred() *Deferred {
	p := r.newPromise()
	return &Deferred{Promise: p.object, p: p}
}

// Resolve fulfils the promise with v, or makes it follow v when v is a promise or another thenable. Only the first Resolve
// or Reject counts.
func (d *Deferred) Resolve(v Value) {
	if !d.settled {
		d.settled = true
		d.p.resolve(orUndefined(v))
	}
}

// Reject rejects the promise with what throwing err would throw, see [Func].
func (d *Deferred) Reject(err error) {
	if !d.settled {
		d.settled = true
		d.p.reject(d.p.object.realm.Throw(err).Value)
	}
}

// Resolved returns a promise for v; v itself when it is a promise of this realm.
func (r *Realm) Resolved(v Value) *Object { return r.promiseFor(orUndefined(v)).object }

// Rejected returns a promise rejected with what throwing err would throw.
func (r *Realm) Rejected(err error) *Object {
	p := r.newPromise()
	p.reject(r.Throw(err).Value)
	return p.object
}

// Then calls one of the functions when v, a promise or any value, is settled. Either may be nil; a rejection without a
// function for it counts as unhandled. Errors they return go to [Hooks].
func (r *Realm) Then(v Value, onFulfilled, onRejected func(Value) error) {
	adapt := func(f func(Value) error) func(Value) (Value, error) {
		if f == nil {
			return nil
		}
		return func(v Value) (Value, error) {
			if err := f(v); err != nil {
				r.report(err)
			}
			return Undefined, nil
		}
	}
	derived := r.newPromise() // without one, a rejection that is passed on would be lost
	r.promiseFor(orUndefined(v)).then(reaction{adapt(onFulfilled), adapt(onRejected), derived})
}

// promiseFor is PromiseResolve with the realm's own constructor.
func (r *Realm) promiseFor(v Value) *promise {
	if p, ok := DataOf[*promise](v); ok && p.object.realm == r {
		return p
	}
	p := r.newPromise()
	p.resolve(v)
	return p
}

// resolve is a promise's resolve function: it adopts thenables.
func (p *promise) resolve(v Value) {
	r := p.object.realm
	o, ok := v.(*Object)
	if !ok {
		p.settle(fulfilled, v)
		return
	}
	if o == p.object {
		p.reject(r.NewError("TypeError", "Chaining cycle detected for promise #<Promise>"))
		return
	}
	then, err := o.Get("then")
	if err != nil {
		p.reject(r.Throw(err).Value)
		return
	}
	f, ok := AsFunc(then)
	if !ok {
		p.settle(fulfilled, v)
		return
	}
	r.queueJob(func() error {
		resolve, reject := p.functions()
		if _, err := f.Call(o, resolve, reject); err != nil && !r.isEnding(err) {
			_, err = reject.Call(Undefined, r.Throw(err).Value)
			return err
		}
		return nil
	})
}

func (p *promise) reject(reason Value) {
	p.settle(rejected, reason)
	if !p.handled {
		l := p.object.realm.loop
		l.rejected = append(l.rejected, p)
	}
}

// functions makes the pair that settles p, of which only the first call counts.
func (p *promise) functions() (resolve, reject *Object) {
	done := false
	r := p.object.realm
	resolve = r.NewFunc("", func(c Call) (Value, error) {
		if !done {
			done = true
			p.resolve(c.Arg(0))
		}
		return Undefined, nil
	})
	reject = r.NewFunc("", func(c Call) (Value, error) {
		if !done {
			done = true
			p.reject(c.Arg(0))
		}
		return Undefined, nil
	})
	return resolve, reject
}

func (p *promise) settle(state promiseState, v Value) {
	p.state, p.value = state, v
	reactions := p.reactions
	p.reactions = nil
	for _, re := range reactions {
		p.queue(re)
	}
}

// then is PerformPromiseThen.
func (p *promise) then(re reaction) {
	p.handled = true
	if p.state == pending {
		p.reactions = append(p.reactions, re)
		return
	}
	p.queue(re)
}

func (p *promise) queue(re reaction) {
	handler := re.onFulfilled
	if p.state == rejected {
		handler = re.onRejected
	}
	state, value := p.state, p.value
	r := p.object.realm
	r.queueJob(func() error {
		v, threw := value, state == rejected
		if handler != nil {
			out, err := handler(value)
			if err != nil && r.isEnding(err) {
				return err
			}
			v, threw = orUndefined(out), err != nil
			if threw {
				v = r.Throw(err).Value
			}
		}
		switch {
		case re.derived == nil:
		case threw:
			re.derived.reject(v)
		default:
			re.derived.resolve(v)
		}
		return nil
	})
}
