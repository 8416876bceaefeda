package login_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

func TestB3_SignInBindsTheSessionToBrowserAndKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	authorization := p.Authorization("/patients?q=a#top")
	for key, want := range map[string]string{"code_challenge_method": "S256", "prompt": "consent", "max_age": "", "response_type": "code"} {
		if got := param(t, authorization, key); got != want {
			t.Errorf("the authorization request has %s %q, want %q", key, got, want)
		}
	}
	if param(t, authorization, "state") == "" || param(t, authorization, "nonce") == "" || param(t, authorization, "code_challenge") == "" {
		t.Errorf("the authorization request lacks state, nonce or PKCE: %s", authorization)
	}
	address, _ := p.authorize(authorization)
	answer := p.Get(address)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/patients?q=a#top" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("the callback answered %d %v: %s", answer.StatusCode, answer.Header, text(answer))
	}
	p.checkIs("sub-alice")
	if names := p.Cookies("curfew-signin-"); len(names) != 0 {
		t.Errorf("cookies %v outlived the sign-in", names)
	}
	if _, refusal := p.Heartbeat(); refusal.Error != "" {
		t.Errorf("the key that began is not that of the session: %+v", refusal)
	}
	s := w.sessions(w.clinic, "sub-alice")
	if len(s) != 1 || s[0].Check.Bypassed || s[0].Check.Stay || s[0].Name != "Alice Example" || s[0].Provider == "" {
		t.Errorf("sessions %+v", s)
	}

	// B3: a copied cookie without the key.
	thief := w.person(w.clinic, oidctest.Alice())
	thief.SetCookie("curfew", p.Cookie("curfew"))
	if _, refusal := thief.Heartbeat(); refusal.Error != wire.WrongKey {
		t.Errorf("a copied cookie with another key: %+v", refusal)
	}
}

// B3: a callback is worth nothing without the sign-in cookie of its own browser, late, twice, or changed.
func TestB3_CallbackIsWorthNothingElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	fresh := func() (*person, string) {
		p := w.person(w.clinic, oidctest.Alice())
		address, _ := p.callback("/patients")
		return p, address
	}
	_, address := fresh()
	w.person(w.clinic, oidctest.Bob()).refused("without a sign-in cookie", address, 403, "not begun in this browser")

	// Login CSRF: the attacker's callback in a browser that began a sign-in of its own.
	victim, _ := fresh()
	_, attackers := fresh()
	victim.refused("another browser's callback", attackers, 403, "not begun in this browser")

	p, address := fresh()
	p.refused("another state", change(t, address, "state", "AAAAAAAAAAAAAAAAAAAAAA"), 403, "not begun in this browser")
	state := param(t, address, "state")
	p.refused("a state with the same beginning", change(t, address, "state", state[:21]+"_"), 403, "not begun in this browser")
	p.refused("no state", change(t, address, "state", ""), 403, "not begun in this browser")
	if answer := p.Get(address); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("made-up callbacks spoiled the sign-in under way: %d %s", answer.StatusCode, text(answer))
	}

	p, address = fresh()
	cookie := p.Cookies("curfew-signin-")[0]
	value := p.Cookie(cookie)
	p.SetCookie(cookie, value[:len(value)-1]+"!")
	p.refused("a spoiled sign-in cookie", address, 403, "not begun in this browser")

	// Code injection: the attacker's code in the victim's sign-in. State and cookie are the victim's own; PKCE is not.
	victim, own := fresh()
	_, stolen := fresh()
	victim.refused("another's code", change(t, own, "code", param(t, stolen, "code")), 403, "did not fit this sign-in")

	p, address = fresh()
	p.refused("two codes", address+"&code=another", 403, "did not fit this sign-in")

	p, address = fresh()
	w.pass(10*time.Minute - time.Second)
	if answer := p.Get(address); answer.StatusCode != http.StatusForbidden || strings.Contains(text(answer), "ten minutes") {
		t.Errorf("a code that the provider has forgotten: %d %s", answer.StatusCode, text(answer))
	}
	p, address = fresh()
	w.pass(10 * time.Minute)
	p.refused("late", address, 403, "took longer than ten minutes")
	if !strings.Contains(w.refusals(), "was over at") {
		t.Errorf("the audit does not say that it was late:\n%s", w.refusals())
	}
}

