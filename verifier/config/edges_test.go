package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Every limit of A1 to A4 one second below, at and one second above, in the file and in a variable. What is refused is refused with the
// words that every other way uses, at its place.
func TestA1A2A3A4_Edges(t *testing.T) {
	const second = time.Second
	type times = map[string]string
	for _, c := range []struct {
		setting string
		at      time.Duration
		allowed [3]bool // one below, at, one above
		other   times
	}{
		{"session_timeout", time.Hour, [3]bool{false, true, true}, nil},
		{"session_timeout", 24 * time.Hour, [3]bool{true, true, false}, nil},
		{"session_warning", 20 * second, [3]bool{false, true, true}, nil},
		{"session_warning", 12 * time.Hour, [3]bool{true, false, false}, nil},
		{"session_warning", 24 * time.Hour, [3]bool{true, false, false}, times{"session_timeout": "provider"}},
		{"inactivity_timeout", 5 * time.Minute, [3]bool{false, true, true}, nil},
		{"inactivity_timeout", 12 * time.Hour, [3]bool{true, false, false}, nil},
		{"inactivity_timeout", 24 * time.Hour, [3]bool{true, true, false}, times{"session_timeout": "provider"}},
		{"inactivity_warning", time.Minute, [3]bool{false, true, true}, nil},
		{"inactivity_warning", 15 * time.Minute, [3]bool{true, false, false}, nil},
		{"inactivity_warning", time.Minute, [3]bool{false, true, true}, times{"inactivity_timeout": "off"}},
	} {
		for i, allowed := range c.allowed {
			value := c.at + time.Duration(i-1)*second
			set := times{"session_timeout": "12h", "session_warning": "20m", "inactivity_timeout": "15m", "inactivity_warning": "2m"}
			for name, value := range c.other {
				set[name] = value
			}
			file := edgeFile(set)
			set[c.setting] = policy.Format(value)
			name := fmt.Sprintf("%s %s with %v", c.setting, set[c.setting], c.other)

			parsed, err := Parse([]byte(edgeFile(set)))
			variable := "CURFEW_ENVIRONMENTS__A__SETTINGS__" + strings.ToUpper(c.setting)
			fromVariable, variableErr := read([]byte(file), []string{variable + "=" + set[c.setting]})
			if allowed {
				if err != nil || variableErr != nil {
					t.Errorf("%s: refused: %v; %v", name, err, variableErr)
				} else if parsed.Environments[0].PolicySettings() != fromVariable.Environments[0].PolicySettings() {
					t.Errorf("%s: the variable is another value", name)
				}
				continue
			}
			violation := refused(t, set, c.setting)
			place := fmt.Sprintf("[%d:%d]", map[string]int{"session_timeout": 7, "session_warning": 8, "inactivity_timeout": 9, "inactivity_warning": 10}[c.setting], len(c.setting)+9)
			if want := place + " environment a: settings." + violation.Error(); err == nil || err.Error() != want {
				t.Errorf("%s: %v, want\n%s", name, err, want)
			}
			if want := variable + ": environment a: settings." + violation.Error(); variableErr == nil || variableErr.Error() != want {
				t.Errorf("%s: %v, want\n%s", name, variableErr, want)
			}
			var got policy.Violation
			if !errors.As(err, &got) || got != violation || !errors.As(variableErr, &got) || got != violation {
				t.Errorf("%s: %+v, want %+v", name, got, violation)
			}
		}
	}
}

func edgeFile(set map[string]string) string {
	return fmt.Sprintf(`switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
environments:
  - id: a
    origin: https://a.example
    provider: {issuer: "https://l.example", client_id: c}
    settings:
      session_timeout: %s
      session_warning: %s
      inactivity_timeout: %s
      inactivity_warning: %s
`, set["session_timeout"], set["session_warning"], set["inactivity_timeout"], set["inactivity_warning"])
}

// refused is what the policy itself says of the one setting that is out of range.
func refused(t *testing.T, set map[string]string, setting string) policy.Violation {
	t.Helper()
	length := func(name string) time.Duration {
		if text := set[name]; text != "provider" && text != "off" {
			d, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		return 0
	}
	err := policy.Settings{SessionTimeout: length("session_timeout"), SessionWarning: length("session_warning"),
		InactivityTimeout: length("inactivity_timeout"), InactivityWarning: length("inactivity_warning")}.Validate(policy.DefaultLimits())
	var all policy.Violations
	if !errors.As(err, &all) || len(all) != 1 || all[0].Setting != setting {
		t.Fatalf("the policy says of %v: %v", set, err)
	}
	return all[0]
}

// C2: a custom time whose switch is off is refused with the switch's name, in the words of every other way.
func TestC2_CustomTimesNeedTheirSwitch(t *testing.T) {
	custom := map[string]string{"session_timeout": "12h", "session_warning": "30m", "inactivity_timeout": "15m", "inactivity_warning": "3m"}
	all := policy.Settings{SessionTimeout: 12 * time.Hour, SessionWarning: 30 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 3 * time.Minute}
	for bits := range 1 << len(policy.SwitchNames()) {
		var on policy.Switches
		var words []string
		for i, name := range policy.SwitchNames() {
			is := bits&(1<<i) != 0
			on = on.With(name, is)
			words = append(words, fmt.Sprintf("%s: %t", name, is))
		}
		block := "switches: {" + strings.Join(words, ", ") + "}"
		file := edgeFile(custom)
		deployment := block + file[strings.Index(file, "\n"):]
		own := file[strings.Index(file, "\n"):] + "    " + block + "\n"
		var want policy.Violations
		errors.As(all.Gate(on), &want)
		for name, text := range map[string]string{"deployment": deployment, "environment": own, "portal": own + "    kind: portal\n"} {
			_, err := Parse([]byte(text))
			if len(want) == 0 {
				if err != nil {
					t.Errorf("%s, %s: %v", name, block, err)
				}
				continue
			}
			var problems Problems
			if !errors.As(err, &problems) || len(problems) != len(want) {
				t.Fatalf("%s, %s: %v, want\n%v", name, block, err, want)
			}
			for i, v := range want {
				if got := problems[i].Err.Error(); got != "environment a: settings."+v.Error() || !strings.Contains(got, string(v.Switch)) {
					t.Errorf("%s, %s: %s, want\n%s", name, block, got, v.Error())
				}
			}
		}
		// A portal has only its own switches (A11).
		if _, err := Parse([]byte(deployment + "    kind: portal\n")); err == nil || !strings.Contains(err.Error(), "AllowCustomSessionDuration is off") {
			t.Errorf("a portal with the deployment's %s: %v", block, err)
		}
	}
}
