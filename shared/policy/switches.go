package policy

import "strings"

// Switch is the name of a feature switch (C2). It is a closed type: no other name is valid.
type Switch string

const (
	// AllowCustomSessionDuration lets an environment have a session timeout of its own instead of the identity provider's policy,
	// and another session warning than the default (A1, A2).
	AllowCustomSessionDuration Switch = "AllowCustomSessionDuration"
	// AllowCustomInactivityDuration lets an environment choose its inactivity timeout and warning (A3, A4).
	AllowCustomInactivityDuration Switch = "AllowCustomInactivityDuration"
	// WSFedNonceCookieEnabled makes the browser binding of a sign-in strict (B3): the nonce cookie is also bound to the browser's user
	// agent. That a sign-in ends in the browser that began it holds with and without it.
	WSFedNonceCookieEnabled Switch = "WSFedNonceCookieEnabled"
	// UCIInactivityTimeout is the inactivity timeout as a feature (A3): while it is off, no session ends by inactivity, whatever is set.
	UCIInactivityTimeout Switch = "FCB.UCIInactivityTimeout"
)

// switchNames are all switches, in the order in which people are shown them; a switch's bit is its place.
var switchNames = [...]Switch{AllowCustomSessionDuration, AllowCustomInactivityDuration, WSFedNonceCookieEnabled, UCIInactivityTimeout}

// SwitchNames lists every switch.
func SwitchNames() []Switch { return append([]Switch(nil), switchNames[:]...) }

// ParseSwitch finds a switch by its name, whatever the case; ok is false when there is none.
func ParseSwitch(name string) (s Switch, ok bool) {
	for _, known := range switchNames {
		if strings.EqualFold(string(known), name) {
			return known, true
		}
	}
	return "", false
}

// Switches are the switches that are on. The zero value has all of them off, as Curfew is shipped. It is comparable.
type Switches struct{ on uint8 }

func (s Switch) bit() uint8 {
	for i, known := range switchNames {
		if known == s {
			return 1 << i
		}
	}
	return 0
}

// On reports whether a switch is on.
func (s Switches) On(name Switch) bool { return s.on&name.bit() != 0 }

// With are the switches with one of them on or off. An unknown name changes nothing.
func (s Switches) With(name Switch, on bool) Switches {
	if on {
		return Switches{s.on | name.bit()}
	}
	return Switches{s.on &^ name.bit()}
}

// AllOn are the switches with all of them on.
func AllOn() Switches { return Switches{1<<len(switchNames) - 1} }

// Gate reports, as Violations or nil, every value that needs a switch which is off (C2): a custom session timeout or warning, and a custom
// inactivity timeout or warning. Values that are the default need none.
func (s Settings) Gate(on Switches) error {
	var all Violations
	defaults := Defaults()
	gate := func(row string, name Switch, custom bool, v Violation) {
		if custom && !on.On(name) {
			v.Row, v.Switch = row, name
			v.Allowed += ", while the switch " + string(name) + " is off"
			all = append(all, v)
		}
	}
	gate("A1", AllowCustomSessionDuration, s.SessionTimeout != defaults.SessionTimeout,
		Violation{Setting: "session_timeout", Value: s.SessionTimeout, Allowed: "provider"})
	gate("A2", AllowCustomSessionDuration, s.SessionWarning != defaults.SessionWarning,
		Violation{Setting: "session_warning", Value: s.SessionWarning, Allowed: Format(defaults.SessionWarning)})
	inactivity := Violation{Setting: "inactivity_timeout", Value: s.InactivityTimeout, Allowed: "0 (off)"}
	gate("A3", AllowCustomInactivityDuration, s.InactivityOn(), inactivity)
	gate("A3", UCIInactivityTimeout, s.InactivityOn() && on.On(AllowCustomInactivityDuration), inactivity)
	gate("A4", AllowCustomInactivityDuration, s.InactivityWarning != defaults.InactivityWarning,
		Violation{Setting: "inactivity_warning", Value: s.InactivityWarning, Allowed: Format(defaults.InactivityWarning)})
	return all.orNil()
}

// Switched are the settings that are in force with these switches: without UCIInactivityTimeout there is no inactivity timeout.
func (s Settings) Switched(on Switches) Settings {
	if !on.On(UCIInactivityTimeout) {
		s.InactivityTimeout = 0
	}
	return s
}
