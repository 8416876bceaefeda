package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// A1 to A4: every limit one below, at and one above, with the words that policy has for it.
func TestA1toA4_LimitsAtTheirEdges(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	set := func(field, value string) admin.Edit {
		base := admin.Edit{SessionTimeout: ptr("24h"), SessionWarning: ptr("20m"), InactivityTimeout: ptr("10m"), InactivityWarning: ptr("2m")}
		*map[string]**string{"session_timeout": &base.SessionTimeout, "session_warning": &base.SessionWarning,
			"inactivity_timeout": &base.InactivityTimeout, "inactivity_warning": &base.InactivityWarning}[field] = &value
		return base
	}
	for _, c := range []struct {
		field, value string
		ok           bool
	}{
		{"session_timeout", "59m59s", false}, {"session_timeout", "1h", true}, {"session_timeout", "1h0m1s", true},
		{"session_timeout", "23h59m59s", true}, {"session_timeout", "24h", true}, {"session_timeout", "24h0m1s", false},
		{"session_warning", "19s", false}, {"session_warning", "20s", true}, {"session_warning", "23h59m59s", true}, {"session_warning", "24h", false},
		{"inactivity_timeout", "4m59s", false}, {"inactivity_timeout", "5m", true}, {"inactivity_timeout", "5m1s", true},
		{"inactivity_timeout", "23h59m59s", true}, {"inactivity_timeout", "24h", false},
		{"inactivity_warning", "59s", false}, {"inactivity_warning", "1m", true}, {"inactivity_warning", "9m59s", true}, {"inactivity_warning", "10m", false},
		{"session_timeout", "90500ms", false}, {"inactivity_timeout", "-5m", false},
	} {
		edit := set(c.field, c.value)
		_, err := w.change(clinics, "clinic", edit)
		if c.ok {
			if err != nil {
				t.Errorf("%s %s: %v", c.field, c.value, err)
			}
			continue
		}
		value, _ := time.ParseDuration(c.value)
		want := policy.Settings{SessionTimeout: 24 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 10 * time.Minute, InactivityWarning: 2 * time.Minute}
		*map[string]*time.Duration{"session_timeout": &want.SessionTimeout, "session_warning": &want.SessionWarning,
			"inactivity_timeout": &want.InactivityTimeout, "inactivity_warning": &want.InactivityWarning}[c.field] = value
		no := refused(t, err, admin.Invalid, want.Validate(policy.DefaultLimits()).Error())
		if no.Problems[0].Field != c.field {
			t.Errorf("%s %s: the problem is of %s", c.field, c.value, no.Problems[0].Field)
		}
	}
	// A6: a session that is capped needs room for the warning too.
	low := w.file()
	low.Environments[0].Fixed.Check.Cap = 2 * time.Hour
	must(t, w.Load(t.Context(), low))
	_, err := w.change(clinics, "clinic", admin.Edit{SessionTimeout: ptr("provider"), SessionWarning: ptr("2h")})
	refused(t, err, admin.Invalid, "session_warning is 2h; allowed: less than policy_check.cap (2h) (A6)")
	_, err = w.change(clinics, "clinic", admin.Edit{SessionTimeout: ptr("soon"), InactivityTimeout: ptr("15"), SessionWarning: ptr("1h")})
	refused(t, err, admin.Invalid, `session_timeout "soon" is no session timeout`, `inactivity_timeout "15" is not a length of time`)
}

