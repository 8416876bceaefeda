//go:build js && wasm

package siblings

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/tabs"
)

// lock is a Web Lock.
type lock struct {
	locks, abort, promise safejs.Value
	name                  string
	led                   func(bool)
	entrust               func(release safejs.Value)

	state   tabs.Want // what was asked of the browser: "": nothing yet
	held    bool
	turn    int    // counts requests: what an earlier one brings means nothing any more
	release func() // gives up the request under way, or the lock
}

// newLock returns nil where the browser has no locks.
func newLock(name string, led func(bool), entrust func(safejs.Value)) (*lock, error) {
	l := &lock{name: name, led: led, entrust: entrust, state: tabs.None}
	navigator, ok := optional(safejs.Global(), "navigator")
	if !ok {
		return nil, nil
	}
	if l.locks, ok = optional(navigator, "locks"); !ok {
		return nil, nil
	}
	var err error
	if l.abort, err = jsvalue.Object(safejs.Global(), "AbortController"); err != nil {
		return nil, err
	}
	l.promise, err = jsvalue.Object(safejs.Global(), "Promise")
	return l, err
}

func (l *lock) want(want tabs.Want) {
	switch {
	case want == l.state, want == tabs.Steal && l.held, want == "":
	case want == tabs.None:
		l.give()
	case want == tabs.Queue && l.state == tabs.Steal:
		l.state = tabs.Queue // it has got what it wanted, or is about to
	default:
		l.give()
		l.state = want
		if err := l.request(want == tabs.Steal); err != nil {
			l.held = true
			l.led(true) // a page that gets no lock is on its own
		}
	}
}

// give gives back what this tab has or waits for.
func (l *lock) give() {
	l.turn++
	l.state = tabs.None
	if l.release != nil {
		l.release()
		l.release = nil
	}
	if l.held {
		l.held = false
		l.led(false)
	}
}

func (l *lock) request(steal bool) error {
	l.turn++
	turn := l.turn
	options := map[string]any{}
	if steal {
		options["steal"] = true
	} else {
		controller, err := l.abort.New()
		if err != nil {
			return err
		}
		signal, err := jsvalue.Object(controller, "signal")
		if err != nil {
			return err
		}
		options["signal"] = signal
		l.release = func() { _, _ = controller.Call("abort") }
	}
	granted, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		if turn != l.turn {
			return nil // given up before its turn came: this gives the lock back at once
		}
		held, err := l.hold()
		if err != nil {
			return nil
		}
		l.held = true
		l.led(true)
		return held
	})
	if err != nil {
		return err
	}
	promise, err := l.locks.Call("request", l.name, options, granted)
	if err != nil {
		granted.Release()
		return err
	}
	go func() {
		_, err := jsvalue.Await(nil, promise)
		granted.Release()
		if turn != l.turn {
			return
		}
		// Somebody took it, or the browser refuses locks to this page: such a page is on its own.
		stolen := l.held
		l.state, l.release = tabs.None, nil
		switch {
		case stolen:
			l.held = false
			l.led(false)
			l.want(tabs.Queue)
		case err != nil:
			l.state, l.held = tabs.Queue, true
			l.led(true)
		}
	}()
	return nil
}

// hold returns a promise that keeps the lock until it is given back.
func (l *lock) hold() (safejs.Value, error) {
	var resolve safejs.Value
	executor, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		if len(args) > 0 {
			resolve = args[0]
		}
		return nil
	})
	if err != nil {
		return safejs.Undefined(), err
	}
	defer executor.Release()
	held, err := l.promise.New(executor)
	if err == nil {
		l.release = func() { _, _ = resolve.Invoke() }
		l.entrust(resolve)
	}
	return held, err
}
