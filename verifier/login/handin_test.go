package login_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// newApplication is a world whose clinic signs people in itself.
func newApplication(t *testing.T) *world {
	t.Helper()
	return newWorld(t, options{login: ownApplication(), handIn: ownSignIn.ID})
}

// token is the ID token that the application's own sign-in gets with the nonce that the browser brought.
func (p *person) token(location string) string {
	p.w.t.Helper()
	const pkce = "a-code-verifier-of-the-forty-three-characters-that-it-takes"
	oauth := oauth2.Config{ClientID: ownSignIn.ID, ClientSecret: ownSignIn.Secret, RedirectURL: ownSignIn.RedirectURIs[0], Scopes: []string{"openid", "profile"},
		Endpoint: oauth2.Endpoint{AuthURL: p.at.at.Issuer + "/auth", TokenURL: p.at.at.Issuer + "/token", AuthStyle: oauth2.AuthStyleInHeader}}
	more := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(pkce), oauth2.SetAuthURLParam("nonce", param(p.w.t, location, "curfew_nonce"))}
	if param(p.w.t, location, "curfew_prompt") == "login" {
		more = append(more, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	address, _ := p.authorize(oauth.AuthCodeURL("its own state", more...))
	token, err := oauth.Exchange(p.w.t.Context(), param(p.w.t, address, "code"), oauth2.VerifierOption(pkce))
	p.w.must(err)
	raw, _ := token.Extra("id_token").(string)
	return raw
}

// handIn is the request of the application's back end.
func (w *world) handIn(at place, authorization string, form url.Values) apitest.Answer {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, at.Origin+"/.curfew/hand-in", strings.NewReader(form.Encode()))
	w.must(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	return apitest.New(w.t, at.Origin).Do(request)
}

const bearer = "Bearer " + handInSecret

// cookieHeader is what the browser sends to the application.
func (p *person) cookieHeader() string {
	u, err := url.Parse(p.Origin)
	p.w.must(err)
	var all []string
	for _, c := range p.Client.Jar.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(append(all, "theirs=1"), "; ")
}

// take gives the browser a cookie, as the application does.
func (p *person) take(header string) {
	p.w.t.Helper()
	cookie, err := http.ParseSetCookie(header)
	if err != nil || !cookie.HttpOnly || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode {
		p.w.t.Fatalf("Set-Cookie %q: %v", header, err)
	}
	p.SetCookie(cookie.Name, cookie.Value)
}

type handedIn struct {
	wire.Refusal
	Session, Cookie string
	ReturnTo        string `json:"return_to"`
}

func (p *person) read(answer apitest.Answer) handedIn {
	p.w.t.Helper()
	var got handedIn
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		p.w.t.Fatalf("%d %s", answer.StatusCode, answer.Body)
	}
	return got
}

func (p *person) form(location string) url.Values {
	return url.Values{"id_token": {p.token(location)}, "state": {param(p.w.t, location, "curfew_state")}, "cookies": {p.cookieHeader()}}
}