// C1: each change keeps who, when, old and new; a version that is not the last is refused and nothing is lost.
func TestC1_TwoAdministrators(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	seen := w.version("clinic")
	if _, err := w.Change(t.Context(), clinics, "clinic", seen, admin.Edit{SessionTimeout: ptr("8h")}, false); err != nil {
		t.Fatal(err)
	}
	_, err := w.Change(t.Context(), root, "clinic", seen, admin.Edit{SessionTimeout: ptr("12h")}, false)
	no := refused(t, err, admin.Conflict, "environment clinic is at version", "by clinics")
	if no.Version != seen+1 {
		t.Errorf("the refusal names version %d", no.Version)
	}
	env, err := w.Environment(t.Context(), root, "clinic")
	must(t, err)
	if env.Set.SessionTimeout != 8*time.Hour || env.ChangedBy != "clinics" || env.ChangedAt != start {
		t.Errorf("%+v", env)
	}
	history, err := w.History(t.Context(), clinics, "clinic", 0, 1)
	must(t, err)
	if len(history) != 1 || history[0].By != "clinics" || len(history[0].Changes) != 1 || history[0].Changes[0].String() != "session_timeout: provider -> 8h" {
		t.Errorf("%+v", history)
	}
	if got := w.entries(audit.SettingsChanged); !slices.Equal(got, []string{"clinics clinic: session_timeout: provider -> 8h"}) {
		t.Errorf("the audit has %q", got)
	}
	all, err := w.History(t.Context(), root, "clinic", 0, 0)
	must(t, err)
	if first := all[len(all)-1]; first.Version != 1 || first.By != admin.File {
		t.Errorf("the first version is %+v", first)
	}
}

