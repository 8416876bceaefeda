package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
)

func TestB3_SignInBindsTheSessionToBrowserAndKey(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	if answer := v.Get("/patients?q=a"); answer.StatusCode != http.StatusSeeOther ||
		answer.Header.Get("Location") != "/.curfew/sign-in?again=1&return_to=%2Fpatients%3Fq%3Da" {
		t.Fatalf("without a session: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	address, err := url.Parse(v.Authorization("/patients"))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	if query.Get("code_challenge_method") != "S256" || query.Get("state") == "" || query.Get("nonce") == "" {
		t.Errorf("the authorization request lacks PKCE, state or nonce: %v", query)
	}
	if query.Has("prompt") || query.Has("max_age") {
		t.Errorf("a first sign-in asks for credentials: %v", query)
	}
	v = r.visitor(t)
	v.signIn()
	if answer := v.Get("/patients"); answer.StatusCode != http.StatusOK || !strings.Contains(string(answer.Body), users[0].DisplayName) {
		t.Errorf("signed in: %d", answer.StatusCode)
	}
	for _, name := range []string{"curfew"} {
		if v.Cookie(name) == "" {
			t.Errorf("no cookie %s", name)
		}
	}
	if name, _ := v.signInCookie(); name != "" {
		t.Error("the sign-in cookie outlived the sign-in")
	}
}

// B3: what an attacker can do with callbacks.
func TestB3_CallbackIsWorthNothingElsewhere(t *testing.T) {
	r := start(t)
	refused := func(name string, v *visitor, callback string) {
		t.Helper()
		answer := v.Get(callback)
		if answer.StatusCode != http.StatusForbidden || v.Cookie("curfew") != "" {
			t.Errorf("%s: answered %d, session cookie %v", name, answer.StatusCode, v.Cookie("curfew") != "")
		}
	}
	change := func(address, key, value string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set(key, value)
		u.RawQuery = query.Encode()
		return u.String()
	}

	v := r.visitor(t)
	callback, _ := v.authorize(v.Authorization("/patients"))
	refused("without the sign-in cookie", r.visitor(t), callback)

	other := r.visitor(t)
	other.Authorization("/patients")
	refused("another browser's callback (login CSRF)", other, callback)

	v = r.visitor(t)
	callback, _ = v.authorize(v.Authorization("/patients"))
	refused("another state", v, change(callback, "state", "AAAAAAAAAAAAAAAAAAAAAA"))

	v = r.visitor(t)
	callback, _ = v.authorize(v.Authorization("/patients"))
	refused("another issuer (RFC 9207)", v, change(callback, "iss", "https://evil.example"))

	// Code injection: the attacker's own code in the victim's sign-in. The victim's state is right, but PKCE and nonce are not.
	attacker, victim := r.visitor(t), r.visitor(t)
	stolen, _ := attacker.authorize(attacker.Authorization("/patients"))
	own, _ := victim.authorize(victim.Authorization("/patients"))
	code, err := url.Parse(stolen)
	if err != nil {
		t.Fatal(err)
	}
	refused("another's code", victim, change(own, "code", code.Query().Get("code")))

	// A sign-in cookie moved to the attacker's key: the session would be bound to the key inside the cookie, not theirs.
	v = r.visitor(t)
	callback, _ = v.authorize(v.Authorization("/patients"))
	name, value := v.signInCookie()
	v.SetCookie(name, value+"A")
	refused("a spoiled sign-in cookie", v, callback)

	v = r.visitor(t)
	callback, _ = v.authorize(v.Authorization("/patients"))
	name, value = v.signInCookie()
	v.Get(callback)
	v.SetCookie("curfew", "")
	v.SetCookie(name, value)
	refused("the same callback twice", v, callback)

	v = r.visitor(t)
	callback, _ = v.authorize(v.Authorization("/patients"))
	r.clock.stop()
	r.clock.advance(10*time.Minute + time.Second)
	refused("too late", v, callback)
	r.clock.run()

	v = r.visitor(t)
	callback, _ = v.authorize(v.Authorization("/patients"))
	refused("the provider's refusal", v, change(change(callback, "error", "access_denied"), "code", ""))
}

func TestB3_SignInWantsAProofOfTheKey(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	nonce := v.Nonce()
	claims := proof.Claims{JTI: "j", HTM: "POST", HTU: v.Origin + "/.curfew/sign-in", IAT: 1, Nonce: nonce}
	stale := claims
	stale.Nonce = "made-up"
	elsewhere := claims
	elsewhere.HTU = v.Origin + "/.curfew/heartbeat"
	for name, c := range map[string]struct {
		proofs []string
		code   wire.Code
	}{
		"none":            {nil, wire.InvalidProof},
		"two":             {[]string{v.Token(t, claims), v.Token(t, claims)}, wire.InvalidProof},
		"no JWT":          {[]string{"x"}, wire.InvalidProof},
		"another address": {[]string{v.Token(t, elsewhere)}, wire.InvalidProof},
		"made-up nonce":   {[]string{v.Token(t, stale)}, wire.UseNonce},
		"oversized":       {[]string{v.Token(t, claims) + strings.Repeat("A", wire.MaxProof)}, wire.TooLarge},
	} {
		answer := v.Post("/.curfew/sign-in", url.Values{"return_to": {"/"}}, c.proofs...)
		if got := v.Refusal(answer); got.Error != c.code {
			t.Errorf("%s: %d %s, want %s", name, answer.StatusCode, got.Error, c.code)
		}
		if name, _ := v.signInCookie(); name != "" {
			t.Errorf("%s: got a sign-in cookie", name)
		}
	}
}

func TestForeignReturnToIsRefused(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	nonce := v.Nonce()
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/a\nb", "/.curfew/sign-out", "/x/../.curfew/sign-out"} {
		for _, page := range []string{"sign-in", "resume"} {
			if status := v.Get("/.curfew/" + page + "?return_to=" + url.QueryEscape(to)).StatusCode; status != http.StatusBadRequest {
				t.Errorf("%s with return_to %q: %d", page, to, status)
			}
		}
		token := v.Token(t, proof.Claims{JTI: "j", HTM: "POST", HTU: v.Origin + "/.curfew/sign-in", IAT: 1, Nonce: nonce})
		if got := v.Refusal(v.Post("/.curfew/sign-in", url.Values{"return_to": {to}}, token)); got.Error != wire.BadReturnTo {
			t.Errorf("POST sign-in with return_to %q: %+v", to, got)
		}
	}
}

