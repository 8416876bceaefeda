package simbrowser

import (
	"container/heap"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// World is all there is in one simulation: one true clock, the sites, and the browsers. It belongs to one goroutine. A handler
// that a World calls must not use the World.
type World struct {
	ctx      context.Context // of the whole simulation: the guests run inside of Pass and of every input
	module   *host.Module
	seed     uint64
	now      atomic.Int64 // nanoseconds since the epoch, by the true clock; sites read it while it is moved
	sites    map[string]http.Handler
	browsers []*Browser
	events   eventQueue
	order    uint64
	trace    []Exchange
	running  bool
	sleep    func(time.Duration) // see InBubble
	wait     func()
	streams  []*stream // whose handlers run
}

// NewWorld makes a world in which the module is every page's agent. Everything random in it follows from the seed.
func NewWorld(ctx context.Context, module *host.Module, seed uint64, start time.Time) *World {
	w := &World{ctx: ctx, module: module, seed: seed, sites: map[string]http.Handler{}}
	w.now.Store(start.UnixNano())
	return w
}

// Serve makes a handler answer all requests for an origin, such as https://records.example.
func (w *World) Serve(origin string, handler http.Handler) { w.sites[origin] = handler }

// Now is the true time: what the verifier's clock shows.
func (w *World) Now() time.Time { return time.Unix(0, w.now.Load()).UTC() }

// Trace is every exchange with a site so far, in the order in which the requests arrived.
func (w *World) Trace() []Exchange { return w.trace }

// Pass lets time pass and runs everything that becomes due on the way, each at its own time. With 0 it runs what is due now.
// An error means that the simulation itself is broken.
func (w *World) Pass(d time.Duration) error {
	if w.running {
		return fmt.Errorf("simbrowser: Pass within Pass")
	}
	w.running = true
	defer func() { w.running = false }()
	w.pump() // a test may have done something that a stream tells
	until := w.now.Load() + int64(d)
	for range maxSteps {
		next, ok := w.next()
		if limit := w.now.Load() + int64(streamStep); len(w.streams) > 0 && limit < until && (!ok || next > limit) {
			next, ok = limit, true
		}
		if !ok || next > until {
			if err := w.moveTo(until); err != nil || len(w.events) == 0 || w.wait == nil || w.events[0].at > until {
				return err
			}
			next = until // a stream's handler wrote something just now
		}
		if err := w.moveTo(next); err != nil {
			return err
		}
		// A handler may let a tab do something, and a tab may reach a site: each is an event of its own.
		for len(w.events) > 0 && w.events[0].at <= w.now.Load() {
			heap.Pop(&w.events).(*event).run()
		}
	}
	return fmt.Errorf("simbrowser: more than %d things happened within %s", maxSteps, d)
}

const maxSteps = 50_000_000

// next is when the next thing happens, by the true clock, and never in the past.
func (w *World) next() (int64, bool) {
	next, ok := int64(0), false
	if len(w.events) > 0 {
		next, ok = w.events[0].at, true
	}
	for _, b := range w.browsers {
		if at, has := b.next(); has && (!ok || at < next) {
			next, ok = at, true
		}
	}
	return max(next, w.now.Load()), ok
}

// moveTo moves all clocks to a time at or before the next event, and runs what is due in the browsers then.
func (w *World) moveTo(at int64) error {
	passed := at - w.now.Load()
	w.now.Store(at)
	if w.wait != nil {
		w.sleep(time.Duration(passed))
		w.pump()
	}
	for _, b := range w.browsers {
		if err := b.pass(passed); err != nil {
			return err
		}
	}
	return nil
}

// at queues something to happen at a true time.
func (w *World) at(when int64, run func()) {
	w.order++
	heap.Push(&w.events, &event{at: max(when, w.now.Load()), order: w.order, run: run})
}

func (w *World) after(d time.Duration, run func()) { w.at(w.now.Load()+int64(d), run) }

// event is something outside of every browser: a request that arrives, an answer that comes back.
type event struct {
	at    int64
	order uint64
	run   func()
}

type eventQueue []*event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *eventQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
