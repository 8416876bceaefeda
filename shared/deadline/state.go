// Package deadline is the one rule set of Curfew (D2): the page and the verifier run the same Step, so they cannot
// disagree. It is pure. It reads no clock; every instant is a count of milliseconds since the Unix epoch by the
// verifier's clock, and now is passed in.
package deadline

import (
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

// Instant is milliseconds since the Unix epoch by the verifier's clock. Zero means not yet, or that there is none.
type Instant = int64

// Never is later than every instant: the first deadline of a session that has none, because its provider alone decides (A5).
const Never Instant = 1 << 62

// State is all that decides when a session ends. It is a value: copies are independent, and == compares two.
type State struct {
	Settings policy.Settings
	Began    Instant // sign-in; SessionTimeout counts from here
	Active   Instant // last counted human activity; InactivityTimeout counts from here

	// A tightened setting must leave the full warning (A12): no deadline lies before its floor.
	SessionFloor    Instant
	InactivityFloor Instant

	// CheckBy is set while the identity provider cannot be asked: by then it must have confirmed the user, or the session
	// ends (A7). Zero while nothing is wrong.
	CheckBy Instant

	// Lapses is when a session ends whose browser does not come back (D5): each word of the provider moves it. Zero: it does not.
	Lapses Instant

	EndedAt Instant     // zero while the session lives; then the exact instant of its end, and final
	Reason  wire.Reason // set with EndedAt
}

// Begin is the state of a session that starts now. Signing in is human activity.
func Begin(settings policy.Settings, now Instant) State {
	return State{Settings: settings, Began: now, Active: now}
}

// timeoutEnds is the instant at which the session timeout ends the session (A1), or zero without one.
func (s State) timeoutEnds() Instant {
	if !s.Settings.SessionOn() {
		return 0
	}
	return max(s.Began+millis(s.Settings.SessionTimeout), s.SessionFloor)
}

// SessionEnds is the instant at which the session ends whatever the user does, or zero when there is none: the session timeout
// (A1), or the end of the provider's silence (A7) if that is earlier.
func (s State) SessionEnds() Instant {
	ends := s.timeoutEnds()
	if s.CheckBy != 0 && (ends == 0 || s.CheckBy < ends) {
		return s.CheckBy
	}
	return ends
}

// SessionReason is the reason that SessionEnds would give.
func (s State) SessionReason() wire.Reason {
	if s.CheckBy != 0 && s.SessionEnds() != s.timeoutEnds() {
		return wire.PolicyCheckOverdue
	}
	return wire.SessionTimeout
}

// InactivityEnds is the instant at which inactivity ends the session if nothing moves it (A3), or zero when off.
func (s State) InactivityEnds() Instant {
	if !s.Settings.InactivityOn() {
		return 0
	}
	return max(s.Active+millis(s.Settings.InactivityTimeout), s.InactivityFloor)
}

// SessionWarns is the instant from which the session warning is due (A2), or zero when the session has no such end.
func (s State) SessionWarns() Instant {
	ends := s.SessionEnds()
	if ends == 0 {
		return 0
	}
	return ends - millis(s.Settings.SessionWarning)
}

// InactivityWarns is the instant from which the inactivity warning is due (A4), or zero when inactivity is off.
func (s State) InactivityWarns() Instant {
	if !s.Settings.InactivityOn() {
		return 0
	}
	return s.InactivityEnds() - millis(s.Settings.InactivityWarning)
}

// Ends is the first deadline and the reason it would give; Never when there is none. A tie goes to the end that nothing can
// move.
func (s State) Ends() (Instant, wire.Reason) {
	if s.EndedAt != 0 {
		return s.EndedAt, s.Reason
	}
	ends, reason := Never, wire.Reason("")
	if session := s.SessionEnds(); session != 0 {
		ends, reason = session, s.SessionReason()
	}
	if idle := s.InactivityEnds(); idle != 0 && idle < ends {
		ends, reason = idle, wire.Inactivity
	}
	if s.Lapses != 0 && s.Lapses < ends {
		ends, reason = s.Lapses, wire.AgentSilent
	}
	return ends, reason
}

// Ended reports whether the session has ended by now. The deadline itself is already too late. What has ended has ended for every clock, also
// for one that is behind that of whoever ended it (P4).
func (s State) Ended(now Instant) bool {
	ends, _ := s.Ends()
	return s.EndedAt != 0 || now >= ends
}

// Warning says which warning is due at now: of those due, the one whose deadline comes first; none once ended.
func (s State) Warning(now Instant) wire.Warning {
	if s.Ended(now) {
		return wire.WarnNone
	}
	session := s.SessionEnds() != 0 && now >= s.SessionWarns()
	inactivity := s.Settings.InactivityOn() && now >= s.InactivityWarns()
	switch {
	case inactivity && (!session || s.InactivityEnds() < s.SessionEnds()):
		return wire.WarnInactivity
	case session:
		return wire.WarnSession
	}
	return wire.WarnNone
}

// Phase is where the session stands at now.
func (s State) Phase(now Instant) wire.Phase {
	switch {
	case s.Ended(now):
		return wire.Ended
	case s.Warning(now) != wire.WarnNone:
		return wire.Warned
	}
	return wire.Active
}

// Next is the first instant after now at which Phase or Warning changes if nothing happens, or zero when they never
// change again. Timers are set to it: they are deadlines, not countdowns.
func (s State) Next(now Instant) Instant {
	next, _ := s.Ends()
	if now >= next {
		return 0
	}
	for _, at := range [...]Instant{s.SessionWarns(), s.InactivityWarns()} {
		if at > now && at < next {
			next = at
		}
	}
	if next == Never {
		return 0
	}
	return next
}

func millis(d time.Duration) Instant { return d.Milliseconds() }
