package login_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// B5: the provider's own logout, as it sends it itself, counts at the very next check and touches nobody else.
func TestB5_TheProviderEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	first, second, bob := w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Bob())
	elsewhere := w.signedIn(w.bank, oidctest.Alice())
	w.pass(time.Second)

	// One browser's session at the provider, by sid.
	_, to, _ := first.SignOut(url.Values{"scope": {"browser"}})
	oidctest.Logout(t, first.site, to.Location)
	second.checkIs("sub-alice")

	sent := w.clinic.at.EndSessions(t, "sub-alice")
	for _, one := range append(sent, w.clinic.at.Deliveries(t)...) {
		if one.Error != "" {
			t.Errorf("the logout token for %s was refused: %s", one.Sub, one.Error)
		}
	}
	second.checkIs(string(wire.EndedByProvider))
	bob.checkIs("sub-bob")
	elsewhere.checkIs("sub-alice")

	// B1: and credentials are needed then.
	w.pass(2 * time.Second)
	second.DropCookies()
	second.signIn()
	second.checkIs("sub-alice")
}

// logout is the claims of a logout token for alice at the clinic.
func (w *world) logout(more map[string]any) map[string]any {
	claims := map[string]any{"iss": w.clinic.at.Issuer, "aud": "clinic", "iat": w.clock().Unix(), "exp": w.clock().Unix() + 120, "jti": "one",
		"sub": "sub-alice", "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	maps.Copy(claims, more)
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (w *world) logoutToken(more map[string]any) string {
	w.t.Helper()
	return w.clinic.at.Sign(w.t, map[string]any{"typ": "logout+jwt", "alg": "ES256"}, w.logout(more))
}

// send posts a logout token as a provider does, and checks what every answer must have.
func (w *world) send(at place, token string) apitest.Answer {
	w.t.Helper()
	return w.post(at, "application/x-www-form-urlencoded", url.Values{"logout_token": {token}}.Encode())
}

func (w *world) post(at place, kind, body string) apitest.Answer {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, at.Origin+"/.curfew/backchannel-logout", strings.NewReader(body))
	w.must(err)
	request.Header.Set("Content-Type", kind)
	answer := apitest.New(w.t, at.Origin).Do(request)
	if answer.Header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("Cache-Control %q (section 2.8)", answer.Header.Get("Cache-Control"))
	}
	return answer
}

// refusesLogout expects the answer of section 2.8.
func (w *world) refusesLogout(name string, answer apitest.Answer, code string) {
	w.t.Helper()
	var got struct {
		Error       string
		Description string `json:"error_description"`
	}
	err := json.Unmarshal(answer.Body, &got)
	if answer.StatusCode != http.StatusBadRequest || err != nil || got.Error != code || got.Description == "" || answer.Header.Get("Content-Type") != "application/json" {
		w.t.Errorf("%s: answered %d %s, want 400 %s", name, answer.StatusCode, answer.Body, code)
	}
}

