package main

import (
	"strconv"
	"time"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/shed"
	"github.com/curfew-project/curfew/verifier/steer"
)

// Milliseconds.
const (
	second  = int64(1000)
	minute  = 60 * second
	renewal = 5 * minute // of the cookie (D4)
	life    = 10 * minute
	gaveUp  = 15 * second // agents wait no longer for an answer
)

// times are those that are most often at risk: a session that ends by inactivity unless its heartbeats arrive.
var times = policy.Settings{SessionTimeout: 12 * time.Hour, SessionWarning: 20 * time.Minute,
	InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}

// kept is what the verifiers know of one session.
type kept struct {
	state   deadline.State
	seq     uint64
	expires int64 // of the cookie
	ended   bool  // by time; the page was told, or would be
}

// replicas are all verifiers together, as one server of so much capacity. Heartbeats wait in two lines: those that can wait, and those that
// cannot, which go first.
type replicas struct {
	steered  bool
	capacity float64 // heartbeats of the population a millisecond; 0: no bound
	weight   float64 // pages of the population for each that is simulated
	number   int     // of replicas
	down     bool
	open     int // simulated event streams

	at      int64      // of the lines
	waiting [3]float64 // heartbeats in front, by class
}

// Costs in heartbeats. A request for a nonce and a refusal verify no signature.
const (
	cheap   = 0.2
	refused = 0.15
)

func (r *replicas) work(now int64) {
	done := float64(now-r.at) * r.capacity
	r.at = now
	for _, class := range [...]shed.Class{shed.Urgent, shed.Routine} {
		part := min(done, r.waiting[class])
		r.waiting[class] -= part
		done -= part
	}
}

// enter puts a request into its line and returns how long it waits there, or false when it is turned away.
func (r *replicas) enter(class shed.Class, cost float64, now int64) (wait int64, ok bool) {
	if r.capacity == 0 {
		return 0, true
	}
	r.work(now)
	wait = int64(r.waiting[shed.Urgent] / r.capacity)
	if class == shed.Routine {
		wait += int64(r.waiting[shed.Routine] / r.capacity)
	}
	if r.steered && wait > class.Patience().Milliseconds() {
		r.waiting[shed.Urgent] += refused * r.weight
		return 0, false
	}
	r.waiting[class] += cost * r.weight
	return wait, true
}

func (r *replicas) pressure() float64 {
	if r.capacity == 0 || !r.steered {
		return 0
	}
	return min(1, (r.waiting[shed.Urgent]+r.waiting[shed.Routine])/r.capacity/float64(shed.Routine.Patience().Milliseconds()))
}

// streams is how many event streams one replica has open.
func (r *replicas) streams() int { return int(float64(r.open)*r.weight) / r.number }

// answer answers a heartbeat. busy tells that it was turned away.
func (w *world) answer(p *page, request agent.Request, now int64) (wire.Reply, error) {
	w.arrives(now)
	r, s := &w.replicas, &p.session
	p.Latency = latency
	if r.down {
		return wire.Reply{}, agenttest.ErrUnreachable
	}
	class := shed.Routine
	slack := time.Duration(s.expires-renewal/4-now) * time.Millisecond
	if r.steered && slack <= 0 {
		class = shed.Urgent
	}
	cost := 1.0
	if request.Nonce == "" {
		cost = cheap
	}
	wait, ok := r.enter(class, cost, now)
	switch {
	case !ok:
		w.turned++
		return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.Unavailable, RetryAfter: steer.Again(slack, uint64(now), p.seed).Milliseconds()}}
	case wait > gaveUp: // the answer comes too late, and was worked for all the same
		w.lost++
		p.Latency = gaveUp
		return wire.Reply{}, agenttest.ErrUnreachable
	}
	p.Latency = latency + wait
	now += wait

	if s.state = deadline.Step(s.state, deadline.Tick{}, now); s.state.EndedAt != 0 {
		s.ended = true
		return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.SessionEnded, Reason: s.state.Reason}}
	}
	issued, err := strconv.ParseInt(request.Nonce, 36, 64)
	if err != nil || now-issued > 5*minute {
		return wire.Reply{}, w.again(p, wire.UseNonce, now)
	}
	if request.Beat.Seq <= s.seq {
		return wire.Reply{}, w.again(p, wire.Replayed, now)
	}
	s.seq = request.Beat.Seq
	s.state = deadline.Step(s.state, deadline.Report{At: min(now, issued+request.Beat.Age) - request.Beat.Idle}, now)
	ends, _ := s.state.Ends()
	s.expires = min(now+renewal, ends)

	interval := minute
	if r.steered {
		interval = steer.Interval(time.Duration(renewal)*time.Millisecond, r.pressure(), p.seed, uint64(now)).Milliseconds()
	}
	state, set := s.state, s.state.Settings
	return wire.Reply{
		Now: now, Phase: state.Phase(now), Warning: state.Warning(now), Began: state.Began, Active: state.Active,
		SessionEnds: state.SessionEnds(), InactivityEnds: state.InactivityEnds(),
		Settings: wire.Settings{SessionTimeout: set.SessionTimeout.Milliseconds(), SessionWarning: set.SessionWarning.Milliseconds(),
			InactivityTimeout: set.InactivityTimeout.Milliseconds(), InactivityWarning: set.InactivityWarning.Milliseconds()},
		Seq: s.seq, Nonce: strconv.FormatInt(now, 36), Interval: interval, User: "user",
	}, nil
}

func (w *world) again(p *page, code wire.Code, now int64) error {
	return &agent.Refused{Refusal: wire.Refusal{Error: code, Nonce: strconv.FormatInt(now, 36), SID: p.sid, Key: "key", Seq: p.session.seq}}
}