// B1: after an end the provider is asked for credentials; a browser that has cleared its cookies is found out when it comes back.
func TestB1_CredentialsAgain(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	v.signIn()
	r.clock.stop()
	r.clock.advance(41 * time.Second)
	if got := v.Get("/.curfew/check"); got.Header.Get("Curfew-Reason") != "inactivity" {
		t.Fatalf("not ended: %d %q", got.StatusCode, got.Header.Get("Curfew-Reason"))
	}
	r.clock.advance(time.Second)
	address := v.Authorization("/patients")
	if u, _ := url.Parse(address); u.Query().Get("prompt") != "login" || u.Query().Get("max_age") != "0" {
		t.Errorf("the sign-in after an end asks for no credentials: %s", address)
	}
	callback, asked := v.authorize(address)
	if !asked {
		t.Error("the provider did not ask for the password")
	}
	if answer := v.Get(callback); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("with credentials: %d %.200s", answer.StatusCode, answer.Body)
	}

	// The same, but the browser forgets Curfew's cookies and keeps the provider's.
	r.clock.advance(41 * time.Second)
	v.SetCookie("curfew", "")
	address = v.Authorization("/patients")
	if strings.Contains(address, "prompt=login") {
		t.Fatal("nothing to see: the browser was recognised")
	}
	callback, asked = v.authorize(address)
	if asked {
		t.Fatal("nothing to see: the provider asked anyway")
	}
	answer := v.Get(callback)
	if answer.StatusCode != http.StatusSeeOther || !strings.Contains(answer.Header.Get("Location"), "prompt=login") {
		t.Fatalf("an old auth_time was not sent back for credentials: %d %s", answer.StatusCode, answer.Header.Get("Location"))
	}
	r.clock.advance(time.Second)
	callback, asked = v.authorize(answer.Header.Get("Location"))
	if !asked {
		t.Error("the provider did not ask for the password")
	}
	if answer := v.Get(callback); answer.Header.Get("Location") != "/patients" {
		t.Errorf("with credentials: %d %.200s", answer.StatusCode, answer.Body)
	}
}

// Two tabs that sign in at the same time both arrive, and a made-up callback does not spoil a sign-in under way.
func TestB3_SignInsInTwoTabs(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	first, _ := v.authorize(v.Authorization("/patients?tab=1"))
	second, _ := v.authorize(v.Authorization("/patients?tab=2"))
	if status := v.Get("/.curfew/callback?state=made-up&code=x").StatusCode; status != http.StatusForbidden {
		t.Errorf("a made-up callback: %d", status)
	}
	if answer := v.Get(first); answer.Header.Get("Location") != "/patients?tab=1" {
		t.Errorf("the first tab: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	// The second replaces the session that has just begun, which takes new credentials (A2).
	answer := v.Get(second)
	r.clock.stop()
	r.clock.advance(time.Second)
	again, asked := v.authorize(answer.Header.Get("Location"))
	if answer = v.Get(again); !asked || answer.Header.Get("Location") != "/patients?tab=2" {
		t.Errorf("the second tab: %d to %q, password asked for: %v", answer.StatusCode, answer.Header.Get("Location"), asked)
	}
	for range 20 {
		v.Authorization("/patients")
	}
	if n := len(v.Cookies("curfew-signin-")); n > 7 {
		t.Errorf("%d sign-in cookies", n)
	}
}

// Another site cannot sign anybody out, nor have a living session replaced, by a link.
func TestB4_LinksFromOtherSites(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	v.signIn()
	from := func(path, key, value string) apitest.Answer {
		request, err := http.NewRequest(http.MethodGet, v.Origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(key, value)
		return v.Do(request)
	}
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Purpose", "prefetch;prerender"}} {
		if answer := from("/.curfew/sign-out", header[0], header[1]); strings.Contains(string(answer.Body), "data-mode") {
			t.Errorf("%v: the sign-out begins by itself", header)
		}
		if answer := from("/.curfew/sign-in?again=1", header[0], header[1]); !strings.HasPrefix(answer.Header.Get("Location"), "/.curfew/resume") {
			t.Errorf("%v: a link replaces a living session: %d", header, answer.StatusCode)
		}
	}
	if answer := from("/.curfew/sign-out", "Sec-Fetch-Site", "same-origin"); !strings.Contains(string(answer.Body), `data-mode="sign-out"`) {
		t.Error("the application's own link does not sign out")
	}
}

func TestProviderDown(t *testing.T) {
	r := startWith(t, false)
	v := r.visitor(t)
	nonce := v.Nonce()
	token := v.Token(t, proof.Claims{JTI: "j", HTM: "POST", HTU: v.Origin + "/.curfew/sign-in", IAT: 1, Nonce: nonce})
	answer := v.Post("/.curfew/sign-in", url.Values{"return_to": {"/"}}, token)
	if got := v.Refusal(answer); got.Error != wire.ProviderFailed || answer.StatusCode != http.StatusBadGateway {
		t.Errorf("%d %+v", answer.StatusCode, got)
	}
}
