package simbrowser

import (
	"math"

	"github.com/curfew-project/curfew/wasm/host"
)

// stamp is both clocks in milliseconds: Date.now() and performance.now().
type stamp struct{ wall, mono float64 }

var never = stamp{math.Inf(1), math.Inf(1)}

func (s stamp) apart() float64 { return s.wall - s.mono }

func (p *page) stamp() stamp {
	clock := p.tab.browser.clock
	return stamp{float64(clock.WallMillis()), float64(clock.Mono-p.began) / 1e6}
}

func (s stamp) after(millis float64) stamp { return stamp{s.wall + millis, s.mono + millis} }

// beyond reports whether a limit has passed by one of the clocks.
func (s stamp) beyond(limit stamp) bool { return s.wall > limit.wall || s.mono > limit.mono }

// activity is wasm/loader/activity.js: the times of human activity, and what happens when it comes later than expected.
type activity struct {
	page   *page
	object *host.Object // what the agent reads
	x, y   float64
	moved  bool
	due    stamp   // the agent has looked at the page by then, or there was a gap
	apart  float64 // what the two clocks differed by when it last did
	gap    func() error
}

func newActivity(p *page) *activity {
	object := p.realm.NewObject().Define("wall", host.Number(0)).Define("mono", host.Number(0))
	return &activity{page: p, object: object, due: never}
}

// input is one raw event as window's capture listeners see it.
type input struct {
	kind    string
	trusted bool
	x, y    float64 // screenX and screenY of a pointermove
}

// countedKinds are the events that are human activity when a person caused them. Scroll events are not among them: a script can
// cause trusted ones.
var countedKinds = map[string]bool{
	"pointerdown": true, "pointermove": true, "keydown": true, "wheel": true, "touchstart": true, "touchmove": true,
}

func (a *activity) take(in input) error {
	if !countedKinds[in.kind] || !in.trusted {
		return nil
	}
	if in.kind == "pointermove" {
		if a.moved && in.x == a.x && in.y == a.y {
			return nil
		}
		first := !a.moved
		a.moved, a.x, a.y = true, in.x, in.y
		if first {
			return nil
		}
	}
	now := a.page.stamp()
	a.object.Define("wall", host.Number(now.wall)).Define("mono", host.Number(now.mono))
	if a.late() {
		return a.gap()
	}
	return nil
}

// How late in milliseconds the agent wakes without any gap, while the page is seen and while it is hidden, and how far the clocks
// may move apart.
const (
	lateSeen   = 10_000
	lateHidden = 75_000
	maxApart   = 5_000
)

// expect sets when the agent means to wake and when the session ends, in milliseconds from now; 0: unknown.
func (a *activity) expect(wake, end float64) {
	now := a.page.stamp()
	limit := wake + lateHidden
	if a.page.visible() {
		limit = wake + lateSeen
	}
	if end > 0 {
		limit = min(limit, end)
	}
	a.due, a.apart = now.after(limit), now.apart()
}

// late reports whether there was a gap (A13).
func (a *activity) late() bool {
	now := a.page.stamp()
	return now.beyond(a.due) || a.due != never && math.Abs(now.apart()-a.apart) > maxApart
}