// C1: of many who change the same version at once, one is first and every other is told.
func TestC1_ManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	seen := w.version("clinic")
	var all sync.WaitGroup
	var won atomic.Int64
	for i := range 16 {
		all.Go(func() {
			edit := admin.Edit{SessionTimeout: ptr((time.Duration(i+2) * time.Hour).String())}
			_, err := w.Change(context.Background(), root, "clinic", seen, edit, false)
			var no *admin.Error
			switch {
			case err == nil:
				won.Add(1)
			case !errors.As(err, &no) || no.Code != admin.Conflict:
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || w.version("clinic") != seen+1 {
		t.Errorf("%d won, version %d", won.Load(), w.version("clinic"))
	}
}

// C2: off when shipped; a custom value without its switch is refused with the switch's name.
func TestC2_CustomValuesNeedTheirSwitch(t *testing.T) {
	w := newWorld(t)
	env, err := w.Environment(t.Context(), clinics, "clinic")
	must(t, err)
	for _, s := range env.Switches {
		if s.On || s.Own {
			t.Errorf("%s is on when shipped", s.Name)
		}
	}
	for _, c := range []struct {
		edit   admin.Edit
		needed policy.Switch
	}{
		{admin.Edit{SessionTimeout: ptr("8h")}, policy.AllowCustomSessionDuration},
		{admin.Edit{SessionWarning: ptr("10m")}, policy.AllowCustomSessionDuration},
		{admin.Edit{InactivityTimeout: ptr("15m")}, policy.AllowCustomInactivityDuration},
		{admin.Edit{InactivityWarning: ptr("3m")}, policy.AllowCustomInactivityDuration},
	} {
		w := newWorld(t)
		_, err := w.change(clinics, "clinic", c.edit)
		no := refused(t, err, admin.Invalid, "while the switch "+string(c.needed)+" is off")
		if no.Problems[0].Switch != c.needed {
			t.Errorf("%+v", no.Problems)
		}
		// With the switch, in the same change, it is taken.
		c.edit.Switches = map[string]string{string(c.needed): "on", string(policy.UCIInactivityTimeout): "on"}
		if _, err := w.change(clinics, "clinic", c.edit); err != nil {
			t.Errorf("with %s: %v", c.needed, err)
		}
	}
	_, err = w.change(root, "bank", admin.Edit{InactivityTimeout: ptr("15m"), Switches: map[string]string{"allowcustominactivityduration": "on"}})
	refused(t, err, admin.Invalid, "inactivity_timeout is 15m; allowed: 0 (off), while the switch FCB.UCIInactivityTimeout is off")
	_, err = w.change(root, "bank", admin.Edit{Switches: map[string]string{"AllowEverything": "on", "FCB.UCIInactivityTimeout": "yes"}})
	refused(t, err, admin.Invalid, `switch is "AllowEverything"; allowed: AllowCustomSessionDuration, `, `FCB.UCIInactivityTimeout is "yes"; allowed: on, off or inherit`)
}

// C2: the deployment's switches hold for every environment that has none of its own, and cannot be taken from under one.
func TestC2_TheDeploymentAndItsEnvironments(t *testing.T) {
	w := newWorld(t)
	w.allow(settings.Deployment)
	if _, err := w.change(clinics, "clinic", admin.Edit{SessionTimeout: ptr("8h"), InactivityTimeout: ptr("15m")}); err != nil {
		t.Fatal(err)
	}
	_, err := w.change(root, settings.Deployment, admin.Edit{Switches: map[string]string{"AllowCustomSessionDuration": "off"}})
	refused(t, err, admin.Invalid, "environment clinic: session_timeout is 8h; allowed: provider, while the switch AllowCustomSessionDuration is off")
	// One of its own keeps it.
	if _, err := w.change(clinics, "clinic", admin.Edit{Switches: map[string]string{"AllowCustomSessionDuration": "on"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.change(root, settings.Deployment, admin.Edit{Switches: map[string]string{"AllowCustomSessionDuration": "off"}}); err != nil {
		t.Error(err)
	}
	_, err = w.change(clinics, "clinic", admin.Edit{Switches: map[string]string{"AllowCustomSessionDuration": "inherit"}})
	refused(t, err, admin.Invalid, "session_timeout is 8h")
	// The inactivity timeout as a feature can be switched off at any time: then it is not enforced, and what was set stays.
	out, err := w.change(root, settings.Deployment, admin.Edit{Switches: map[string]string{"FCB.UCIInactivityTimeout": "off"}})
	must(t, err)
	env, err := w.Environment(t.Context(), root, "clinic")
	must(t, err)
	if env.InForce.InactivityTimeout != 0 || env.Set.InactivityTimeout != 15*time.Minute || !out.Applied {
		t.Errorf("%+v", env)
	}
	if live, _ := w.live.ByID("clinic"); live.Settings.InactivityTimeout != 0 || live.Settings.SessionTimeout != 8*time.Hour {
		t.Errorf("in force: %+v", live.Settings)
	}
	if got := w.entries(audit.SwitchChanged); len(got) != 4 || got[3] != "root : switch FCB.UCIInactivityTimeout: on -> off" {
		t.Errorf("the audit has %q", got)
	}
}

// C2: a switch needs an identity provider that answers, and is refused with the reason without one.
func TestC2_ASwitchNeedsAProvider(t *testing.T) {
	w := newWorld(t)
	w.silent["bank"] = true
	for _, environment := range []string{"bank", settings.Deployment} {
		_, err := w.change(root, environment, admin.Edit{Switches: map[string]string{"WSFedNonceCookieEnabled": "on"}})
		refused(t, err, admin.NoProvider, "WSFedNonceCookieEnabled cannot be switched on: the identity provider of environment bank does not answer: connection refused")
	}
	if _, err := w.change(root, "clinic", admin.Edit{Switches: map[string]string{"WSFedNonceCookieEnabled": "on"}}); err != nil {
		t.Errorf("where it answers: %v", err)
	}
	// Switching off needs nobody.
	w.silent["clinic"] = true
	if _, err := w.change(root, "clinic", admin.Edit{Switches: map[string]string{"WSFedNonceCookieEnabled": "off"}}); err != nil {
		t.Error(err)
	}
	if len(w.entries(audit.AdminRefused)) != 2 {
		t.Errorf("the audit has %q", w.entries(audit.AdminRefused))
	}
}

// A11: a portal is independent of what is set for all others.
func TestA11_APortalIsIndependent(t *testing.T) {
	w := newWorld(t)
	w.allow(settings.Deployment)
	_, err := w.Create(t.Context(), root, admin.NewEnvironment{ID: "portal", Kind: settings.Portal, Origins: []string{"https://portal.example"}, Provider: "corporate"})
	must(t, err)
	_, err = w.change(root, "portal", admin.Edit{InactivityTimeout: ptr("15m")})
	refused(t, err, admin.Invalid, "AllowCustomInactivityDuration is off")
	w.allow("portal")
	if _, err := w.change(root, "portal", admin.Edit{InactivityTimeout: ptr("15m")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.change(root, settings.Deployment, admin.Edit{Switches: map[string]string{"FCB.UCIInactivityTimeout": "off"}}); err != nil {
		t.Fatal(err)
	}
	if live, _ := w.live.ByID("portal"); live.Settings.InactivityTimeout != 15*time.Minute {
		t.Errorf("the deployment's switch reached the portal: %+v", live.Settings)
	}
}

// C4: a preset changes what its source asks for; HIPAA asks for the organisation's number.
func TestC4_Presets(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	for _, c := range []struct {
		preset, asked string
		session, idle time.Duration
	}{
		{"nist-aal2", "", 24 * time.Hour, time.Hour}, {"nist-aal3", "", 12 * time.Hour, 15 * time.Minute},
		{"owasp-high", "", 4 * time.Hour, 5 * time.Minute}, {"owasp-low", "", 8 * time.Hour, 30 * time.Minute},
		{"pci-dss", "", 8 * time.Hour, 15 * time.Minute}, // leaves the session timeout as it was
		{"hipaa", "20m", 8 * time.Hour, 20 * time.Minute},
		{"defaults", "", 0, 0},
	} {
		tried, err := w.Change(t.Context(), clinics, "clinic", w.version("clinic"), admin.Edit{Preset: c.preset, PresetInactivity: c.asked}, true)
		if err != nil {
			t.Errorf("%s: %v", c.preset, err)
			continue
		}
		if tried.Applied || len(tried.Changes) == 0 {
			t.Errorf("%s tried: %+v", c.preset, tried)
		}
		if _, err := w.change(clinics, "clinic", admin.Edit{Preset: c.preset, PresetInactivity: c.asked}); err != nil {
			t.Errorf("%s: %v", c.preset, err)
		}
		if env, _ := w.Environment(t.Context(), root, "clinic"); env.Set.SessionTimeout != c.session || env.Set.InactivityTimeout != c.idle {
			t.Errorf("%s sets %+v", c.preset, env.Set)
		}
	}
	_, err := w.change(clinics, "clinic", admin.Edit{Preset: "hipaa"})
	refused(t, err, admin.Invalid, `preset_inactivity is ""; allowed: the inactivity timeout that your organisation has decided on`)
	_, err = w.change(clinics, "clinic", admin.Edit{Preset: "iso"})
	refused(t, err, admin.Invalid, `preset is "iso"; allowed: defaults, nist-aal2`)
	// Every preset is valid where the warnings are as long as they may be.
	for _, p := range policy.Presets() {
		long := policy.Settings{SessionTimeout: 24 * time.Hour, SessionWarning: 23 * time.Hour, InactivityTimeout: 23 * time.Hour, InactivityWarning: 22 * time.Hour}
		if err := p.Apply(long, 5*time.Minute).Validate(policy.DefaultLimits()); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
		if p.Source == "" || p.Name == "" {
			t.Errorf("%s has no source", p.ID)
		}
	}
}

// What the file says can be changed there only.
func TestWhatTheFileSaysIsTheFiles(t *testing.T) {
	w := newWorld(t)
	base := w.file()
	base.Switches, base.SwitchesOwned = map[policy.Switch]bool{policy.AllowCustomSessionDuration: true}, true
	d := &base.Environments[0]
	d.Owned = admin.Owned{Settings: true, Switches: true, Clients: true, Name: true}
	d.Document.Name, d.Document.Settings.SessionTimeout = "Clinic", 8*time.Hour
	d.Document.Switches = map[policy.Switch]bool{policy.AllowCustomSessionDuration: true}
	must(t, w.Load(t.Context(), base))
	for part, edit := range map[string]admin.Edit{
		"the times":    {SessionTimeout: ptr("12h")},
		"the switches": {Switches: map[string]string{"FCB.UCIInactivityTimeout": "on"}},
		"the clients":  {Clients: &settings.Clients{Matchers: []settings.Matcher{{Client: policy.Phone, UserAgent: "*"}}}},
		"the name":     {Name: ptr("Hospital")},
		"its origins":  {Origins: &[]string{"https://elsewhere.example"}},
	} {
		_, err := w.change(root, "clinic", edit)
		refused(t, err, admin.InFile, part, "configuration file")
	}
	_, err := w.change(root, settings.Deployment, admin.Edit{Switches: map[string]string{"FCB.UCIInactivityTimeout": "on"}})
	refused(t, err, admin.InFile, "the switches of the deployment")
	_, err = w.Remove(t.Context(), root, "clinic", w.version("clinic"), false)
	refused(t, err, admin.InFile, "take it out there")
	// Out of the file again, they stay as they are and can be changed.
	base.Environments[0] = declared("clinic", "https://clinic.example")
	must(t, w.Load(t.Context(), base))
	if env, _ := w.Environment(t.Context(), root, "clinic"); env.Set.SessionTimeout != 8*time.Hour || env.Name != "Clinic" {
		t.Errorf("%+v", env)
	}
	if _, err := w.change(root, "clinic", admin.Edit{SessionTimeout: ptr("12h")}); err != nil {
		t.Error(err)
	}
}

// A file that does not fit with what is set is refused as a whole, and the old one stays in force.
func TestAFileThatDoesNotFitIsRefused(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	if _, err := w.change(root, "clinic", admin.Edit{SessionTimeout: ptr("12h")}); err != nil {
		t.Fatal(err)
	}
	before := w.version("clinic")
	for name, c := range map[string]struct {
		spoil func(*admin.Base)
		want  string
	}{
		"limits": {func(b *admin.Base) { b.Limits.SessionTimeout.Max = 8 * time.Hour }, "environment clinic (version 3, by root): session_timeout is 12h; allowed: provider (its own policy rules, A5), or 1h to 8h (A1)"},
		"switch": {func(b *admin.Base) {
			b.Environments[0].Owned.Switches = true
		}, "while the switch AllowCustomSessionDuration is off"},
		"hosts":   {func(b *admin.Base) { b.Environments[0].Document.Origins = []string{"https://bank.example"} }, `origins has "https://bank.example", whose host belongs to environment`},
		"console": {func(b *admin.Base) { b.Reserved = []string{"https://clinic.example"} }, "belongs to environment console"},
	} {
		base := w.file()
		c.spoil(&base)
		refused(t, w.Load(t.Context(), base), admin.Invalid, "does not fit", c.want)
		if live, _ := w.live.ByID("clinic"); w.version("clinic") != before || live.Settings.SessionTimeout != 12*time.Hour {
			t.Errorf("%s: something changed", name)
		}
	}
}

// C1: environments are made, renamed and removed while the verifier runs.
func TestC1_CreateRenameRemove(t *testing.T) {
	w := newWorld(t)
	made := admin.NewEnvironment{ID: "cases", Name: "Cases", Origins: []string{"https://cases.example", "https://cases-two.example"}, Provider: "corporate"}
	env, err := w.Create(t.Context(), root, made)
	must(t, err)
	if env.Version != 1 || env.Kind != settings.App || env.Owned.Environment {
		t.Errorf("%+v", env)
	}
	for _, origin := range made.Origins {
		if live, ok := w.live.ByHost(strings.TrimPrefix(origin, "https://")); !ok || live.ID != "cases" || live.Origin != origin {
			t.Errorf("%s: %+v", origin, live)
		}
	}
	if !slices.ContainsFunc(w.served, func(s admin.Served) bool { return s == admin.Served{ID: "cases", Provider: "corporate"} }) {
		t.Errorf("served: %+v", w.served)
	}
	for name, c := range map[string]struct {
		n    admin.NewEnvironment
		want string
	}{
		"twice":       {made, `id is "cases", which there is already`},
		"id":          {admin.NewEnvironment{ID: "Cases!", Origins: made.Origins, Provider: "corporate"}, `id is "Cases!"; allowed: 1 to 64 lower-case letters`},
		"console":     {admin.NewEnvironment{ID: "console", Origins: []string{"https://x.example"}, Provider: "corporate"}, "the console has this one"},
		"deployment":  {admin.NewEnvironment{ID: "*", Origins: []string{"https://x.example"}, Provider: "corporate"}, `id is "*"`},
		"no origin":   {admin.NewEnvironment{ID: "x", Provider: "corporate"}, "origins is empty"},
		"bad origin":  {admin.NewEnvironment{ID: "x", Origins: []string{"http://x.example/"}, Provider: "corporate"}, `origins has "http://x.example/"; allowed: https://host`},
		"taken":       {admin.NewEnvironment{ID: "x", Origins: []string{"https://bank-two.example"}, Provider: "corporate"}, "belongs to environment bank"},
		"provider":    {admin.NewEnvironment{ID: "x", Origins: []string{"https://x.example"}, Provider: "other"}, `provider is "other"; allowed: corporate`},
		"kind":        {admin.NewEnvironment{ID: "x", Kind: "tenant", Origins: []string{"https://x.example"}, Provider: "corporate"}, `kind is "tenant"; allowed: app or portal`},
		"long name":   {admin.NewEnvironment{ID: "x", Name: strings.Repeat("n", 81), Origins: []string{"https://x.example"}, Provider: "corporate"}, "81 characters; allowed: up to 80"},
		"the console": {admin.NewEnvironment{ID: "x", Origins: []string{"https://console.example"}, Provider: "corporate"}, "belongs to environment console"},
	} {
		_, err := w.Create(t.Context(), root, c.n)
		refused(t, err, admin.Invalid, c.want)
		if len(w.live.All()) != 3 {
			t.Fatalf("%s: there are %d environments", name, len(w.live.All()))
		}
	}
	if _, err := w.change(root, "cases", admin.Edit{Name: ptr("Case files")}); err != nil {
		t.Fatal(err)
	}
	if live, _ := w.live.ByID("cases"); live.Page.Name != "Case files" {
		t.Errorf("people see %q", live.Page.Name)
	}
	if got := w.entries(audit.EnvironmentRenamed); !slices.Equal(got, []string{"root cases: name: Cases -> Case files"}) {
		t.Errorf("the audit has %q", got)
	}

	s, cookie := w.signIn("cases", "amara")
	tried, err := w.Remove(t.Context(), root, "cases", 2, true)
	must(t, err)
	if tried.Applied || tried.Effects.EndsAtOnce != 1 || tried.Effects.Sooner[0].Session != s.ID.String() {
		t.Errorf("tried: %+v", tried)
	}
	live, _ := w.live.ByID("cases")
	if _, err := w.engine.Check(t.Context(), live, cookie); err != nil {
		t.Errorf("trying ended the session: %v", err)
	}
	_, err = w.Remove(t.Context(), root, "cases", 1, false)
	refused(t, err, admin.Conflict)
	if _, err := w.Remove(t.Context(), root, "cases", 2, false); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.live.ByHost("cases.example"); ok {
		t.Error("it is still served")
	}
	if _, err := w.engine.Check(t.Context(), live, cookie); err == nil {
		t.Error("its session lives")
	}
	_, err = w.Environment(t.Context(), root, "cases")
	refused(t, err, admin.NotFound)
	if history, err := w.History(t.Context(), root, "cases", 0, 0); err != nil || len(history) != 3 {
		t.Errorf("its history: %d, %v", len(history), err)
	}
	// Made again, it begins with the defaults, goes on with the versions, and revives nobody.
	if env, err = w.Create(t.Context(), root, made); err != nil || env.Version != 4 {
		t.Errorf("made again: %+v, %v", env, err)
	}
	if _, err := w.engine.Check(t.Context(), live, cookie); err == nil {
		t.Error("its old session lives again")
	}
}

// An environment that leaves the file is removed with its sessions, and comes back with what was set.
func TestAnEnvironmentLeavesTheFile(t *testing.T) {
	w := newWorld(t)
	w.allow("bank")
	if _, err := w.change(root, "bank", admin.Edit{SessionTimeout: ptr("2h")}); err != nil {
		t.Fatal(err)
	}
	_, cookie := w.signIn("bank", "amara")
	live, _ := w.live.ByID("bank")
	base := w.file()
	base.Environments = base.Environments[:1]
	must(t, w.Load(t.Context(), base))
	if _, ok := w.live.ByHost("bank.example"); ok {
		t.Error("it is still served")
	}
	if _, err := w.engine.Check(t.Context(), live, cookie); err == nil {
		t.Error("its session lives")
	}
	if got := w.entries(audit.EnvironmentRemoved); !slices.Equal(got, []string{admin.File + " bank: "}) {
		t.Errorf("the audit has %q", got)
	}
	must(t, w.Load(t.Context(), w.file()))
	if env, err := w.Environment(t.Context(), root, "bank"); err != nil || env.Set.SessionTimeout != 2*time.Hour {
		t.Errorf("%+v, %v", env, err)
	}
	// Loading the same file once more makes no version.
	before := w.version("bank")
	must(t, w.Load(t.Context(), w.file()))
	if w.version("bank") != before {
		t.Error("a file that says the same made a version")
	}
}