// B3: an attempt has one session, even when its cookie was kept and the provider gave two codes for it.
func TestB3_CallbackTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	authorization := p.Authorization("/patients")
	first, _ := p.authorize(authorization)
	second, _ := p.authorize(authorization)
	name := p.Cookies("curfew-signin-")[0]
	value := p.Cookie(name)
	if answer := p.Get(first); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("the callback answered %d", answer.StatusCode)
	}
	// Who goes back in the browser is signed in already, and is told so.
	p.refused("twice", first, 403, "You are still signed in")
	p.checkIs("sub-alice")

	p.SetCookie(name, value)
	p.refused("twice, with the cookie", second, 403, "went back to get here, just go on. Go on")
	p.checkIs("sub-alice")
	elsewhere := w.person(w.clinic, oidctest.Alice())
	elsewhere.SetCookie(name, value)
	third, _ := p.authorize(authorization)
	elsewhere.refused("a third time, in another browser with the cookie", third, 403, "completed already")
	if n := len(w.sessions(w.clinic, "sub-alice")); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// Nonce replay: an ID token of another sign-in, however it came here, fits no other browser's key.
func TestB3_NonceOfAnotherSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	first := w.person(w.clinic, oidctest.Alice())
	authorization := first.Authorization("/patients")
	second := w.person(w.clinic, oidctest.Alice())
	address, _ := second.callback("/patients")
	w.clinic.at.AlterIDTokens(t, oidctest.Alteration{Set: map[string]any{"nonce": param(t, authorization, "nonce")}})
	second.refused("another's nonce", address, 403, "did not fit this sign-in")
	address, _ = second.callback("/patients")
	w.clinic.at.AlterIDTokens(t, oidctest.Alteration{Omit: []string{"nonce"}})
	second.refused("no nonce", address, 403, "did not fit this sign-in")
	if !strings.Contains(w.refusals(), "the check of its nonce") {
		t.Errorf("the audit does not name the nonce:\n%s", w.refusals())
	}
}

// Mix-up of two providers: the answer of one in a sign-in at the other (RFC 9207), and everything of one environment in another.
func TestB3_MixUpOfTwoProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	address, _ := p.callback("/patients")
	p.refused("another issuer", change(t, address, "iss", w.bank.at.Issuer), 403, "did not fit this sign-in")
	address, _ = p.callback("/patients")
	p.refused("no issuer, though the provider promises it", change(t, address, "iss", ""), 403, "did not fit this sign-in")
	if n := w.clinic.at.Count(t, oidctest.Token); n != 0 {
		t.Errorf("%d codes went to the token endpoint before the issuer was known", n)
	}

	// The environment's provider is another since the sign-in began: it must not see the code.
	address, _ = p.callback("/patients")
	first := w.clinic.at
	w.clinic.at = w.bank.at
	w.bank.at.Answer(t, oidctest.Discovery, withoutIssuer(t, w.bank.at)) // as most providers are
	w.restart()
	p.refused("the provider changed", change(t, address, "iss", ""), 403, "did not fit this sign-in")
	if n := w.bank.at.Count(t, oidctest.Token); n != 0 {
		t.Errorf("the new provider was asked %d times", n)
	}
	w.clinic.at = first
	w.bank.at.Recover(t, oidctest.Discovery)
	w.restart()

	// The bank's answer, with its own code and issuer, at the clinic.
	customer := w.person(w.bank, oidctest.Alice())
	there, _ := customer.callback("/accounts")
	address, _ = p.callback("/patients")
	mixed := change(t, change(t, address, "code", param(t, there, "code")), "iss", w.bank.at.Issuer)
	p.refused("the bank's code at the clinic", mixed, 403, "did not fit this sign-in")

	// The bank's attempt at the clinic: cookies do not know ports, so one browser sends both.
	name := customer.Cookies("curfew-signin-")[0]
	p.SetCookie(name, customer.Cookie(name))
	p.refused("the bank's sign-in cookie at the clinic", strings.Replace(there, w.bank.Origin, w.clinic.Origin, 1), 403, "not begun in this browser")
}

