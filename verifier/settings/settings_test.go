package settings

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// A9: patterns are for the whole text, whatever the case, and * stands for any text.
func TestA9_Wildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		fits          bool
	}{
		{"*iPhone*", "Mozilla/5.0 (iphone; CPU)", true}, {"iPhone*", "Mozilla iPhone", false}, {"*iPhone", "an iPhone", true},
		{"*", "", true}, {"**", "anything", true}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-c-b", false}, {"ab*ab", "ab", false}, {"ab*ab", "abab", true},
		{"exact", "exact", true}, {"exact", "exactly", false}, {"*a*a*", "a", false}, {"*Android*Mobile*", "Linux; Android 16; K) Mobile Safari", true},
		{"*Android*Mobile*", "Mobile before Android", false},
	} {
		if got := wildcard(c.pattern, c.text); got != c.fits {
			t.Errorf("%q and %q: %t", c.pattern, c.text, got)
		}
	}
	// A pattern that would take for ever if it were tried every way.
	if wildcard(strings.Repeat("*a", 90)+"*b", strings.Repeat("a", MaxUserAgent)) {
		t.Error("it ends with a b")
	}
}

// A9: the first matcher that fits decides, and one for a browser ends the search.
func TestA9_Match(t *testing.T) {
	c := Clients{Matchers: []Matcher{
		{Client: policy.Browser, UserAgent: "*Trident*"}, {Client: policy.OutlookAddIn, ClientID: "outlook", UserAgent: "*Outlook*"}, {Client: policy.Tablet, UserAgent: "*iPad*"},
	}}
	for _, try := range []struct {
		clientID, userAgent string
		want                policy.Client
		place               int
	}{
		{"outlook", "Outlook 16; Trident", policy.Browser, 0}, {"outlook", "Outlook 16", policy.OutlookAddIn, 1}, {"other", "Outlook 16", policy.Browser, -1},
		{"outlook", "iPad", policy.Tablet, 2}, {"", "", policy.Browser, -1},
		{"", strings.Repeat("x", MaxUserAgent) + "iPad", policy.Browser, -1}, // what is longer is not looked at
	} {
		if got, place := c.Match(try.clientID, try.userAgent); got != try.want || place != try.place {
			t.Errorf("%+v: %q by %d", try, got, place)
		}
	}
	if c.Of(policy.Browser) != (Enforced{true, true}) || c.Of(policy.Tablet) != (Enforced{}) {
		t.Error("what is enforced")
	}
}

// C1: what is stored is what is read, and a difference is told in the words of people.
func TestC1_DocumentsRoundTrip(t *testing.T) {
	doc := New()
	doc.Name, doc.Origins, doc.Provider = "Clinic", []string{"https://a.example", "https://b.example"}, "corporate"
	doc.Settings = Times{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 90 * time.Second, AnyActivityStays: true}
	doc.Switches = map[policy.Switch]bool{policy.UCIInactivityTimeout: false}
	doc.Clients = Clients{Matchers: []Matcher{{Client: policy.Phone, UserAgent: "*iPhone*"}}, Enforced: map[policy.Client]Enforced{policy.Phone: {Session: true}}}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var read Document
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if changes := Diff(doc, read); len(changes) > 0 {
		t.Errorf("%v in %s", changes, text)
	}
	got := Diff(Blank(), doc)
	var lines []string
	for _, c := range got {
		lines = append(lines, c.String())
	}
	want := `kind: none -> app
name: none -> Clinic
origins: none -> https://a.example https://b.example
provider: none -> corporate
session_timeout: provider -> 8h
inactivity_timeout: off -> 15m
inactivity_warning: 2m -> 1m30s
any_activity_stays: false -> true
switch FCB.UCIInactivityTimeout: inherit -> off
client phone: session exempt, inactivity exempt -> session enforced, inactivity exempt
matchers: none -> user_agent "*iPhone*" is phone`
	if strings.Join(lines, "\n") != want {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
	// A copy shares nothing.
	clone := doc.Clone()
	clone.Origins[0], clone.Switches[policy.UCIInactivityTimeout] = "https://c.example", true
	clone.Clients.Matchers[0].UserAgent, clone.Clients.Enforced[policy.Phone] = "*", Enforced{}
	if len(Diff(doc, read)) > 0 {
		t.Error("changing a copy changed the original")
	}
}

// A11: a portal has its own switches only.
func TestA11_On(t *testing.T) {
	deployment := Document{Switches: map[policy.Switch]bool{policy.AllowCustomSessionDuration: true, policy.UCIInactivityTimeout: true}}
	app := Document{Kind: App, Switches: map[policy.Switch]bool{policy.UCIInactivityTimeout: false}}
	if on := app.On(deployment); !on.On(policy.AllowCustomSessionDuration) || on.On(policy.UCIInactivityTimeout) {
		t.Errorf("app: %+v", on)
	}
	portal := Document{Kind: Portal, Switches: map[policy.Switch]bool{policy.WSFedNonceCookieEnabled: true}}
	if on := portal.On(deployment); on.On(policy.AllowCustomSessionDuration) || !on.On(policy.WSFedNonceCookieEnabled) {
		t.Errorf("portal: %+v", on)
	}
}

// C1: an environment with several origins is one, at each of them; tokens of one origin are worth nothing at another (P6).
func TestC1_Live(t *testing.T) {
	first := Environment{ID: "clinic", Origin: "https://a.example"}
	second := first
	second.Origin = "https://B.example:8443"
	live := NewLive(first, second, Environment{ID: "bank", Origin: "https://bank.example"})
	if all := live.All(); len(all) != 2 || all[0].Origin != first.Origin {
		t.Errorf("%+v", all)
	}
	for host, want := range map[string]string{"a.example": "https://a.example", "A.EXAMPLE": "https://a.example", "b.example:8443": second.Origin, "c.example": ""} {
		if got, ok := live.ByHost(host); ok != (want != "") || got.Origin != want {
			t.Errorf("%s: %+v", host, got)
		}
	}
	if first.Scope() == second.Scope() || first.Scope() == first.ID {
		t.Errorf("scopes %q and %q", first.Scope(), second.Scope())
	}
	live.Set(nil)
	if _, ok := live.ByHost("a.example"); ok || len((&Live{}).All()) > 0 {
		t.Error("an environment that is gone is still there")
	}
	if _, ok := (&Live{}).ByID("clinic"); ok {
		t.Error("nobody has set any")
	}
}

func TestLengths(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "off": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute} {
		if got, err := ParseLength(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "15", "soon", "provider"} {
		if _, err := ParseLength(text); err == nil {
			t.Errorf("%q is a length", text)
		}
	}
	if got, err := ParseTimeout("provider"); err != nil || got != 0 || FormatTimeout(0) != "provider" || FormatInactivity(0) != "off" {
		t.Errorf("provider: %v, %v", got, err)
	}
	if _, err := ParseTimeout("off"); err == nil {
		t.Error("a session without any end")
	}
}
