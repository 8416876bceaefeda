// Package policy holds the settings of an environment (mission rows A1 to A4), the limits an operator puts on them, and
// their validation. It is pure: it reads no clock, file or environment.
package policy

import "time"

// Settings are the times of one environment. The zero value is not valid; start from Defaults.
type Settings struct {
	// SessionTimeout is the longest a user stays signed in, active or not (A1). Default 24h, allowed 1h to 24h.
	SessionTimeout time.Duration
	// SessionWarning is how long before the end of SessionTimeout the user is told (A2). Default 20m, less than SessionTimeout.
	SessionWarning time.Duration
	// InactivityTimeout ends the session after this long without human activity (A3). Default 0, which is off; allowed
	// 5m to 24h and less than SessionTimeout.
	InactivityTimeout time.Duration
	// InactivityWarning is how long before that end the user is asked to stay (A4). Default 2m, at least 1m, less than
	// InactivityTimeout. It is kept, but not used, while InactivityTimeout is off.
	InactivityWarning time.Duration
	// AnyActivityStays lets any activity continue the session while the inactivity warning shows, instead of only
	// an explicit choice (A4).
	AnyActivityStays bool
}

// Defaults are the settings of an environment for which nobody has chosen any (A1 to A4).
func Defaults() Settings {
	return Settings{
		SessionTimeout:    1440 * time.Minute,
		SessionWarning:    20 * time.Minute,
		InactivityTimeout: 0,
		InactivityWarning: 2 * time.Minute,
	}
}

// InactivityOn reports whether an inactivity timeout is set (A3).
func (s Settings) InactivityOn() bool { return s.InactivityTimeout > 0 }