// A6: an ID token of the application's own sign-in becomes a session that is bound to the browser's key, and bypassed.
func TestA6_HandIn(t *testing.T) {
	t.Parallel()
	w := newApplication(t)
	p := w.person(w.clinic, oidctest.Alice())
	location := p.Authorization("/patients?q=a&b")
	if !strings.HasPrefix(location, "/own/sign-in?from=curfew&") || param(t, location, "curfew_return_to") != "/patients?q=a&b" || param(t, location, "curfew_prompt") != "" {
		t.Errorf("the browser is sent to %s", location)
	}
	answer := w.handIn(w.clinic, bearer, p.form(location))
	got := p.read(answer)
	if answer.StatusCode != http.StatusOK || got.ReturnTo != "/patients?q=a&b" || got.Session == "" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", answer.StatusCode, answer.Body)
	}
	p.take(got.Cookie)
	p.checkIs("sub-alice")
	if _, refusal := p.Heartbeat(); refusal.Error != "" || p.Session() != got.Session {
		t.Errorf("the session is not of the browser's key: %+v", refusal)
	}
	s := w.sessions(w.clinic, "sub-alice")
	if len(s) != 1 || !s[0].Check.Bypassed || !w.recorded(audit.SignIn, "handed in by the application") {
		t.Errorf("it is not marked as handed in: %+v", s)
	}

	// Basic works too, for clients that have nothing else. A user signs in again in place of the session: with credentials (B1).
	w.pass(2 * time.Second)
	location = p.Authorization("/")
	if param(t, location, "curfew_prompt") != "login" {
		t.Errorf("with a session before, the browser is sent to %s", location)
	}
	form := p.form(location)
	request, err := http.NewRequest(http.MethodPost, w.clinic.Origin+"/.curfew/hand-in", strings.NewReader(form.Encode()))
	w.must(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("clinic", handInSecret)
	if answer = w.person(w.clinic, oidctest.Alice()).Do(request); answer.StatusCode != http.StatusOK {
		t.Fatalf("with Basic: %d %s", answer.StatusCode, answer.Body)
	}
	p.checkIs("signed_out") // the old cookie: its session was replaced
	p.take(p.read(answer).Cookie)
	p.checkIs("sub-alice")
}

// A6: nobody but the application's back end hands anything in.
func TestA6_HandInNeedsTheSecret(t *testing.T) {
	t.Parallel()
	w := newApplication(t)
	p := w.person(w.clinic, oidctest.Alice())
	form := p.form(p.Authorization("/"))
	for name, authorization := range map[string]string{
		"nothing":      "",
		"another":      "Bearer another",
		"the empty":    "Bearer ",
		"another kind": "DPoP " + handInSecret,
		"no kind":      handInSecret,
		"the hash":     fmt.Sprintf("Bearer %x", w.options.login.Application.SecretHash),
	} {
		answer := w.handIn(w.clinic, authorization, form)
		isRefusal(t, name, p, answer, 401, wire.SignInFailed)
		if got := strings.Join(answer.Header.Values("WWW-Authenticate"), ", "); !strings.Contains(got, "Basic") || !strings.Contains(got, "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", name, got)
		}
	}
	if n := strings.Count(w.refusals(), "hand-in: the secret is wrong or missing"); n < 5 {
		t.Errorf("%d refusals in the audit", n)
	}
	if answer := w.handIn(w.bank, bearer, form); answer.StatusCode != http.StatusNotFound {
		t.Errorf("an environment without an application: %d", answer.StatusCode)
	}
	// Two secrets, of which one is right.
	request, err := http.NewRequest(http.MethodPost, w.clinic.Origin+"/.curfew/hand-in", strings.NewReader(form.Encode()))
	w.must(err)
	request.Header["Authorization"] = []string{bearer, "Bearer another"}
	isRefusal(t, "two secrets", p, p.Do(request), 401, wire.SignInFailed)
	// A page of another origin, though it had the secret.
	request, err = http.NewRequest(http.MethodPost, w.clinic.Origin+"/.curfew/hand-in", strings.NewReader(form.Encode()))
	w.must(err)
	request.Header.Set("Authorization", bearer)
	request.Header.Set("Origin", "https://evil.example")
	isRefusal(t, "another origin", p, p.Do(request), 403, wire.CrossOrigin)
	if n := len(w.sessions(w.clinic, "sub-alice")); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// B3 for A6: what an application may be tricked into handing in makes no session.
