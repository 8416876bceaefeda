package main

import (
	"container/heap"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/steer"
)

const latency = 20 // milliseconds, each way

// page is one browser's leading page, with its event stream.
type page struct {
	agenttest.Drive
	sid     string
	seed    uint64
	opened  bool
	session kept

	streamOpen bool
	streamAt   int64 // when it is opened again, or has lived
	toldAt     int64 // when it is told that the settings have changed; 0: it is not
}

// due is when something happens to a page.
func (p *page) due() int64 {
	due := p.streamAt
	if p.opened {
		due = min(due, p.Next())
	}
	if p.toldAt != 0 {
		due = min(due, p.toldAt)
	}
	return due
}

// event is something that happens at an instant: to a page, or what do does.
type event struct {
	at   int64
	page *page
	do   func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// world is a population and its verifiers in virtual time.
type world struct {
	start, now int64
	dice       *rand.Rand
	replicas   replicas
	pages      []page
	queue      events

	curve  []float64 // arrivals of the population in each second from the start: heartbeats and event streams
	turned int       // heartbeats that were turned away
	lost   int       // answers that came too late
}

// setup is what a world begins with.
type setup struct {
	pages      int // simulated
	population int
	replicas   int
	capacity   float64 // heartbeats a second for all; 0: no bound
	steered    bool
	seed       uint64
	length     int64
}

// morning is when every world begins.
const morning = int64(1_800_000_000_000)

func newWorld(of setup) *world {
	w := &world{start: morning, now: morning, dice: rand.New(rand.NewPCG(of.seed, 0)), pages: make([]page, of.pages), curve: make([]float64, of.length/second)}
	w.replicas = replicas{steered: of.steered, capacity: of.capacity / 1000, weight: float64(of.population) / float64(of.pages), number: of.replicas, at: morning}
	return w
}

// open lets a page come at an instant. Its session began a while ago, and its user has been active since.
func (w *world) open(p *page, at int64) {
	p.seed = w.dice.Uint64()
	p.sid = strconv.FormatUint(p.seed, 36)
	p.session = kept{state: deadline.Begin(times, at-minute), expires: at + renewal - w.dice.Int64N(minute)}
	p.Now, p.Mono = at, 200+w.dice.Int64N(600) // a page's clock begins with it
	p.Verifier = func(request agent.Request, now int64) (wire.Reply, error) { return w.answer(p, request, now) }
	p.streamAt = at + second
	w.at(at, func() {
		p.opened = true
		p.Act()
		p.Wake()
		heap.Push(&w.queue, event{at: p.due(), page: p})
	})
}

func (w *world) at(at int64, do func()) { heap.Push(&w.queue, event{at: at, do: do}) }

// arrives counts a request.
func (w *world) arrives(now int64) {
	if i := (now - w.start) / second; i < int64(len(w.curve)) {
		w.curve[i] += w.replicas.weight
	}
}

// run lets everything happen until the end of the curve.
func (w *world) run() {
	for until := w.start + int64(len(w.curve))*second; len(w.queue) > 0 && w.queue[0].at < until; {
		e := w.queue[0]
		w.now = max(w.now, e.at)
		if e.page == nil {
			heap.Pop(&w.queue)
			e.do()
			continue
		}
		p := e.page
		if due := p.due(); due > w.now { // what it was waiting for has moved
			w.queue[0].at = due
			heap.Fix(&w.queue, 0)
			continue
		}
		w.happen(p)
		w.queue[0].at = p.due()
		heap.Fix(&w.queue, 0)
	}
}

// happen does what is due to a page now.
func (w *world) happen(p *page) {
	p.Act() // its user is always there
	p.Pass(w.now - p.Now)
	if p.toldAt != 0 && p.toldAt <= w.now {
		p.toldAt = 0
		p.Changed()
	}
	if p.streamAt <= w.now {
		w.stream(p)
	}
	p.Told, p.Posts = p.Told[:0], p.Posts[:0]
}

// stream opens or ends an event stream, as browsers and agent/browser/siblings do.
func (w *world) stream(p *page) {
	if p.streamOpen { // it has lived
		p.streamOpen = false
		w.replicas.open--
		p.streamAt = w.now + second
		return
	}
	w.arrives(w.now)
	if w.replicas.down {
		p.streamAt = w.now + 30*second + p.Mono%(30*second)
		return
	}
	p.streamOpen = true
	w.replicas.open++
	if p.streamAt = w.now + life; w.replicas.steered {
		p.streamAt = w.now + steer.Life(time.Duration(life)*time.Millisecond, p.seed, uint64(w.now)).Milliseconds()
	}
}

// cut closes all event streams at once.
func (w *world) cut() {
	open := w.replicas.streams()
	for i := range w.pages {
		p := &w.pages[i]
		if !p.streamOpen {
			continue
		}
		p.streamOpen = false
		after := 2000 + 20*int64(byte(p.seed)) // over five seconds, whatever their number
		if w.replicas.steered {
			after = steer.Reopen(open, p.seed, uint64(w.now)).Milliseconds()
		}
		p.streamAt = w.now + after
		w.wake(p)
	}
	w.replicas.open = 0
}

// tell tells all pages with a stream that the settings have changed.
func (w *world) tell() {
	open := w.replicas.streams()
	for i := range w.pages {
		p := &w.pages[i]
		if !p.streamOpen {
			continue
		}
		after := 2 * second * int64(byte(p.seed>>8)) / 256 // over two seconds, whatever their number
		if w.replicas.steered {
			after = steer.Turn(open, p.seed).Milliseconds()
		}
		p.toldAt = w.now + max(after, 1)
		w.wake(p)
	}
}

// wake puts a page into the queue once more, because what it waits for may be nearer now. The older entry finds nothing due, and is moved.
func (w *world) wake(p *page) {
	w.at(p.due(), func() {
		if p.due() <= w.now {
			w.happen(p)
		}
	})
}

// signedOut is how many pages' sessions have ended: all of their users were there.
func (w *world) signedOut() (n int) {
	for i := range w.pages {
		p := &w.pages[i]
		state := deadline.Step(p.session.state, deadline.Tick{}, w.now)
		if p.opened && state.EndedAt != 0 {
			n++
		}
	}
	return n
}

// covered is how many pages show something else than themselves.
func (w *world) covered() (n int) {
	for i := range w.pages {
		if p := &w.pages[i]; p.opened && p.Orders.Cover != nil {
			n++
		}
	}
	return n
}
