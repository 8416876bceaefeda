package policy

import (
	"strings"
	"testing"
	"time"
)

// C2: the names are as given, off when shipped, and each is a bit of its own.
func TestC2_Switches(t *testing.T) {
	names := map[Switch]bool{"AllowCustomSessionDuration": true, "AllowCustomInactivityDuration": true, "WSFedNonceCookieEnabled": true, "FCB.UCIInactivityTimeout": true}
	if len(SwitchNames()) != len(names) {
		t.Fatalf("%v", SwitchNames())
	}
	for _, name := range SwitchNames() {
		if !names[name] || (Switches{}).On(name) || !AllOn().On(name) {
			t.Errorf("%s: known %t, shipped %t, all on %t", name, names[name], Switches{}.On(name), AllOn().On(name))
		}
		only := Switches{}.With(name, true)
		for _, other := range SwitchNames() {
			if only.On(other) != (other == name) {
				t.Errorf("with %s, %s is %t", name, other, only.On(other))
			}
		}
		if only.With(name, false) != (Switches{}) || AllOn().With(name, false).On(name) {
			t.Errorf("%s cannot be switched off", name)
		}
		if got, ok := ParseSwitch(strings.ToUpper(string(name))); !ok || got != name {
			t.Errorf("ParseSwitch: %q, %t", got, ok)
		}
	}
	if _, ok := ParseSwitch("AllowEverything"); ok || AllOn().On("AllowEverything") || (Switches{}).With("AllowEverything", true) != (Switches{}) {
		t.Error("a switch that is none")
	}
}

// C2: the defaults need no switch; what differs from them is refused with the name of the one that is off.
func TestC2_Gate(t *testing.T) {
	if err := Defaults().Gate(Switches{}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	custom := Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 10 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 3 * time.Minute, AnyActivityStays: true}
	if err := custom.Gate(AllOn()); err != nil {
		t.Errorf("with all on: %v", err)
	}
	want := []string{
		"session_timeout is 8h; allowed: provider, while the switch AllowCustomSessionDuration is off (A1)",
		"session_warning is 10m; allowed: 20m, while the switch AllowCustomSessionDuration is off (A2)",
		"inactivity_timeout is 15m; allowed: 0 (off), while the switch AllowCustomInactivityDuration is off (A3)",
		"inactivity_warning is 3m; allowed: 2m, while the switch AllowCustomInactivityDuration is off (A4)",
	}
	if err := custom.Gate(Switches{}); err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v", err)
	}
	feature := custom.Gate(AllOn().With(UCIInactivityTimeout, false))
	if feature == nil || feature.Error() != "inactivity_timeout is 15m; allowed: 0 (off), while the switch FCB.UCIInactivityTimeout is off (A3)" {
		t.Errorf("without the feature: %v", feature)
	}
	if off := custom.Switched(AllOn().With(UCIInactivityTimeout, false)); off.InactivityOn() || off.SessionTimeout != custom.SessionTimeout {
		t.Errorf("in force without the feature: %+v", off)
	}
	if custom.Switched(AllOn()) != custom {
		t.Error("with all on, something else is in force")
	}
}

// A9: kinds of clients are a closed type.
func TestA9_Clients(t *testing.T) {
	seen := map[Client]bool{}
	for _, c := range append(Clients(), Browser) {
		if !c.Valid() || seen[c] {
			t.Errorf("%q is invalid or stands twice", c)
		}
		seen[c] = true
	}
	if Client("fridge").Valid() {
		t.Error("a client that is none")
	}
}
