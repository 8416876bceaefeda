package shed

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/steer"
)

// LimitsFor are the limits for a number of processors. So many heartbeats are carried out at once that a store in another process is kept
// busy, and so few that a check that comes meanwhile is answered within some ten milliseconds. As many wait as are carried out within their
// patience.
func LimitsFor(processors int) Limits {
	return Limits{
		Checks: 512 * processors, Heartbeats: 64 * processors,
		Waiting: [classes]int{Check: 8192 * processors, Urgent: 8192 * processors, Routine: 2048 * processors},
	}
}

// Shedder is a Gate for HTTP requests. It is safe for concurrent use.
type Shedder struct {
	mu       sync.Mutex
	gate     *Gate
	full     atomic.Bool  // there is no room for a heartbeat that can wait; told without waiting for mu
	pressure atomic.Int64 // likewise
	turned   [classes]atomic.Uint64
	now      func() time.Time
}

// New makes a shedder. now is for choosing when who is refused comes back.
func New(limits Limits, now func() time.Time) *Shedder {
	return &Shedder{gate: NewGate(limits), now: now}
}

// Pressure is how full of heartbeats that can wait the verifier is, from 0 to 1 (see engine.Config). It does not block.
func (s *Shedder) Pressure() float64 { return float64(s.pressure.Load()) / pressureScale }

const pressureScale = 1000

// Turned is how many requests of a class were refused.
func (s *Shedder) Turned(c Class) uint64 { return s.turned[c].Load() }

// unknownSlack is that of a heartbeat whose cookie says nothing: nobody's session, most likely.
const unknownSlack = 30 * time.Second

// Slack is how long a heartbeat can wait without harm, as its cookie says; false: the cookie says nothing.
type Slack func(*http.Request) (time.Duration, bool)

// Tell is told of each request that is refused.
type Tell func(*http.Request, Class)

// Checks guards the handler of checks.
func (s *Shedder) Checks(tell Tell, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.enter(r.Context(), Check) {
			defer s.leave(Check)
			next.ServeHTTP(w, r)
			return
		}
		tell(r, Check)
		s.refuse(w, Check, 0)
	})
}

// Heartbeats guards the handler of heartbeats. slack is asked only when there is no room.
func (s *Shedder) Heartbeats(slack Slack, tell Tell, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 { // a body that never comes must not hold a place
			if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n > 0 {
				api.WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "a heartbeat has no body"})
				return
			}
		}
		class, rest := Routine, unknownSlack
		if s.full.Load() {
			if left, ok := slack(r); ok {
				if rest = left; left <= 0 {
					class = Urgent
				}
			}
		}
		if s.enter(r.Context(), class) {
			defer s.leave(class)
			next.ServeHTTP(w, r)
			return
		}
		tell(r, class)
		s.refuse(w, class, rest)
	})
}

// enter reports whether a request may be carried out. leave must follow.
func (s *Shedder) enter(ctx context.Context, class Class) bool {
	s.mu.Lock()
	if !s.gate.Full(class) {
		s.gate.Enter(&Ticket{Class: class})
		s.note()
		s.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	ticket := &Ticket{Class: class, Turn: func() { close(turn) }}
	place := s.gate.Enter(ticket)
	s.note()
	s.mu.Unlock()
	if place != Waits {
		s.turned[class].Add(1)
		return false
	}

	timer := time.NewTimer(class.Patience())
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.gate.GiveUp(ticket)
	s.note()
	if gone {
		s.turned[class].Add(1)
	}
	return !gone // otherwise its turn came at the last moment
}

func (s *Shedder) leave(class Class) {
	s.mu.Lock()
	s.gate.Leave(class)
	s.note()
	s.mu.Unlock()
}

// note notes what is told without mu.
func (s *Shedder) note() {
	if full := s.gate.Full(Routine); full != s.full.Load() {
		s.full.Store(full)
	}
	if pressure := int64(s.gate.Pressure() * pressureScale); pressure != s.pressure.Load() {
		s.pressure.Store(pressure)
	}
}

// refuse says that there is too much to do, and when to come back.
func (s *Shedder) refuse(w http.ResponseWriter, class Class, slack time.Duration) {
	seeds := []uint64{uint64(s.now().UnixNano()), s.turned[class].Load()}
	after := steer.Soon(seeds...)
	if class != Check {
		after = min(steer.Again(slack, seeds...), wire.MaxRetry*time.Millisecond)
	}
	w.Header().Set(api.HeaderReason, string(wire.Unavailable))
	api.WriteRefusal(w, wire.Refusal{
		Error: wire.Unavailable, Message: "the verifier has too much to do: " + class.String(), RetryAfter: after.Milliseconds(),
	})
}