// withoutIssuer is a provider's discovery document without the promise of iss in its answers (RFC 9207 section 3).
func withoutIssuer(t *testing.T, at *oidctest.Provider) oidctest.Answer {
	t.Helper()
	response, err := http.Get(at.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var doc map[string]any
	if err := json.NewDecoder(response.Body).Decode(&doc); err != nil || doc["authorization_response_iss_parameter_supported"] != true {
		t.Fatalf("the discovery document is %v, %v", doc, err)
	}
	delete(doc, "authorization_response_iss_parameter_supported")
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return oidctest.Answer{Header: map[string]string{"Content-Type": "application/json"}, Body: string(body)}
}

// Session fixation: what an attacker plants in a browser is not what its user's session becomes.
func TestB3_PlantedCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	attacker := w.signedIn(w.clinic, oidctest.Bob())
	victim := w.person(w.clinic, oidctest.Alice())
	planted := attacker.Cookie("curfew")
	victim.SetCookie("curfew", planted)
	w.pass(2 * time.Second) // credentials are asked for: the browser seems to have had a session
	victim.signIn()
	victim.checkIs("sub-alice")
	if victim.Cookie("curfew") == planted {
		t.Error("the planted session cookie was kept")
	}
	attacker.checkIs(string(wire.UserMismatch))

	// The attacker's own sign-in in the victim's browser: cookie and callback both. Its session is bound to the attacker's key, so the
	// victim's browser cannot do anything with it.
	w.pass(2 * time.Second)
	address, _ := attacker.callback("/patients")
	name := attacker.Cookies("curfew-signin-")[0]
	other := w.person(w.clinic, oidctest.Alice())
	other.SetCookie(name, attacker.Cookie(name))
	if answer := other.Get(address); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("nothing to see: %d %s", answer.StatusCode, text(answer))
	}
	if _, refusal := other.Heartbeat(); refusal.Error != wire.WrongKey {
		t.Errorf("a planted sign-in gave a session that goes on: %+v", refusal)
	}

	// Two cookies of one name are none.
	p := w.person(w.clinic, oidctest.Alice())
	address, _ = p.callback("/patients")
	request, err := http.NewRequest(http.MethodGet, address, nil)
	w.must(err)
	request.Header.Set("Cookie", p.Cookies("curfew-signin-")[0]+"=AAAA")
	if answer := p.Do(request); answer.StatusCode != http.StatusForbidden {
		t.Errorf("two sign-in cookies of one name: %d", answer.StatusCode)
	}
}

// Open redirect: a sign-in ends on this origin.
func TestReturnTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	for _, evil := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/.curfew/sign-out", "javascript:alert(1)", "/\t/evil.example"} {
		for _, page := range []string{"sign-in", "resume"} {
			answer := p.Get(p.Prefix + page + "?return_to=" + url.QueryEscape(evil))
			if answer.StatusCode != http.StatusBadRequest || strings.Contains(string(answer.Body), "evil") {
				t.Errorf("%s?return_to=%s: %d %s", page, evil, answer.StatusCode, answer.Body)
			}
		}
		isRefusal(t, evil, p, p.Begin(url.Values{"return_to": {evil}}), 400, wire.BadReturnTo)
	}
	// The longest one fits into its cookie, whatever it is made of.
	longest := "/" + strings.Repeat("&", wire.MaxReturnTo-1)
	address, _ := p.callback(longest)
	if n := len(p.Cookie(p.Cookies("curfew-signin-")[0])); n > wire.MaxCookie-100 {
		t.Errorf("a sign-in cookie of %d bytes, more than browsers keep", n)
	}
	if answer := p.Get(address); answer.Header.Get("Location") != longest {
		t.Errorf("the longest return_to: %d", answer.StatusCode)
	}
}

// Sign-ins in several tabs do not get in each other's way, and many do not fill the cookie jar.
func TestB3_SignInsInTabs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	first, _ := p.callback("/patients?tab=1")
	second, _ := p.callback("/patients?tab=2")
	if answer := p.Get(first); answer.Header.Get("Location") != "/patients?tab=1" {
		t.Errorf("the first tab: %d %s", answer.StatusCode, text(answer))
	}
	w.pass(time.Second)
	// The second replaces the session that has just begun, which takes new credentials (A2).
	again, asked := p.authorize(p.Get(second).Header.Get("Location"))
	if answer := p.Get(again); !asked || answer.Header.Get("Location") != "/patients?tab=2" {
		t.Errorf("the second tab: %d, password asked for: %v", answer.StatusCode, asked)
	}
	for range 20 {
		p.Authorization("/")
	}
	if n := len(p.Cookies("curfew-signin-")); n > 7 {
		t.Errorf("%d sign-in cookies", n)
	}
}
