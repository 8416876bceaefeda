package agent

import (
	"math"
	"time"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/tabs"
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
	m.look(at)
	out := m.decide(at)
	out.Tell = m.tell(at)
	out.Leave, out.SignIn, out.Clear, out.Reload, out.Keep, out.Post = m.leave, m.signIn, m.clear, m.reload, m.keep, m.post
	for i := range out.Post {
		out.Post[i].Wall = at.Now.Wall
	}
	out.Anew, out.Window = m.signIn && m.over == nil, m.signIn && at.inWindow()
	m.orderOnce = orderOnce{}
	if out.Want = m.place.Want(at.Now, at.Hidden, m.known); m.over != nil && m.place.Shared() {
		out.Want = tabs.None
	}
	m.promised = out.Wake
	return out
}

func (m *Machine) decide(at Moment) Orders {
	switch {
	case m.over != nil:
		cover := *m.over
		cover.Unsaved = at.Unsaved && cover.Final() // the others say so in their own words
		out := Orders{Cover: &cover, Wake: idleWake}
		if m.renewing {
			out.Send = m.request(at)
			out.Wake = m.untilRequest(at)
		}
		return out
	case !m.known:
		return m.beforeFirstAnswer(at)
	}

	now := m.verifierNow(at.Now)
	local := m.judge(at, now)
	var out Orders
	ends, reason := m.state.Ends()
	if now < ends {
		m.askedEnd = 0 // an answer may have set the estimate back before the end
		if ends != deadline.Never {
			out.Ends = ends - now
		}
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
		if m.failures == 0 && m.askedEnd != ends {
			m.askedEnd = ends // once: the answer says when to ask again
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
	if local.Active > m.state.Active && m.counted != m.told && !m.sending && m.failures == 0 && m.state.Settings.InactivityOn() {
		if until := m.state.InactivityWarns() - now; until < m.wait-at.Now.Since(m.waitFrom) {
			m.waitFrom, m.wait = at.Now, max(until-leadTime, 0)
		}
	}
	if m.failures > 0 {
		m.wait = min(m.wait, m.longest(at, now)) // something may be at stake only now
	}
	out.Send, out.Abort = m.request(at), m.abort(at)
	out.Wake = m.wakeIn(at, local, now, out.Show != nil)
	return out
}

const (
	idleWake = 60_000
	leadTime = 1_000 // how long before a warning the page looks for activity, and tells the verifier of it
)

// maxBusy is how often a verifier that has too much to do may put a page off.
const maxBusy = 3

func (m *Machine) beforeFirstAnswer(at Moment) Orders {
	var out Orders
	switch {
	case m.leaving:
		out.Cover = m.leavingCover()
	case m.failures > 0 && (!m.isPutOff() || m.gap):
		cover := warning.Unreachable()
		out.Cover = &cover
	case m.gap:
		cover := warning.Checking()
		out.Cover = &cover
	}
	out.Send, out.Abort = m.request(at), m.abort(at)
	out.Wake = m.untilRequest(at)
	return out
}

func (m *Machine) leavingCover() *warning.Cover {
	cover := warning.SigningOut()
	if m.failures > 0 {
		cover = warning.NotSignedOut()
	}
	return &cover
}

// shown is the state that warnings are about: as this page sees it, or, while the verifier cannot be told that the user is active,
// as the verifier does, which will end the session at its own deadline.
func (m *Machine) shown(local deadline.State, now deadline.Instant) deadline.State {
	if m.failures > 0 && local.Warning(now) == wire.WarnNone && m.state.Warning(now) == wire.WarnInactivity {
		return m.state
	}
	return local
}

// view is the dialog for this moment, or nil.
func (m *Machine) view(local deadline.State, now deadline.Instant) *warning.View {
	in := warning.Inputs{Offline: m.failures > 0, Deciding: m.staying, Unsaved: m.unsaved}
	local = m.shown(local, now)
	switch local.Warning(now) {
	case wire.WarnInactivity:
		view := warning.Inactivity(local, now, in)
		return &view
	case wire.WarnSession:
		if m.isDismissed(local, now) {
			return nil
		}
		view := warning.Session(local, now, in)
		return &view
	}
	return nil
}

// isDismissed reports whether the session warning, which is due, was put away.
func (m *Machine) isDismissed(local deadline.State, now deadline.Instant) bool {
	lastMinute := warning.InLastMinute(local, now)
	m.late = m.late && lastMinute // a clock that was set may have made it seem so
	return m.dismissed == local.SessionEnds() && m.late == lastMinute
}

// request is the next request if one is due and none is under way.
func (m *Machine) request(at Moment) *Request {
	if m.sending || at.Now.Since(m.waitFrom) < m.wait {
		return nil
	}
	if m.leaving && m.isSaving(at) {
		return nil
	}
	if !m.place.Leads() && !m.leaving && m.over == nil {
		m.askLeader(at)
		return nil
	}
	m.told = m.counted
	m.sending, m.aborted, m.again, m.changed, m.sentAt, m.sentStay, m.sentQuit, m.sentGap = true, false, false, false, at.Now, m.staying, m.leaving, m.gap
	m.seq++
	beat := proof.Heartbeat{SID: m.sid, Seq: m.seq, Idle: m.idle(at.Now), Age: at.Now.Since(m.nonceAt), Stay: m.staying}
	if m.staying {
		beat.Idle = at.Now.Since(m.stayedAt)
	}
	return &Request{SignOut: m.leaving, Key: m.key, Nonce: m.nonce, Beat: beat}
}

// isSaving reports whether the page may still be saving its work before the sign-out.
func (m *Machine) isSaving(at Moment) bool { return !m.saved && at.Now.Since(m.leftAt) < saving }

// hanging is how long in milliseconds a person's choice waits behind a request before that counts as lost.
const hanging = 3_000

// untilAbort is how long it is until the request under way is given up, because a person's choice waits behind it; 0: it is not.
func (m *Machine) untilAbort(at Moment) int64 {
	if !m.sending || m.aborted || m.sentQuit || !(m.leaving && !m.isSaving(at) || m.staying && !m.sentStay) {
		return 0
	}
	return max(hanging-at.Now.Since(m.sentAt), 1)
}

// abort gives the request under way up, once, when it is time.
func (m *Machine) abort(at Moment) bool {
	m.aborted = m.aborted || m.untilAbort(at) > 0 && at.Now.Since(m.sentAt) >= hanging
	return m.aborted && m.sending
}

// untilRequest is how long it is until the next request is due, or the next look at one that is under way.
func (m *Machine) untilRequest(at Moment) int64 {
	due := max(m.wait-at.Now.Since(m.waitFrom), 1)
	switch {
	case m.sending:
		if wake := m.untilAbort(at); wake > 0 {
			return wake
		}
		if m.leaving && m.isSaving(at) {
			return saving - at.Now.Since(m.leftAt)
		}
		return idleWake
	case m.leaving && !m.saved:
		return max(saving-at.Now.Since(m.leftAt), due)
	case !m.place.Leads() && !m.place.Asked().IsZero() && m.over == nil && !m.leaving:
		if wake := m.place.Wake(at.Now); wake > 0 {
			return wake
		}
		return idleWake // it takes the lead
	}
	return due
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
	wake := m.untilRequest(at)
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
	for _, warns := range [...]deadline.Instant{local.InactivityWarns(), local.SessionWarns()} {
		if notice := warns - noticeTime; notice > now {
			wake = min(wake, notice-now)
		}
	}
	for _, ends := range [...]deadline.Instant{local.InactivityEnds(), local.SessionEnds()} {
		if ending := ends - saving; ending > now {
			wake = min(wake, ending-now)
		}
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
