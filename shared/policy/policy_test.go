package policy

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const minute = time.Minute

func with(change func(*Settings)) Settings {
	s := Defaults().Capped(Cap)
	change(&s)
	return s
}

// A1 to A4: every limit at its edges: one second below, at, and one second above.
func TestA1toA4_LimitsAtTheirEdges(t *testing.T) {
	session := func(d time.Duration) Settings { return with(func(s *Settings) { s.SessionTimeout = d }) }
	sessionWarning := func(d time.Duration) Settings { return with(func(s *Settings) { s.SessionWarning = d }) }
	inactivity := func(d time.Duration) Settings { return with(func(s *Settings) { s.InactivityTimeout = d }) }
	warning := func(d time.Duration) Settings {
		return with(func(s *Settings) { s.InactivityTimeout, s.InactivityWarning = 10*minute, d })
	}
	for _, c := range []struct {
		name    string
		s       Settings
		setting string // the setting that is refused, or empty
	}{
		{"defaults", Defaults(), ""},
		{"A5 no session timeout", session(0), ""},
		{"A5 an inactivity timeout without a session timeout", with(func(s *Settings) { s.SessionTimeout, s.InactivityTimeout = 0, 1440*minute }), ""},
		{"A1 below 60", session(60*minute - time.Second), "session_timeout"},
		{"A1 at 60", session(60 * minute), ""},
		{"A1 above 60", session(60*minute + time.Second), ""},
		{"A1 below 1440", session(1440*minute - time.Second), ""},
		{"A1 at 1440", session(1440 * minute), ""},
		{"A1 above 1440", session(1440*minute + time.Second), "session_timeout"},
		{"A1 negative", session(-time.Hour), "session_timeout"},
		{"A1 half a second", session(60*minute + time.Second/2), "session_timeout"},
		{"A2 below the session", sessionWarning(1440*minute - time.Second), ""},
		{"A2 the whole session", sessionWarning(1440 * minute), "session_warning"},
		{"A2 above the session", sessionWarning(1440*minute + time.Second), "session_warning"},
		{"A2 below 20 seconds", sessionWarning(19 * time.Second), "session_warning"},
		{"A2 at 20 seconds", sessionWarning(20 * time.Second), ""},
		{"A2 none", sessionWarning(0), "session_warning"},
		{"A3 off", inactivity(0), ""},
		{"A3 below 5", inactivity(5*minute - time.Second), "inactivity_timeout"},
		{"A3 at 5", inactivity(5 * minute), ""},
		{"A3 above 5", inactivity(5*minute + time.Second), ""},
		{"A3 negative", inactivity(-minute), "inactivity_timeout"},
		{"A3 below the session", inactivity(1440*minute - time.Second), ""},
		{"A3 the whole session", inactivity(1440 * minute), "inactivity_timeout"},
		{"A4 below 1", warning(minute - time.Second), "inactivity_warning"},
		{"A4 at 1", warning(minute), ""},
		{"A4 above 1", warning(minute + time.Second), ""},
		{"A4 below the timeout", warning(10*minute - time.Second), ""},
		{"A4 the whole timeout", warning(10 * minute), "inactivity_warning"},
		{"A4 above the timeout", warning(11 * minute), "inactivity_warning"},
	} {
		err := c.s.Validate(DefaultLimits())
		var violations Violations
		switch {
		case c.setting == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.setting != "" && !errors.As(err, &violations):
			t.Errorf("%s: accepted, want %s refused", c.name, c.setting)
		case c.setting != "" && violations[0].Setting != c.setting:
			t.Errorf("%s: refused %s, want %s", c.name, violations[0].Setting, c.setting)
		}
	}
}

func TestEveryViolationAtOnceNamesSettingValueAndRange(t *testing.T) {
	bad := Settings{SessionTimeout: 30 * minute, SessionWarning: 45 * minute, InactivityTimeout: 3 * minute, InactivityWarning: 30 * time.Second}
	err := bad.Validate(DefaultLimits())
	want := []string{
		"session_timeout is 30m; allowed: provider (its own policy rules, A5), or 1h to 24h (A1)",
		"session_warning is 45m; allowed: 20s or more, and less than session_timeout (30m) (A2)",
		"inactivity_timeout is 3m; allowed: 0 (off), or 5m to 24h and less than session_timeout (30m) (A3)",
		"inactivity_warning is 30s; allowed: 1m or more, and less than inactivity_timeout (3m) (A4)",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestLimitsCanBeLoweredButNotBelowAWarningThatCanBeRead(t *testing.T) {
	low := DefaultLimits()
	low.SessionTimeout.Min, low.InactivityTimeout.Min, low.InactivityWarning = 40*time.Second, 30*time.Second, MinWarning
	if err := low.Validate(); err != nil {
		t.Fatalf("lowered limits: %v", err)
	}
	short := Settings{SessionTimeout: 100 * time.Second, SessionWarning: 30 * time.Second, InactivityTimeout: 45 * time.Second, InactivityWarning: 20 * time.Second}
	if err := short.Validate(low); err != nil {
		t.Errorf("short times: %v", err)
	}
	for name, spoil := range map[string]func(*Limits){
		"warning under 20 seconds (WCAG 2.2.1)": func(l *Limits) { l.InactivityWarning = 19 * time.Second },
		"session floor of the warning":          func(l *Limits) { l.SessionTimeout.Min = MinWarning },
		"ceiling below floor":                   func(l *Limits) { l.SessionTimeout.Max = l.SessionTimeout.Min - 1 },
		"ceiling of years":                      func(l *Limits) { l.InactivityTimeout.Max = 366 * 24 * time.Hour },
	} {
		limits := DefaultLimits()
		spoil(&limits)
		if limits.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A6: a cap shortens and never lengthens.
func TestA6_Capped(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: Cap, time.Hour: time.Hour, 48 * time.Hour: Cap} {
		if got := (Settings{SessionTimeout: timeout}).Capped(Cap).SessionTimeout; got != want {
			t.Errorf("a timeout of %s capped is %s, want %s", timeout, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 20 * time.Second: "20s", 90 * time.Second: "1m30s", 20 * minute: "20m", 60 * minute: "1h", 90 * minute: "1h30m",
		1440 * minute: "24h", time.Second / 2: "500ms", time.Hour + time.Second: "1h0m1s",
	} {
		if got := Format(d); got != want {
			t.Errorf("Format(%v) = %q, want %q", d, got, want)
		}
	}
}
