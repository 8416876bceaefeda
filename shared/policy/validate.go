package policy

import (
	"fmt"
	"strings"
	"time"
)

// Violation says that one setting has a value outside its allowed range.
type Violation struct {
	Setting string // its name in the settings file, e.g. inactivity_timeout
	Row     string // the mission row that sets the rule, or empty
	Value   time.Duration
	Allowed string // the allowed range, in words
	Switch  Switch // the switch that would have to be on, or empty
}

// Error names the setting, the value and the allowed range.
func (v Violation) Error() string {
	text := fmt.Sprintf("%s is %s; allowed: %s", v.Setting, Format(v.Value), v.Allowed)
	if v.Row != "" {
		text += " (" + v.Row + ")"
	}
	return text
}

// Violations are all the violations of one set of settings, in the order of the mission's rows. It is never empty when
// returned as an error.
type Violations []Violation

// Error joins every violation, one a line.
func (vs Violations) Error() string {
	lines := make([]string, len(vs))
	for i, v := range vs {
		lines[i] = v.Error()
	}
	return strings.Join(lines, "\n")
}

func (vs *Violations) add(setting, row string, value time.Duration, allowed string, limits ...time.Duration) {
	args := make([]any, len(limits))
	for i, limit := range limits {
		args[i] = Format(limit)
	}
	*vs = append(*vs, Violation{Setting: setting, Row: row, Value: value, Allowed: fmt.Sprintf(allowed, args...)})
}

func (vs Violations) orNil() error {
	if len(vs) == 0 {
		return nil
	}
	return vs
}

// Validate checks the settings against the limits and returns every violation at once as Violations, or nil (A1 to A4).
// The limits must be valid themselves.
func (s Settings) Validate(l Limits) error {
	var all Violations
	whole := func(setting, row string, d time.Duration) bool {
		if d%Granularity != 0 {
			all.add(setting, row, d, "whole seconds")
			return false
		}
		return true
	}

	if s.SessionTimeout != 0 && whole("session_timeout", "A1", s.SessionTimeout) && !l.SessionTimeout.holds(s.SessionTimeout) {
		all.add("session_timeout", "A1", s.SessionTimeout, "provider (its own policy rules, A5), or %s to %s", l.SessionTimeout.Min, l.SessionTimeout.Max)
	}
	longest := s.longest(l)
	if whole("session_warning", "A2", s.SessionWarning) && (s.SessionWarning < MinWarning || s.SessionWarning >= longest) {
		all.add("session_warning", "A2", s.SessionWarning, "%s or more, and less than "+s.longestName()+" (%s)", MinWarning, longest)
	}
	if s.InactivityOn() || s.InactivityTimeout < 0 {
		ok := whole("inactivity_timeout", "A3", s.InactivityTimeout)
		if ok && (!l.InactivityTimeout.holds(s.InactivityTimeout) || s.SessionOn() && s.InactivityTimeout >= s.SessionTimeout) {
			if s.SessionOn() {
				all.add("inactivity_timeout", "A3", s.InactivityTimeout, "0 (off), or %s to %s and less than session_timeout (%s)",
					l.InactivityTimeout.Min, l.InactivityTimeout.Max, longest)
			} else {
				all.add("inactivity_timeout", "A3", s.InactivityTimeout, "0 (off), or %s to %s", l.InactivityTimeout.Min, l.InactivityTimeout.Max)
			}
		}
	}
	if whole("inactivity_warning", "A4", s.InactivityWarning) {
		switch {
		case s.InactivityWarning < l.InactivityWarning, s.InactivityOn() && s.InactivityWarning >= s.InactivityTimeout:
			if s.InactivityOn() {
				all.add("inactivity_warning", "A4", s.InactivityWarning, "%s or more, and less than inactivity_timeout (%s)",
					l.InactivityWarning, s.InactivityTimeout)
			} else {
				all.add("inactivity_warning", "A4", s.InactivityWarning, "%s or more", l.InactivityWarning)
			}
		}
	}
	return all.orNil()
}

// longest is what the warnings must be shorter than: the session timeout, or where there is none the ceiling of one, so that
// setting one later does not make them invalid.
func (s Settings) longest(l Limits) time.Duration {
	if s.SessionOn() {
		return s.SessionTimeout
	}
	return l.SessionTimeout.Max
}

func (s Settings) longestName() string {
	if s.SessionOn() {
		return "session_timeout"
	}
	return "limits.session_timeout.max"
}

// Format writes a length the way the settings file takes it: 24h, 1h30m, 90s becomes 1m30s, 0s.
func Format(d time.Duration) string {
	if d%time.Second != 0 || d == 0 {
		return d.String()
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
