package adminapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
)

// A1 to A4: each limit one second below, at it and one above, with the very message that the rule has, and nothing changed by a value
// that is refused.
func TestA1ToA4_EveryLimitAtItsEdges(t *testing.T) {
	w := newWorld(t)
	w.switchOn()
	set := func(change func(*policy.Settings)) policy.Settings {
		s := policy.Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: time.Hour, InactivityWarning: 2 * time.Minute}
		change(&s)
		return s
	}
	const tick = policy.Granularity
	for name, edge := range map[string]struct {
		at     time.Duration
		change func(*policy.Settings, time.Duration)
		floor  bool // at and above are allowed; otherwise at and below
		below  bool // the edge itself is not allowed
	}{
		"session timeout, floor":      {time.Hour, func(s *policy.Settings, d time.Duration) { s.SessionTimeout, s.InactivityTimeout = d, 0 }, true, false},
		"session timeout, ceiling":    {24 * time.Hour, func(s *policy.Settings, d time.Duration) { s.SessionTimeout = d }, false, false},
		"session warning, floor":      {20 * time.Second, func(s *policy.Settings, d time.Duration) { s.SessionWarning = d }, true, false},
		"session warning, ceiling":    {8 * time.Hour, func(s *policy.Settings, d time.Duration) { s.SessionWarning = d }, false, true},
		"inactivity timeout, floor":   {5 * time.Minute, func(s *policy.Settings, d time.Duration) { s.InactivityTimeout = d }, true, false},
		"inactivity timeout, ceiling": {8 * time.Hour, func(s *policy.Settings, d time.Duration) { s.InactivityTimeout = d }, false, true},
		"inactivity, longest of all":  {24 * time.Hour, func(s *policy.Settings, d time.Duration) { s.SessionTimeout, s.InactivityTimeout = 0, d }, false, false},
		"inactivity warning, floor":   {time.Minute, func(s *policy.Settings, d time.Duration) { s.InactivityWarning = d }, true, false},
		"inactivity warning, ceiling": {time.Hour, func(s *policy.Settings, d time.Duration) { s.InactivityWarning = d }, false, true},
	} {
		for _, step := range []time.Duration{-tick, 0, tick} {
			value := edge.at + step
			wanted := set(func(s *policy.Settings) { edge.change(s, value) })
			allowed := step == 0 && !edge.below || (step > 0) == edge.floor && step != 0
			invalid := wanted.Validate(policy.DefaultLimits())
			if (invalid == nil) != allowed {
				t.Fatalf("%s %+v: the rule says %v", name, step, invalid)
			}
			env, err := w.client(rootToken).Environment(t.Context(), "clinic")
			if err != nil {
				t.Fatal(err)
			}
			out, err := w.client(rootToken).Change(t.Context(), "clinic", env.Version, editOf(wanted), false)
			if allowed {
				if err != nil || !out.Applied && len(out.Changes) > 0 {
					t.Errorf("%s %+v: %+v, %v", name, step, out, err)
				}
				continue
			}
			var refused *admin.Error
			if !errors.As(err, &refused) || refused.Code != admin.Invalid || refused.Error() != invalid.Error() {
				t.Errorf("%s %+v: %v; want %v", name, step, err, invalid)
			}
			raw := w.ask("PATCH", "environments/clinic?version="+strconv.FormatInt(env.Version, 10), clinicToken, marshal(t, editOf(wanted)))
			var told admin.Error
			if raw.status != http.StatusUnprocessableEntity || json.Unmarshal([]byte(raw.body), &told) != nil || told.Problems.Error() != invalid.Error() {
				t.Errorf("%s %+v: %d %s", name, step, raw.status, raw.body)
			}
			if after, err := w.client(rootToken).Environment(t.Context(), "clinic"); err != nil || after.Version != env.Version {
				t.Errorf("%s %+v: version %d became %d, %v", name, step, env.Version, after.Version, err)
			}
		}
	}
}

// C2: a custom value while its switch is off is refused with the switch's name, and a switch without a provider that answers.
func TestC2_SwitchesAndTheirPrecondition(t *testing.T) {
	w := newWorld(t)
	client := w.client(rootToken)
	timeout := "12h"
	_, err := client.Change(t.Context(), "clinic", 1, admin.Edit{SessionTimeout: &timeout}, false)
	var refused *admin.Error
	if !errors.As(err, &refused) || refused.Code != admin.Invalid || len(refused.Problems) != 1 || refused.Problems[0].Switch != policy.AllowCustomSessionDuration ||
		refused.Error() != "session_timeout is 12h; allowed: provider, while the switch AllowCustomSessionDuration is off (A1)" {
		t.Errorf("%v", err)
	}
	w.silent.Store(true)
	on := admin.Edit{Switches: map[string]string{"allowcustomsessionduration": "on"}}
	got := w.ask("PATCH", "environments/clinic?version=1", rootToken, marshal(t, on))
	if got.status != http.StatusFailedDependency {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.silent.Store(false)
	out, err := client.Change(t.Context(), "clinic", 1, on, false)
	if err != nil || !out.Applied || out.Version != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := client.Change(t.Context(), "clinic", 2, admin.Edit{SessionTimeout: &timeout}, true); err != nil || out.Applied || len(out.Changes) != 1 {
		t.Errorf("a dry run: %+v, %v", out, err)
	}
	if env, err := client.Environment(t.Context(), "clinic"); err != nil || env.Version != 2 {
		t.Errorf("a dry run changed something: %+v, %v", env, err)
	}
}

func editOf(s policy.Settings) admin.Edit {
	text := func(d time.Duration) *string {
		t := d.String()
		return &t
	}
	e := admin.Edit{SessionTimeout: text(s.SessionTimeout), SessionWarning: text(s.SessionWarning), InactivityTimeout: text(s.InactivityTimeout), InactivityWarning: text(s.InactivityWarning)}
	for of, word := range map[*time.Duration]struct {
		into **string
		none string
	}{&s.SessionTimeout: {&e.SessionTimeout, "provider"}, &s.InactivityTimeout: {&e.InactivityTimeout, "off"}} {
		if *of == 0 {
			*word.into = &word.none
		}
	}
	return e
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
