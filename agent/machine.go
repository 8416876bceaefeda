// Package agent is the agent without a browser: a state machine that decides, and a loop that carries out its decisions over
// small ports. It runs unchanged in a page, in simulations and in tests.
package agent

import (
	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Moment is what the machine is told with every input: the time and the last human activity.
type Moment struct {
	Now      activity.Stamp
	Activity activity.Stamp
}

// Request is a request that the machine wants sent. The machine has at most one under way.
type Request struct {
	SignOut bool   // sign-out instead of heartbeat
	Key     string // the thumbprint of the key to prove with
	Nonce   string // empty: no proof yet, ask for what it takes
	Beat    proof.Heartbeat
}

// Orders are what the machine wants done after an input. Show and Cover say what must be on the screen from now on.
type Orders struct {
	Send   *Request
	Show   *warning.View  // nil: no dialog
	Cover  *warning.Cover // nil: no cover
	Leave  string         // go to this address; said once
	SignIn bool           // go to the sign-in page, and back here afterwards; said once
	Anew   bool           // with SignIn: for a new session although this one lives (A2)
	Wake   int64          // milliseconds until the machine wants to be woken
	Ends   int64          // milliseconds until the first deadline that the verifier confirmed; 0: none known, or there is none
}

// Machine is the agent's whole state. It is not safe for concurrent use. The zero Machine has just been loaded and knows
// nothing; its first order is to ask the verifier.
type Machine struct {
	sid     string
	key     string // thumbprint
	seq     uint64
	nonce   string
	nonceAt activity.Stamp

	known    bool           // the verifier has answered at least once
	state    deadline.State // as the verifier last confirmed it; only its answers change it
	anchor   activity.Stamp // the client's clocks when the verifier's said anchored
	anchored deadline.Instant
	interval int64

	counted activity.Stamp // the last activity that counts, as Step judged it
	judged  activity.Stamp // the last activity that was judged, counted or not

	sending  bool
	sentStay bool // the request under way carries the choice to stay
	sentGap  bool // it was sent after the gap; not told by the clocks, which somebody may have set since
	sentAt   activity.Stamp
	waitFrom activity.Stamp // the next request is due wait after this
	wait     int64
	failures int // requests in a row that got no answer
	retries  int // refusals in a row that asked for a repetition

	staying   bool // the user chose to stay and the verifier has not confirmed it
	stayedAt  activity.Stamp
	leaving   bool             // the user chose to sign out
	gap       bool             // the page did not run for a while, and the verifier has not answered since
	dismissed deadline.Instant // the session end whose warning was dismissed (A2); 0: none
	late      bool             // it was dismissed in its last minute, when it had come back

	over   *warning.Cover // final: nothing but leaving the page changes it
	leave  string
	signIn bool
}

const (
	firstInterval = 60_000
	maxRetries    = 3
	firstBackoff  = 1_000
	lateBackoff   = 5_000 // the longest wait between attempts while something is at stake
	tick          = 1_000 // while a countdown shows
	// staleAfter is longer than any request takes: the machine slept while the answer was under way.
	staleAfter = 20_000
)

// Wake looks at the time and the activity.
func (m *Machine) Wake(at Moment) Orders { return m.orders(at) }

// Gap says that the page comes back from where it did not run, such as the back/forward cache: it stays covered until the
// verifier has answered (A13).
func (m *Machine) Gap(at Moment) Orders {
	m.gap, m.sentGap = true, false
	m.dueNow(at)
	return m.orders(at)
}

// Choose takes what the person picked.
func (m *Machine) Choose(at Moment, choice warning.Choice) Orders {
	switch choice {
	case warning.Stay:
		m.staying, m.stayedAt = true, at.Now
		m.dueNow(at)
	case warning.SignOut:
		m.leaving = true
		m.dueNow(at)
	case warning.Dismiss:
		m.dismissed, m.late = m.state.SessionEnds(), warning.InLastMinute(m.state, m.verifierNow(at.Now))
	case warning.Retry:
		m.dueNow(at)
	case warning.SignInAgain:
		m.signIn = true
	}
	return m.orders(at)
}

// Answered takes the verifier's reply to a heartbeat. Nothing but this moves a deadline.
func (m *Machine) Answered(at Moment, reply wire.Reply) Orders {
	m.sending, m.failures, m.retries = false, 0, 0
	m.seq = max(m.seq, reply.Seq)
	m.takeNonce(at, reply.Nonce)
	if at.Now.Since(m.sentAt) > staleAfter && reply.Phase != wire.Ended {
		// It says how things stood before the sleep, and halving the round trip would hide the sleep (A13). Ask again.
		m.dueNow(at)
		return m.orders(at)
	}
	m.anchor = at.Now
	// The verifier read its clock between sending and now; the middle is wrong by at most half the round trip.
	m.anchored = reply.Now + at.Now.Since(m.sentAt)/2
	m.known = true
	m.state = stateOf(reply)
	m.interval = reply.Interval
	if m.sentStay {
		m.staying = false
	}
	m.waitFrom, m.wait = at.Now, m.interval
	if ends, _ := m.state.Ends(); m.verifierNow(at.Now) >= ends {
		// The end is here by this page's estimate and was not yet by the verifier's clock: ask again when it is there too.
		m.wait = max(ends-reply.Now, 1)
	}
	if m.gap = m.gap && !m.sentGap; m.gap || m.staying || m.leaving {
		m.dueNow(at) // it happened while this answer was under way
	}
	if reply.Phase == wire.Ended {
		m.end(warning.Ended(reply.Reason))
	}
	return m.orders(at)
}

// SignedOut takes the answer to a sign-out: the address to go to.
func (m *Machine) SignedOut(at Moment, to string) Orders {
	m.sending = false
	m.end(warning.Ended(wire.SignedOut))
	m.leave = to
	return m.orders(at)
}

// Refused takes the verifier's refusal.
func (m *Machine) Refused(at Moment, refusal wire.Refusal) Orders {
	m.sending = false
	switch refusal.Error {
	case wire.UseNonce, wire.Replayed:
		if m.known && refusal.SID != m.sid {
			// The browser has signed in anew meanwhile: this page belongs to a session that it cannot prove any more.
			m.end(warning.NoSession())
			break
		}
		if refusal.Error == wire.UseNonce || refusal.Seq < m.seq {
			m.retries++ // otherwise another tab was faster, which happens as often as there are tabs
		}
		m.sid, m.key, m.seq = refusal.SID, refusal.Key, max(m.seq, refusal.Seq)
		m.takeNonce(at, refusal.Nonce)
		if m.retries <= maxRetries {
			m.failures = 0
			m.dueNow(at)
			break
		}
		m.backOff(at)
	case wire.SessionEnded:
		m.end(warning.Ended(refusal.Reason))
	case wire.NoSession, wire.WrongKey:
		m.end(warning.NoSession())
	case wire.ProviderFailed:
		// After a long absence the verifier says nothing before the identity provider has confirmed the user: the page stays covered
		// until then (A5).
		m.gap, m.sentGap = true, false
		m.backOff(at)
	default:
		m.backOff(at)
	}
	return m.orders(at)
}

// Unreachable takes the failure of a request to get a sound answer.
func (m *Machine) Unreachable(at Moment) Orders {
	m.sending = false
	m.backOff(at)
	return m.orders(at)
}

// NoKey says that this browser does not have the session's key.
func (m *Machine) NoKey(at Moment) Orders {
	m.end(warning.NoSession())
	return m.orders(at)
}

func (m *Machine) end(cover warning.Cover) { m.over = &cover }

// Over reports whether nothing more can come of this page's session.
func (m *Machine) Over() bool { return m.over != nil }

// Proved reports whether the verifier has taken a proof of this page and the session lives.
func (m *Machine) Proved() bool { return m.known && m.over == nil }

func (m *Machine) dueNow(at Moment) { m.waitFrom, m.wait = at.Now, 0 }

// backOff doubles the wait with each failure, up to lateBackoff while a deadline is near or the page is covered, and up to
// the heartbeat interval otherwise.
func (m *Machine) backOff(at Moment) {
	m.failures++
	wait := int64(firstBackoff) << min(m.failures-1, 10)
	limit := m.interval
	if !m.known || m.leaving || m.state.Phase(m.verifierNow(at.Now)) != wire.Active {
		limit = lateBackoff
	}
	m.waitFrom, m.wait = at.Now, min(wait, max(limit, firstBackoff))
}

func (m *Machine) takeNonce(at Moment, nonce string) {
	if nonce != "" {
		m.nonce, m.nonceAt = nonce, at.Now
	}
}

// verifierNow estimates the verifier's clock.
func (m *Machine) verifierNow(now activity.Stamp) deadline.Instant {
	return m.anchored + now.Since(m.anchor)
}

// judge runs the rule set on the activity that the verifier does not know of yet, and returns the state as this page sees it.
func (m *Machine) judge(at Moment, now deadline.Instant) deadline.State {
	local := m.withCounted(at.Now, now)
	if !at.Activity.IsZero() && at.Activity != m.judged {
		m.judged = at.Activity
		when := now - at.Now.Since(at.Activity)
		if next := deadline.Step(local, deadline.Activity{At: when}, now); next.EndedAt == 0 && next.Active > local.Active {
			m.counted = at.Activity
			local = next
		}
	}
	return local
}

// withCounted is the confirmed state with the activity that already counted here.
func (m *Machine) withCounted(stamp activity.Stamp, now deadline.Instant) deadline.State {
	if m.counted.IsZero() {
		return deadline.Step(m.state, deadline.Tick{}, now)
	}
	return deadline.Step(m.state, deadline.Report{At: now - stamp.Since(m.counted)}, now)
}

// stateOf rebuilds the verifier's state exactly (D2).
func stateOf(reply wire.Reply) deadline.State {
	return deadline.State{
		Settings: policy.Settings{
			SessionTimeout:    length(reply.Settings.SessionTimeout),
			SessionWarning:    length(reply.Settings.SessionWarning),
			InactivityTimeout: length(reply.Settings.InactivityTimeout),
			InactivityWarning: length(reply.Settings.InactivityWarning),
			AnyActivityStays:  reply.Settings.AnyActivityStays,
		},
		Began: reply.Began, Active: reply.Active,
		SessionFloor: reply.SessionFloor, InactivityFloor: reply.InactivityFloor, CheckBy: reply.CheckBy,
		EndedAt: reply.EndedAt, Reason: reply.Reason,
	}
}
