package host

import (
	"math"
	"time"
)

// timeoutDelay turns setTimeout's milliseconds into a length: truncated, at least one, and one when it does not fit 32 bits,
// as Node does it. (Browsers allow zero and raise nested timers to four milliseconds.)
func timeoutDelay(ms float64) time.Duration {
	if ms != ms || ms < 1 || ms > math.MaxInt32 {
		ms = 1
	}
	return time.Duration(ms) * time.Millisecond
}

// defineTimers defines setTimeout, setInterval, what clears them, queueMicrotask and performance.
func (r *Realm) defineTimers() {
	clearTimer := func(c Call) (Value, error) {
		f, err := c.Number(0)
		if t := r.timeouts[int(f)]; t != nil && err == nil {
			t.Stop()
			delete(r.timeouts, int(f))
		}
		return Undefined, err
	}
	r.global.
		DefineFunc("setTimeout", func(c Call) (Value, error) { return r.startTimer(c, false) }).
		DefineFunc("setInterval", func(c Call) (Value, error) { return r.startTimer(c, true) }).
		DefineFunc("clearTimeout", clearTimer).
		DefineFunc("clearInterval", clearTimer).
		DefineFunc("queueMicrotask", func(c Call) (Value, error) {
			f, err := c.Func(0)
			if err != nil {
				return nil, err
			}
			r.queueJob(func() error { _, err := f.Call(Undefined); return err })
			return Undefined, nil
		})
	r.namespace("performance").
		DefineFunc("now", func(Call) (Value, error) {
			return Number(float64(r.monotonic()) / float64(time.Millisecond)), nil
		}).
		Define("timeOrigin", Number(float64(r.origin.WallMillis())))
}

func (r *Realm) startTimer(c Call, again bool) (Value, error) {
	f, err := c.Func(0)
	if err != nil {
		return nil, err
	}
	ms, err := c.Number(1)
	if err != nil {
		return nil, err
	}
	var args []Value
	if len(c.Args) > 2 {
		args = c.Args[2:]
	}
	r.timeout++
	id, delay := r.timeout, timeoutDelay(ms)
	var fire func() error
	fire = func() error {
		if again {
			r.timeouts[id] = r.SetTimeout(delay, fire)
		} else {
			delete(r.timeouts, id)
		}
		_, err := f.Call(Undefined, args...)
		return err
	}
	r.timeouts[id] = r.SetTimeout(delay, fire)
	return Number(id), nil
}
