package agent

import (
	"math"
	"time"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// length is a count of milliseconds as a time.Duration, which holds less: at most 292 years.
func length(millis int64) time.Duration {
	return time.Duration(min(millis, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// orders decides everything anew from the state and the moment, so that a late, lost or doubled wake changes nothing. Only going
// elsewhere is said once: a page that stays all the same, because the person refused to leave or came back, stays guarded.
func (m *Machine) orders(at Moment) Orders {
	out := m.decide(at)
	out.Leave, out.SignIn, out.Anew = m.leave, m.signIn, m.signIn && m.over == nil
	m.leave, m.signIn = "", false
	return out
}

func (m *Machine) decide(at Moment) Orders {
	switch {
	case m.over != nil:
		return Orders{Cover: m.over, Wake: idleWake}
	case !m.known:
		return m.beforeFirstAnswer(at)
	}

	now := m.verifierNow(at.Now)
	local := m.judge(at, now)
	var out Orders
	ends, reason := m.state.Ends()
	if ends != deadline.Never {
		out.Ends = max(ends-now, 1)
	}

	switch {
	case m.leaving:
		out.Cover = m.leavingCover()
	case now >= ends:
		// The end is here as far as this page can tell: cover first, then let the verifier say (A13). If it cannot be
		// reached the page stays covered.
		cover := warning.Checking()
		if m.failures > 0 {
			cover = warning.Ended(reason)
		}
		out.Cover = &cover
		if m.verifierNow(m.sentAt) < ends {
			m.dueNow(at)
		}
	case m.gap:
		cover := warning.Checking()
		if m.failures > 0 {
			cover = warning.Unreachable()
		}
		out.Cover = &cover
	default:
		out.Show = m.view(local, now)
	}

	// The verifier must hear of newer activity before it thinks that the warning is due.
	if local.Active > m.state.Active && !m.sending && m.failures == 0 && m.state.Settings.InactivityOn() {
		if until := m.state.InactivityWarns() - now; until < m.wait-at.Now.Since(m.waitFrom) {
			m.waitFrom, m.wait = at.Now, max(until-leadTime, 0)
		}
	}
	if m.failures > 0 && (m.gap || m.state.Phase(now) != wire.Active) {
		m.wait = min(m.wait, lateBackoff)
	}
	out.Send = m.request(at)
	out.Wake = m.wakeIn(at, local, now, out.Show != nil)
	return out
}

const (
	idleWake = 60_000
	leadTime = 1_000 // how long before a warning the page looks for activity, and tells the verifier of it
)

func (m *Machine) beforeFirstAnswer(at Moment) Orders {
	var out Orders
	switch {
	case m.leaving:
		out.Cover = m.leavingCover()
	case m.failures > 0:
		cover := warning.Unreachable()
		out.Cover = &cover
	case m.gap:
		cover := warning.Checking()
		out.Cover = &cover
	}
	out.Send = m.request(at)
	out.Wake = max(m.wait-at.Now.Since(m.waitFrom), 1)
	if m.sending {
		out.Wake = idleWake
	}
	return out
}

func (m *Machine) leavingCover() *warning.Cover {
	cover := warning.SigningOut()
	if m.failures > 0 {
		cover = warning.SignedOutHere()
	}
	return &cover
}

// view is the dialog for this moment, or nil.
func (m *Machine) view(local deadline.State, now deadline.Instant) *warning.View {
	in := warning.Inputs{Offline: m.failures > 0, Deciding: m.staying}
	switch local.Warning(now) {
	case wire.WarnInactivity:
		view := warning.Inactivity(local, now, in)
		return &view
	case wire.WarnSession:
		lastMinute := warning.InLastMinute(local, now)
		m.late = m.late && lastMinute // a clock that was set may have made it seem so
		if m.dismissed == local.SessionEnds() && m.late == lastMinute {
			return nil
		}
		view := warning.Session(local, now, in)
		return &view
	}
	if in.Offline && m.state.Warning(now) == wire.WarnInactivity {
		// The user is active, but the verifier has not heard of it and will end the session at its own deadline.
		view := warning.Inactivity(m.state, now, in)
		return &view
	}
	return nil
}

// request is the next request if one is due and none is under way.
func (m *Machine) request(at Moment) *Request {
	if m.sending || at.Now.Since(m.waitFrom) < m.wait {
		return nil
	}
	m.sending, m.sentAt, m.sentStay, m.sentGap = true, at.Now, m.staying, m.gap
	m.seq++
	beat := proof.Heartbeat{SID: m.sid, Seq: m.seq, Idle: m.idle(at.Now), Age: at.Now.Since(m.nonceAt), Stay: m.staying}
	if m.staying {
		beat.Idle = at.Now.Since(m.stayedAt)
	}
	return &Request{SignOut: m.leaving, Key: m.key, Nonce: m.nonce, Beat: beat}
}

// idle is how long ago the last activity was that counts. A page that has seen none claims none: repeating what the verifier
// knows would move its deadline by the error of the clocks.
func (m *Machine) idle(now activity.Stamp) int64 {
	if m.counted.IsZero() {
		return wire.MaxIdle
	}
	return min(now.Since(m.counted), wire.MaxIdle)
}

// wakeIn is how long the machine can sleep: until the next request, the next change of phase, or the next second of a countdown.
func (m *Machine) wakeIn(at Moment, local deadline.State, now deadline.Instant, counting bool) int64 {
	wake := max(m.wait-at.Now.Since(m.waitFrom), 1)
	if m.sending {
		wake = idleWake
	}
	for _, s := range [...]deadline.State{local, m.state} {
		if next := s.Next(now); next > now {
			wake = min(wake, next-now)
		}
	}
	if ends := local.SessionEnds(); ends != 0 && m.dismissed == ends && ends-now > warning.LastMinute {
		wake = min(wake, ends-now-warning.LastMinute)
	}
	if warns := local.InactivityWarns(); warns-leadTime > now {
		// Look once more before: of all activity since the last look only the latest is known, and that may lie past the
		// warning although the user has been active all along.
		wake = min(wake, warns-leadTime-now)
	}
	if counting {
		ends, _ := local.Ends()
		if rest := (ends - now) % tick; rest > 0 {
			wake = min(wake, rest)
		}
		wake = min(wake, tick)
	}
	return wake
}
