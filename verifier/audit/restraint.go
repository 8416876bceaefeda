package audit

import (
	"fmt"
	"sync"

	"github.com/curfew-project/curfew/shared/wire"
)

// Restraint keeps those who are refused again and again from filling the audit: of one kind of refusal in one environment it passes on
// so many in a row, and then so many a second. The others are counted, and an entry says how many there were. Nothing else is held back.
// It is safe for concurrent use.
type Restraint struct {
	record Recorder

	mu sync.Mutex
	of map[refusal]*bucket
}

const (
	inARow    = 200
	perSecond = 2
	// tellAfter is how long refusals that were held back wait for an entry that says so, in milliseconds.
	tellAfter = 60_000
)

// refusal is what is counted together. Environments and codes are few, so there are few of these.
type refusal struct {
	kind        Kind
	environment string
	code        wire.Code
	actor       string // so that nobody in particular cannot hide what an administrator tries
}

type bucket struct {
	room  int64 // thousandths of an entry
	last  int64 // when it was filled up
	held  int
	since int64 // when the first of them was held back
}

// NewRestraint passes on to record.
func NewRestraint(record Recorder) *Restraint {
	return &Restraint{record: record, of: map[refusal]*bucket{}}
}

// Record is a Recorder.
func (r *Restraint) Record(e Event) {
	if (e.Kind == Refused || e.Kind == AdminRefused) && !r.passes(e) {
		return
	}
	r.record(e)
}

// maxRefusals bounds what is counted apart. Names of environments that somebody makes up count together.
const maxRefusals = 1 << 12

func (r *Restraint) passes(e Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refusal{e.Kind, e.Environment, e.Code, e.Actor}
	b := r.of[key]
	if b == nil && len(r.of) >= maxRefusals {
		key.environment, key.actor = "", ""
		b = r.of[key]
	}
	if b == nil {
		b = &bucket{room: inARow * 1000, last: e.At}
		r.of[key] = b
	}
	if passed := e.At - b.last; passed > 0 {
		b.room = min(b.room+min(passed, inARow*1000)*perSecond, inARow*1000)
		b.last = e.At
	}
	if b.room >= 1000 {
		b.room -= 1000
		return true
	}
	if b.held++; b.held == 1 {
		b.since = e.At
	}
	return false
}

// Tell records how many refusals were held back, of those that have waited for a minute, or with all of all. Call it now and then.
func (r *Restraint) Tell(now int64, all bool) {
	var told []Event
	r.mu.Lock()
	for key, b := range r.of {
		if b.held > 0 && (all || now-b.since >= tellAfter) {
			told = append(told, Event{At: now, Kind: key.kind, Environment: key.environment, Code: key.code, Actor: key.actor,
				Detail: fmt.Sprintf("%d more of these in %d seconds were counted and not recorded one by one", b.held, max(now-b.since, 0)/1000+1)})
			b.held = 0
		}
		if b.held == 0 && now-b.last > 2*tellAfter {
			delete(r.of, key)
		}
	}
	r.mu.Unlock()
	for _, e := range told {
		r.record(e)
	}
}
