package simbrowser

import (
	"slices"
	"strings"

	"github.com/curfew-project/curfew/wasm/host"
)

// lockRequest is one call of navigator.locks.request, and the lock that comes of it.
type lockRequest struct {
	page     *page
	key      string // origin and name
	name     string
	steal    bool
	callback *host.Object
	outcome  *host.Deferred // of the promise that request() returned
	started  bool           // the callback was called
	over     bool           // aborted, stolen or released: nothing of it counts any more
}

// lockOptions are the options that mean something here; another one is refused.
var lockOptions = []string{"signal", "steal"}

// locks is the part of LockManager (Web Locks API) that the agent uses: exclusive locks, with a signal or stolen.
func (p *page) locks() *host.Object {
	return p.realm.NewObject().DefineFunc("request", func(c host.Call) (host.Value, error) {
		r, stop, err := p.lockArguments(c)
		if err != nil {
			return p.realm.Rejected(err), nil
		}
		r.outcome = p.realm.NewDeferred()
		if stop != nil {
			if stop.aborted {
				return p.realm.Rejected(aborted()), nil
			}
			stop.onabort = append(stop.onabort, r.abort)
		}
		b := p.tab.browser
		p.toLocks.carry(func() { b.arriveLock(r) })
		return r.outcome.Promise, nil
	})
}

func aborted() error { return host.Errorf("AbortError", "signal is aborted without reason") }

func (p *page) lockArguments(c host.Call) (r *lockRequest, stop *signal, err error) {
	r = &lockRequest{page: p}
	if r.name, err = c.String(0); err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(r.name, "-") {
		return nil, nil, host.Errorf("NotSupportedError", "Names cannot start with '-'.")
	}
	r.key = originOf(p.tab.address) + " " + r.name
	callback := c.Arg(1)
	if len(c.Args) > 2 {
		callback = c.Arg(2)
		options, err := c.Object(1)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range options.Keys() {
			if !slices.Contains(lockOptions, name) {
				return nil, nil, host.TypeError("simbrowser: locks.request has no option %s", name)
			}
		}
		steal, err := options.Get("steal")
		if err != nil {
			return nil, nil, err
		}
		given, err := options.Get("signal")
		if err != nil {
			return nil, nil, err
		}
		r.steal = host.Truthy(steal)
		stop, _ = host.DataOf[*signal](given)
		if stop == nil && given != host.Undefined {
			return nil, nil, host.TypeError("member signal is not of type 'AbortSignal'.")
		}
		if stop != nil && r.steal {
			return nil, nil, host.Errorf("NotSupportedError", "The 'signal' and 'steal' options cannot be used together.")
		}
	}
	f, ok := host.AsFunc(callback)
	if !ok {
		return nil, nil, host.TypeError("parameter 2 is not of type 'Function'.")
	}
	r.callback = f
	return r, stop, nil
}

// abort gives a request up that has not been granted, as far as its page knows. The promise is rejected at once.
func (r *lockRequest) abort() {
	if r.started || r.over {
		return
	}
	r.over = true
	r.outcome.Reject(aborted())
	b := r.page.tab.browser
	r.page.toLocks.carry(func() { b.leaveLock(r) })
}

// arriveLock is a request's arrival where the browser keeps the locks of all its pages.
func (b *Browser) arriveLock(r *lockRequest) {
	if r.over || r.page.realm.Killed() {
		return
	}
	queue := b.locks[r.key]
	if len(queue) > 0 && queue[0].page.cached && !r.steal {
		// A request throws the page that has the lock out of the back/forward cache. One that waited already does not.
		queue[0].page.evict()
		queue = b.locks[r.key]
	}
	if !r.steal {
		b.locks[r.key] = append(queue, r)
		if len(queue) == 0 {
			r.grant()
		}
		return
	}
	if len(queue) == 0 {
		b.locks[r.key] = []*lockRequest{r}
	} else {
		queue[0].stolen()
		queue[0] = r
	}
	r.grant()
}

// leaveLock takes a request out of its queue, and what it held goes to the next one.
func (b *Browser) leaveLock(r *lockRequest) {
	queue := b.locks[r.key]
	at := slices.Index(queue, r)
	if at < 0 {
		return
	}
	queue = slices.Delete(queue, at, at+1)
	if len(queue) == 0 {
		delete(b.locks, r.key)
		return
	}
	b.locks[r.key] = queue
	if at == 0 {
		queue[0].grant()
	}
}

// dropLocks frees whatever a page holds or waits for: its process is gone.
func (b *Browser) dropLocks(p *page) {
	var dropped []*lockRequest
	for _, queue := range b.locks {
		for _, r := range queue {
			if r.page == p {
				dropped = append(dropped, r)
			}
		}
	}
	slices.SortStableFunc(dropped, func(a, b *lockRequest) int { return strings.Compare(a.key, b.key) })
	for _, r := range dropped {
		b.leaveLock(r)
	}
}

// grant tells the page that it has the lock. A frozen page has it from now on and knows it when it thaws.
func (r *lockRequest) grant() {
	p := r.page
	p.fromLocks.carry(func() { p.realm.Post(r.start) })
}

// start calls the callback. The lock is held until what it returns settles.
func (r *lockRequest) start() error {
	if r.over {
		return nil // aborted meanwhile
	}
	r.started = true
	p := r.page
	lock := p.realm.NewObject().Define("name", host.String(r.name)).Define("mode", host.String("exclusive"))
	v, err := r.callback.Call(host.Undefined, lock)
	if err != nil {
		v = p.realm.Rejected(err)
	}
	p.realm.Then(v, func(v host.Value) error {
		r.release()
		r.outcome.Resolve(v)
		return nil
	}, func(reason host.Value) error {
		r.release()
		r.outcome.Reject(&host.Throw{Value: reason})
		return nil
	})
	return nil
}

func (r *lockRequest) release() {
	if !r.over {
		r.over = true
		b := r.page.tab.browser
		r.page.toLocks.carry(func() { b.leaveLock(r) })
	}
}

// stolen tells the page that another one has its lock now.
func (r *lockRequest) stolen() {
	p := r.page
	p.fromLocks.carry(func() {
		p.realm.Post(func() error {
			r.over = true
			r.outcome.Reject(host.Errorf("AbortError", "Lock broken by another request with the 'steal' option."))
			return nil
		})
	})
}
