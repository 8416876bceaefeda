package console

import (
	"net/http"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the zone of a test

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Everything that there is has a name for people, and every kind of entry can be looked for.
func TestEverythingHasAName(t *testing.T) {
	for _, kind := range audit.Kinds() {
		if kindWords[kind] == "" {
			t.Errorf("kind %s has none", kind)
		}
		times := 0
		for _, group := range kindGroups {
			if slices.Contains(group.Kinds, kind) {
				times++
			}
		}
		if times != 1 {
			t.Errorf("kind %s can be chosen in %d places", kind, times)
		}
	}
	for _, reason := range wire.Reasons() {
		if reasonWords[reason] == "" {
			t.Errorf("reason %s has none", reason)
		}
	}
	for _, client := range append(policy.Clients(), policy.Browser) {
		if clientWords[client] == "" {
			t.Errorf("client %s has none", client)
		}
	}
	for _, name := range policy.SwitchNames() {
		if switchWords[name] == "" {
			t.Errorf("switch %s is not explained", name)
		}
	}
	for _, state := range admin.States() {
		if stateWords[state] == "" {
			t.Errorf("state %s has none", state)
		}
	}
	for _, kind := range settings.Kinds() {
		if environmentKinds[kind] == "" {
			t.Errorf("kind %s has none", kind)
		}
	}
	for _, code := range admin.Codes() {
		if code.Status() == http.StatusInternalServerError {
			t.Errorf("code %s has no status", code)
		}
	}
	other := settings.Document{Kind: settings.Portal, Name: "n", Origins: []string{"o"}, Provider: "p", Removed: true, Switches: map[policy.Switch]bool{},
		Settings: settings.Times{SessionTimeout: 1, SessionWarning: 1, InactivityTimeout: 1, InactivityWarning: 1, AnyActivityStays: true},
		Clients:  settings.Clients{Matchers: []settings.Matcher{{ClientID: "c"}}, Enforced: map[policy.Client]settings.Enforced{}}}
	for _, name := range policy.SwitchNames() {
		other.Switches[name] = true
	}
	for _, client := range policy.Clients() {
		other.Clients.Enforced[client] = settings.Enforced{Session: true}
	}
	all := settings.Diff(settings.New(), other)
	if len(all) < 20 {
		t.Fatalf("only %d fields", len(all))
	}
	for _, c := range all {
		if fieldName(c.Field) == c.Field {
			t.Errorf("field %s has none", c.Field)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1234: "-1\u202f234", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for want, got := range map[string]string{"1 session": count(1, "session"), "2 sessions": count(2, "session"), "0 entries": count(0, "entry"), "3 days": count(3, "day")} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "now", 9 * time.Second: "now", 10 * time.Second: "in 10 s", -119 * time.Second: "119 s ago", 2 * time.Minute: "in 2 min", -119 * time.Minute: "119 min ago",
		2 * time.Hour: "in 2 h", -47 * time.Hour: "47 h ago", 48 * time.Hour: "in 2 days", -90 * 24 * time.Hour: "90 days ago",
	} {
		if got := relative(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

// Instants are shown and read in the console's time zone.
func TestTimesAreInTheConsolesZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Copenhagen")
	must(t, err)
	c := &console{Config: Config{Location: zone}}
	v := &visit{console: c, now: noon}
	if got := *v.at(noon); got != (instant{"2026-03-02T13:00:00+01:00", "2026-03-02 13:00:00", "now"}) {
		t.Errorf("%+v", got)
	}
	if v.at(0) != nil {
		t.Error("none is an instant")
	}
	for text, want := range map[string]int64{"2026-03-02T13:00": noon, "2026-03-02T13:00:01": noon + 1000, "2026-07-02T14:00": 1782993600000} {
		if got, ok := c.readTime(text); !ok || got != want {
			t.Errorf("%s is %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "2026-03-02", "13:00", "2026-13-02T13:00", "1969-12-31T13:00", "2026-03-02T13:00Z", "0000-00-00T00:00"} {
		if got, ok := c.readTime(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
	if v.zone() != "Europe/Copenhagen" {
		t.Errorf("the zone is called %s", v.zone())
	}
}

func TestConfigIsChecked(t *testing.T) {
	whole := Config{Admin: newFake(), Actor: func(*http.Request) (admin.Actor, string, bool) { return everything, "", true }, Token: func(*http.Request) string { return token },
		Now: time.Now, Prefix: "/.curfew/"}
	if _, err := New(whole); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"admin": func(c *Config) { c.Admin = nil }, "actor": func(c *Config) { c.Actor = nil }, "token": func(c *Config) { c.Token = nil }, "clock": func(c *Config) { c.Now = nil },
		"prefix": func(c *Config) { c.Prefix = "" }, "open prefix": func(c *Config) { c.Prefix = "/.curfew" }, "elsewhere": func(c *Config) { c.Prefix = "https://evil.example/" },
	} {
		c := whole
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
