package policy

import "time"

// MinWarning is the shortest warning that any limits can allow: WCAG 2.2 success criterion 2.2.1 gives people at least
// 20 seconds to answer. The session warning keeps it too, because a warning that nobody can read is none.
const MinWarning = 20 * time.Second

// Limits of a cookie's renewal interval: a stolen one must die within minutes (D4), and heartbeats must not follow each other
// without pause.
const (
	MinCookieRenewal = 4 * time.Second
	MaxCookieRenewal = 5 * time.Minute
)

// Granularity is the unit of every setting. The verifier and the page agree to the second, so finer values would promise
// something that nobody can see.
const Granularity = time.Second

// Range is a closed interval.
type Range struct{ Min, Max time.Duration }

func (r Range) holds(d time.Duration) bool { return r.Min <= d && d <= r.Max }

// Limits are the operator's floors and ceilings. An environment's settings are always validated against them. An operator,
// a demo or a test may lower them on purpose; MinWarning stays.
type Limits struct {
	SessionTimeout    Range
	InactivityTimeout Range
	// InactivityWarning is the least inactivity warning; its ceiling is the environment's inactivity timeout.
	InactivityWarning time.Duration
}

// DefaultLimits are the numbers of mission rows A1, A3 and A4.
func DefaultLimits() Limits {
	return Limits{
		SessionTimeout:    Range{60 * time.Minute, 1440 * time.Minute},
		InactivityTimeout: Range{5 * time.Minute, 1440 * time.Minute},
		InactivityWarning: time.Minute,
	}
}

// Validate reports every way in which the limits themselves make no sense, as Violations, or nil.
func (l Limits) Validate() error {
	var all Violations
	check := func(setting string, r Range) {
		if r.Min <= MinWarning {
			all.add(setting+".min", "", r.Min, "more than %s", MinWarning)
		}
		if r.Max < r.Min {
			all.add(setting+".max", "", r.Max, "%s or more", r.Min)
		}
		if r.Max > maxCeiling {
			all.add(setting+".max", "", r.Max, "at most %s", maxCeiling)
		}
	}
	check("limits.session_timeout", l.SessionTimeout)
	check("limits.inactivity_timeout", l.InactivityTimeout)
	if l.InactivityWarning < MinWarning {
		all.add("limits.inactivity_warning.min", "A4", l.InactivityWarning, "%s or more (WCAG 2.2.1)", MinWarning)
	}
	return all.orNil()
}

// maxCeiling keeps every sum of instants and lengths far from overflow. Ninety days is the longest that any provider's
// own policy lasts by default (A5); a year leaves room.
const maxCeiling = 365 * 24 * time.Hour