func TestB3_ForgedHandIn(t *testing.T) {
	t.Parallel()
	w := newApplication(t)
	p := w.person(w.clinic, oidctest.Alice())
	location := p.Authorization("/")
	good := p.form(location)
	attacker := w.person(w.clinic, oidctest.Bob())
	theirs := attacker.form(attacker.Authorization("/"))
	with := func(key string, values ...string) url.Values {
		form := url.Values{}
		for name, of := range good {
			form[name] = of
		}
		form[key] = values
		return form
	}
	claims := func(more map[string]any) string {
		all := map[string]any{"iss": w.clinic.at.Issuer, "aud": ownSignIn.ID, "sub": "sub-alice", "iat": w.clock().Unix(), "exp": w.clock().Unix() + 600,
			"nonce": param(t, location, "curfew_nonce"), "auth_time": w.clock().Unix()}
		for name, value := range more {
			all[name] = value
		}
		return w.clinic.at.Sign(t, map[string]any{"alg": "ES256"}, all)
	}
	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   wire.Code
	}{
		"the attacker's token in this browser": {with("id_token", theirs.Get("id_token")), 403, wire.SignInFailed},
		"this token in the attacker's browser": {with("cookies", theirs.Get("cookies")), 403, wire.SignInFailed},
		"the attacker's state":                 {with("state", theirs.Get("state")), 403, wire.SignInFailed},
		"no cookies":                           {with("cookies", ""), 403, wire.SignInFailed},
		"a token of another client":            {with("id_token", claims(map[string]any{"aud": "clinic"})), 403, wire.SignInFailed},
		"a token of another issuer":            {with("id_token", claims(map[string]any{"iss": w.bank.at.Issuer})), 403, wire.SignInFailed},
		"a token that is over":                 {with("id_token", claims(map[string]any{"exp": w.clock().Unix() - 1})), 403, wire.SignInFailed},
		"another nonce":                        {with("id_token", claims(map[string]any{"nonce": "n"})), 403, wire.SignInFailed},
		"another provider's key":               {with("id_token", w.bank.at.Sign(t, map[string]any{"alg": "ES256"}, map[string]any{"sub": "sub-alice"})), 403, wire.SignInFailed},
		"no token":                             {with("id_token", "x"), 403, wire.SignInFailed},
		"two tokens":                           {with("id_token", good.Get("id_token"), good.Get("id_token")), 400, wire.BadRequest},
		"two states":                           {with("state", good.Get("state"), good.Get("state")), 400, wire.BadRequest},
		"no cookie field":                      {with("cookies"), 400, wire.BadRequest},
		"too large":                            {with("more", strings.Repeat("a", 64<<10)), 400, wire.BadRequest},
	} {
		isRefusal(t, name, p, w.handIn(w.clinic, bearer, c.form), c.status, c.code)
	}
	if n := len(w.sessions(w.clinic, "sub-alice")) + len(w.sessions(w.clinic, "sub-bob")); n != 0 {
		t.Fatalf("%d sessions", n)
	}
	// The attempt is the application's: our own callback does not take it.
	p.refused("at the callback", w.clinic.Origin+"/.curfew/callback?code=x&state="+good.Get("state"), 403, "not begun in this browser")

	if answer := w.handIn(w.clinic, bearer, good); answer.StatusCode != http.StatusOK {
		t.Fatalf("the good one: %d %s", answer.StatusCode, answer.Body)
	}
	isRefusal(t, "twice", p, w.handIn(w.clinic, bearer, good), 403, wire.SignInFailed)
	if n := len(w.sessions(w.clinic, "sub-alice")); n != 1 {
		t.Errorf("%d sessions", n)
	}
	late := w.person(w.clinic, oidctest.Bob())
	form := late.form(late.Authorization("/"))
	w.pass(10 * time.Minute)
	isRefusal(t, "late", late, w.handIn(w.clinic, bearer, form), 403, wire.SignInFailed)

	form = late.form(late.Authorization("/"))
	w.store.set(errors.New("no disk"))
	isRefusal(t, "without a store", late, w.handIn(w.clinic, bearer, form), 503, wire.Unavailable)
	w.store.set(nil)
	w.clinic.at.Stop(t)
	w.restart()
	isRefusal(t, "without the provider", late, w.handIn(w.clinic, bearer, form), 502, wire.ProviderFailed)
	w.clinic.at.Restart(t)
}

