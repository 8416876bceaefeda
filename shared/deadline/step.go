package deadline

import (
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

// Event is what happened to a session. The types below are all there are.
type Event interface{ apply(State, Instant) State }

// Tick is only the passing of time.
type Tick struct{}

// Activity is human activity in the page at instant At, for the page to judge. While the inactivity warning is due it does
// not count, unless the settings let any activity stay (A4).
type Activity struct{ At Instant }

// Report is activity that a verified heartbeat reports, already judged by the page with Activity. Whether the warning
// was on the screen is known only where the screen is, so the verifier counts what lies before its deadline.
type Report struct{ At Instant }

// Stay is the user's explicit choice to stay signed in (A4). It moves the inactivity deadline and nothing else.
type Stay struct{ At Instant }

// Change puts other settings in force (A12).
type Change struct{ Settings policy.Settings }

// Unconfirmed says that the provider could not be asked whether the user may go on: it must have confirmed the user By then (A7).
// The full warning is left all the same (P3), and the instant is rounded up to the second. Only the first of several counts, so repeating it moves nothing.
type Unconfirmed struct{ By Instant }

// Confirmed says that the provider has confirmed the user (A5), for a session that Lapses when nothing is heard of it.
type Confirmed struct{ Lapses Instant }

// End ends the session for a reason other than time.
type End struct{ Reason wire.Reason }

// Step is the state after event at now. Time is judged first, against the deadlines that stood before the event: an event
// that arrives at or after a deadline finds the session ended, whatever it says (A13, P1), and nothing changes an ended
// session (P4). A clock that went back does not give time away: now never counts as earlier than what the state has seen.
func Step(s State, event Event, now Instant) State {
	if s.EndedAt != 0 {
		return s
	}
	now = max(now, s.Began, s.Active)
	if ends, reason := s.Ends(); now >= ends {
		s.EndedAt, s.Reason = ends, reason
		return s
	}
	return event.apply(s, now)
}

func (Tick) apply(s State, _ Instant) State { return s }

func (e Activity) apply(s State, now Instant) State {
	at := min(e.At, now)
	if s.Warning(at) == wire.WarnInactivity && !s.Settings.AnyActivityStays {
		return s
	}
	return s.moveTo(at)
}

func (e Report) apply(s State, now Instant) State { return s.moveTo(min(e.At, now)) }

func (e Stay) apply(s State, now Instant) State { return s.moveTo(min(e.At, now)) }

// apply lets a tightened deadline fall no nearer than the full warning from now, nor nearer than it was if it was nearer
// already (A12). So repeating a change moves nothing.
func (e Change) apply(s State, now Instant) State {
	next := State{Settings: e.Settings, Began: s.Began, Active: s.Active, CheckBy: s.CheckBy, Lapses: s.Lapses}
	if e.Settings.SessionOn() {
		floor := now + millis(e.Settings.SessionWarning)
		if s.Settings.SessionOn() {
			floor = min(floor, s.timeoutEnds())
		}
		if next.timeoutEnds() < floor {
			next.SessionFloor = floor
		}
	}
	if e.Settings.InactivityOn() {
		floor := now + millis(e.Settings.InactivityWarning)
		if s.Settings.InactivityOn() {
			floor = min(floor, s.InactivityEnds())
		}
		if next.InactivityEnds() < floor {
			next.InactivityFloor = floor
		}
	}
	return next
}

func (e Unconfirmed) apply(s State, now Instant) State {
	if s.CheckBy == 0 {
		s.CheckBy = (max(e.By, now+millis(s.Settings.SessionWarning)) + 999) / 1000 * 1000
	}
	return s
}

func (e Confirmed) apply(s State, _ Instant) State {
	s.CheckBy, s.Lapses = 0, max(s.Lapses, e.Lapses)
	return s
}

func (e End) apply(s State, now Instant) State {
	s.EndedAt, s.Reason = now, e.Reason
	return s
}

// moveTo counts activity at an instant: never before the last (P5).
func (s State) moveTo(at Instant) State {
	s.Active = max(s.Active, at)
	return s
}
