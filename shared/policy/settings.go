// Package policy holds the settings of an environment (mission rows A1 to A4), the limits an operator puts on them, and
// their validation. It is pure: it reads no clock, file or environment.
package policy

import "time"

// Settings are the times of one environment. The zero value is not valid; start from Defaults.
type Settings struct {
	// SessionTimeout is the longest a user stays signed in, active or not (A1): 0, which leaves it to the identity provider
	// (A5), or 1h to 24h. Default 0.
	SessionTimeout time.Duration
	// SessionWarning is how long before an end that activity cannot extend the user is told (A2). Default 20m, less than
	// SessionTimeout.
	SessionWarning time.Duration
	// InactivityTimeout ends the session after this long without human activity (A3). Default 0, which is off; allowed
	// 5m to 24h and less than SessionTimeout if that is set.
	InactivityTimeout time.Duration
	// InactivityWarning is how long before that end the user is asked to stay (A4). Default 2m, at least 1m, less than
	// InactivityTimeout. It is kept, but not used, while InactivityTimeout is off.
	InactivityWarning time.Duration
	// AnyActivityStays lets any activity continue the session while the inactivity warning shows, instead of only
	// an explicit choice (A4).
	AnyActivityStays bool
}

// Cap is the longest session where the identity provider is not asked again, and the session timeout that is offered first
// where one is wanted (A1, A6).
const Cap = 1440 * time.Minute

// Defaults are the settings of an environment for which nobody has chosen any (A1 to A5).
func Defaults() Settings {
	return Settings{
		SessionTimeout:    0,
		SessionWarning:    20 * time.Minute,
		InactivityTimeout: 0,
		InactivityWarning: 2 * time.Minute,
	}
}

// SessionOn reports whether a session timeout is set (A1); without one the provider's own policy rules (A5).
func (s Settings) SessionOn() bool { return s.SessionTimeout > 0 }

// Capped are the settings with a session timeout of at most length (A6).
func (s Settings) Capped(length time.Duration) Settings {
	if !s.SessionOn() || s.SessionTimeout > length {
		s.SessionTimeout = length
	}
	return s
}

// InactivityOn reports whether an inactivity timeout is set (A3).
func (s Settings) InactivityOn() bool { return s.InactivityTimeout > 0 }