// An attempt of our own sign-in is nothing that an application can complete.
func TestB3_HandInOfOurOwnAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{handIn: "clinic"})
	p := w.person(w.clinic, oidctest.Alice())
	authorization := p.Authorization("/")
	w.options.login = ownApplication()
	w.restart()
	token := w.clinic.at.Sign(t, map[string]any{"alg": "ES256"}, map[string]any{"iss": w.clinic.at.Issuer, "aud": "clinic", "sub": "sub-alice",
		"iat": w.clock().Unix(), "exp": w.clock().Unix() + 600, "nonce": param(t, authorization, "nonce")})
	form := url.Values{"id_token": {token}, "state": {param(t, authorization, "state")}, "cookies": {p.cookieHeader()}}
	isRefusal(t, "our own attempt", p, w.handIn(w.clinic, bearer, form), 403, wire.SignInFailed)
}

// An application without a sign-in of its own leaves people to Curfew's.
func TestA6_ApplicationWithoutASignIn(t *testing.T) {
	t.Parallel()
	own := ownApplication()
	own.Application.SignIn = ""
	w := newWorld(t, options{login: own, handIn: ownSignIn.ID})
	p := w.signedIn(w.clinic, oidctest.Alice())
	w.pass(2 * time.Second)
	_, to, _ := p.SignOut(nil)
	if param(t, to.Location, "id_token_hint") == "" {
		t.Errorf("the sign-out lacks the hint: %s", to.Location)
	}
}

// B1 and B2 hold for what is handed in: by the browser's cookie, and by the user when the browser knows nothing.
func TestB1_HandInWithCredentials(t *testing.T) {
	t.Parallel()
	w := newApplication(t)
	p := w.person(w.clinic, oidctest.Alice())
	p.take(p.read(w.handIn(w.clinic, bearer, p.form(p.Authorization("/")))).Cookie)
	w.pass(time.Minute)
	_, to, _ := p.SignOut(nil)
	if param(t, to.Location, "client_id") != "clinic" || param(t, to.Location, "id_token_hint") != "" {
		t.Errorf("B4: one client's token would be a hint for another: %s", to.Location)
	}
	w.pass(2 * time.Second)

	// Another browser: only the user is known.
	other := w.person(w.clinic, oidctest.Alice())
	other.site = p.site
	location := other.Authorization("/patients")
	if param(t, location, "curfew_prompt") != "" {
		t.Fatalf("nothing to see: %s", location)
	}
	answer := w.handIn(w.clinic, bearer, other.form(location))
	got := other.read(answer)
	if answer.StatusCode != http.StatusForbidden || got.Error != wire.SignInFailed || param(t, got.SignIn, "curfew_prompt") != "login" || got.Session != "" {
		t.Fatalf("an old auth_time: %d %s", answer.StatusCode, answer.Body)
	}
	other.take(got.Cookie)
	answer = w.handIn(w.clinic, bearer, other.form(got.SignIn))
	if got = other.read(answer); answer.StatusCode != http.StatusOK || got.ReturnTo != "/patients" {
		t.Fatalf("with credentials: %d %s", answer.StatusCode, answer.Body)
	}
	other.take(got.Cookie)
	if _, refusal := other.Heartbeat(); refusal.Error != "" {
		t.Errorf("after asking again the key is another: %+v", refusal)
	}

	// An application that does not ask is refused for good, and told what to do.
	w.pass(2 * time.Second)
	location = p.Authorization("/")
	location = change(t, location, "curfew_prompt", "")
	answer = w.handIn(w.clinic, bearer, p.form(location))
	got = p.read(answer)
	if answer.StatusCode != http.StatusForbidden || got.SignIn != "" || !strings.Contains(got.Message, "auth_time") {
		t.Errorf("without asking for credentials: %d %s", answer.StatusCode, answer.Body)
	}

	// B2: another user in the browser of a living session ends it.
	w.pass(2 * time.Second)
	other.who = oidctest.Bob()
	other.site.Forget()
	answer = w.handIn(w.clinic, bearer, other.form(other.Authorization("/")))
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("bob: %d %s", answer.StatusCode, answer.Body)
	}
	other.checkIs(string(wire.UserMismatch))
}