// B5: forged and misdirected logout tokens end nothing, and the audit says so.
func TestB5_LogoutTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	alice := w.signedIn(w.clinic, oidctest.Alice())
	customer := w.signedIn(w.bank, oidctest.Alice())
	good := w.logoutToken(nil)
	for name, c := range map[string]struct {
		at    place
		token string
		check string
	}{
		"another client":           {w.clinic, w.logoutToken(map[string]any{"aud": "own-sign-in"}), "aud"},
		"another issuer":           {w.clinic, w.logoutToken(map[string]any{"iss": w.bank.at.Issuer}), "iss"},
		"another provider's key":   {w.clinic, w.bank.at.Sign(t, map[string]any{"typ": "logout+jwt", "alg": "ES256"}, w.logout(nil)), "signature"},
		"another environment":      {w.bank, good, "signature"},
		"no signature":             {w.clinic, w.clinic.at.Sign(t, map[string]any{"typ": "logout+jwt", "alg": "none"}, w.logout(nil)), "alg"},
		"a spoiled signature":      {w.clinic, good[:len(good)-20] + strings.Repeat("A", 20), "signature"},
		"a signature cut off":      {w.clinic, good[:len(good)-4], ""},
		"an ID token's nonce":      {w.clinic, w.logoutToken(map[string]any{"nonce": "n"}), "nonce"},
		"no event":                 {w.clinic, w.logoutToken(map[string]any{"events": map[string]any{}}), "events"},
		"nobody":                   {w.clinic, w.logoutToken(map[string]any{"sub": nil}), "subject"},
		"no jti":                   {w.clinic, w.logoutToken(map[string]any{"jti": nil}), "jti"},
		"old":                      {w.clinic, w.logoutToken(map[string]any{"iat": w.clock().Unix() - 3600}), "iat"},
		"not yet":                  {w.clinic, w.logoutToken(map[string]any{"iat": w.clock().Unix() + 3600}), "iat"},
		"an ID token's type":       {w.clinic, w.clinic.at.Sign(t, map[string]any{"typ": "at+jwt", "alg": "ES256"}, w.logout(nil)), "typ"},
		"nothing":                  {w.clinic, "", "form"},
		"no token":                 {w.clinic, "a.b.c", "form"},
		"a token that is too long": {w.clinic, strings.Repeat("a", 9<<10), "form"},
	} {
		w.refusesLogout(name, w.send(c.at, c.token), "invalid_request")
		if !strings.Contains(w.refusals(), "check of its "+c.check) {
			t.Errorf("%s: the audit does not name the check of %s:\n%s", name, c.check, w.refusals())
		}
	}
	form := "application/x-www-form-urlencoded"
	for name, c := range map[string][2]string{
		"twice":          {form, "logout_token=" + good + "&logout_token=" + good},
		"another type":   {"application/json", `{"logout_token":"` + good + `"}`},
		"a type like it": {form + "-not", "logout_token=" + good},
		"none":           {form, "token=" + good},
		"too large":      {form, "x=" + strings.Repeat("a", 20<<10) + "&logout_token=" + good},
		"broken":         {form, "logout_token=%zz"},
	} {
		w.refusesLogout(name, w.post(w.clinic, c[0], c[1]), "invalid_request")
	}
	request, err := http.NewRequest(http.MethodPost, w.clinic.Origin+"/.curfew/backchannel-logout?logout_token="+good, nil)
	w.must(err)
	request.Header.Set("Content-Type", form)
	w.refusesLogout("in the query", alice.Do(request), "invalid_request")

	alice.checkIs("sub-alice")
	customer.checkIs("sub-alice")

	// The same token, sound all along, where it belongs: once.
	if answer := w.send(w.clinic, good); answer.StatusCode != http.StatusOK {
		t.Fatalf("a sound token: %d %s", answer.StatusCode, answer.Body)
	}
	alice.checkIs(string(wire.EndedByProvider))
	customer.checkIs("sub-alice")
	w.pass(2 * time.Second)
	alice.signIn()
	w.refusesLogout("replayed", w.send(w.clinic, good), "invalid_request")
	alice.checkIs("sub-alice")
}

// B5: a sign-in that was under way does not get past the provider's logout.
func TestB5_SignInUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	address, _ := p.callback("/patients")
	w.pass(time.Second)
	if answer := w.send(w.clinic, w.logoutToken(nil)); answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", answer.StatusCode, answer.Body)
	}
	if to := p.Get(address).Header.Get("Location"); param(t, to, "max_age") != "0" {
		t.Errorf("the old sign-in leads to %q", to)
	}
	if p.Cookie("curfew") != "" {
		t.Error("a session began")
	}
}

// B5: a logout that failed says so, as section 2.8 wants it, and can be sent again.
func TestB5_LogoutThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	alice := w.signedIn(w.clinic, oidctest.Alice())
	token := w.logoutToken(nil)
	w.store.set(errors.New("no disk"))
	w.refusesLogout("without a store", w.send(w.clinic, token), "temporarily_unavailable")
	w.store.set(nil)
	alice.checkIs("sub-alice")

	w.clinic.at.Stop(t)
	w.restart()
	w.refusesLogout("without the provider's keys", w.send(w.clinic, token), "temporarily_unavailable")
	w.clinic.at.Restart(t)
	w.pass(time.Minute)
	if answer := w.send(w.clinic, token); answer.StatusCode != http.StatusOK {
		t.Errorf("sent again: %d %s", answer.StatusCode, answer.Body)
	}
	alice.checkIs(string(wire.EndedByProvider))
}
