package oidctest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// receiver is a client's address for logout tokens.
type receiver struct {
	*httptest.Server
	status int

	mu     sync.Mutex
	tokens []string
}

func newReceiver(t *testing.T, status int) *receiver {
	r := &receiver{status: status}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodPost || request.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("a %s of %s", request.Method, request.Header.Get("Content-Type"))
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tokens = append(r.tokens, request.PostFormValue("logout_token"))
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

// take returns the tokens since it was last called.
func (r *receiver) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	tokens := r.tokens
	r.tokens = nil
	return tokens
}

func (r *receiver) client(id string, sessionRequired bool) oidctest.Client {
	client := web()
	client.ID, client.BackchannelLogoutURI, client.SessionRequired = id, r.URL+"/backchannel", sessionRequired
	return client
}

type logoutToken struct {
	Issuer   string                    `json:"iss"`
	Audience string                    `json:"aud"`
	Sub      string                    `json:"sub"`
	SID      string                    `json:"sid"`
	IssuedAt int64                     `json:"iat"`
	Expiry   int64                     `json:"exp"`
	ID       string                    `json:"jti"`
	Events   map[string]map[string]any `json:"events"`
	Nonce    string                    `json:"nonce"`
}

// check verifies a logout token (OpenID Connect Back-Channel Logout section 2.6).
func (a *app) check(raw, client, sub, sid string) {
	a.t.Helper()
	payload, err := a.keys.VerifySignature(a.t.Context(), raw)
	if err != nil {
		a.t.Fatalf("%q: %v", raw, err)
	}
	var token logoutToken
	if err := json.Unmarshal(payload, &token); err != nil {
		a.t.Fatal(err)
	}
	if header := header(a.t, raw); header["typ"] != "logout+jwt" {
		a.t.Errorf("header %v", header)
	}
	event, ok := token.Events["http://schemas.openid.net/event/backchannel-logout"]
	if token.Issuer != a.provider.Issuer || token.Audience != client || token.IssuedAt != a.now.Unix() || token.Expiry <= a.now.Unix() ||
		token.ID == "" || !ok || len(event) != 0 || token.Nonce != "" {
		a.t.Errorf("%+v", token)
	}
	if token.Sub != sub || token.SID != sid {
		a.t.Errorf("for %s, session %q, want %s, %q", token.Sub, token.SID, sub, sid)
	}
}

func header(t *testing.T, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]any
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header
}

// B5: the provider ends a person's sessions, and says so to each client in its own way.
func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	bySession, byUser := newReceiver(t, http.StatusOK), newReceiver(t, http.StatusNoContent)
	clients := []oidctest.Client{bySession.client("by-session", true), byUser.client("by-user", false), web()}
	a := start(t, oidctest.Options{Clients: clients})
	b, c := newApp(t, a.provider, clients[1]), newApp(t, a.provider, clients[2])
	b.browser, c.browser = a.browser, a.browser
	first, user := a.signIn(oidctest.Alice()), b.signIn(oidctest.Alice())
	c.signIn(oidctest.Alice())
	if first.SID == "" || user.SID != "" {
		t.Errorf("sid %q and %q", first.SID, user.SID)
	}
	a.browser = oidctest.NewBrowser()
	second := a.signIn(oidctest.Alice())
	bob := newApp(t, a.provider, clients[0])
	bobs := bob.signIn(oidctest.Bob())
	if second.SID == first.SID || second.SID == bobs.SID {
		t.Error("one sid for two sessions")
	}
	a.later(time.Minute)
	a.provider.AlterIDTokens(t, oidctest.Alteration{Set: map[string]any{"nonce": "not in a logout token"}})

	sent := a.provider.EndSessions(t, "sub-alice")
	if len(sent) != 3 {
		t.Errorf("%+v", sent)
	}
	for _, d := range sent {
		if d.Error != "" || d.Sub != "sub-alice" || d.SID == "" {
			t.Errorf("%+v", d)
		}
	}
	tokens := bySession.take()
	if len(tokens) != 2 {
		t.Fatalf("%d tokens for the client that knows sessions", len(tokens))
	}
	a.check(tokens[0], "by-session", "sub-alice", first.SID)
	a.check(tokens[1], "by-session", "sub-alice", second.SID)
	if tokens = byUser.take(); len(tokens) != 1 {
		t.Fatalf("%d tokens for the client that knows people", len(tokens))
	}
	a.check(tokens[0], "by-user", "sub-alice", "")
	a.provider.AlterIDTokens(t)

	if s := a.signIn(oidctest.Alice()); !s.asked || s.SID == second.SID {
		t.Errorf("asked %v, sid %q as before", s.asked, s.SID)
	}
	bob.now = a.now
	bob.mustRefresh(bobs.token.RefreshToken)
	if s := bob.signIn(oidctest.Bob()); s.asked || s.SID != bobs.SID {
		t.Errorf("asked %v, sid %q was %q", s.asked, s.SID, bobs.SID)
	}
	if sent := a.provider.EndSessions(t, "sub-nobody"); len(sent) != 0 {
		t.Errorf("%+v", sent)
	}
}

func TestBackchannelLogoutFails(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusBadRequest)
	a := start(t, oidctest.Options{Clients: []oidctest.Client{r.client("web", true)}})
	a.signIn(oidctest.Alice())
	if sent := a.provider.EndSessions(t, "sub-alice"); len(sent) != 1 || !strings.Contains(sent[0].Error, "400") {
		t.Errorf("%+v", sent)
	}
	r.Close()
	a.signIn(oidctest.Alice())
	if sent := a.provider.EndSessions(t, "sub-alice"); len(sent) != 1 || !strings.Contains(sent[0].Error, "ECONNREFUSED") {
		t.Errorf("%+v", sent)
	}
	if all := a.provider.Deliveries(t); len(all) != 2 {
		t.Errorf("%+v", all)
	}
}

// A provider that nobody can reach can still reach others.
func TestBackchannelLogoutOfAStoppedProvider(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusOK)
	a := start(t, oidctest.Options{Clients: []oidctest.Client{r.client("web", true)}, NoEndSession: true})
	s := a.signIn(oidctest.Alice())
	a.provider.Stop(t)
	a.provider.EndSessions(t, "sub-alice")
	tokens := r.take()
	if len(tokens) != 1 {
		t.Fatalf("%d tokens", len(tokens))
	}
	a.provider.Restart(t)
	a.check(tokens[0], "web", "sub-alice", s.SID)
}

func (a *app) endSessionURL(query url.Values) string { return a.end + "?" + query.Encode() }

// B4: the person is sent back with the state, is signed out, and the other client is told.
func TestRPInitiatedLogout(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusOK)
	a := start(t, oidctest.Options{Clients: []oidctest.Client{web(), r.client("other", true)}})
	b := newApp(t, a.provider, r.client("other", true))
	b.browser = a.browser
	s, other := a.signIn(oidctest.Alice()), b.signIn(oidctest.Alice())
	hint, _ := s.token.Extra("id_token").(string)
	back := url.Values{"client_id": {"web"}, "id_token_hint": {hint}, "post_logout_redirect_uri": {signedOutURL}, "state": {"a&b=c"}}

	a.later(24 * time.Hour) // the hint is over, which does not matter
	if got, want := oidctest.Logout(t, a.browser, a.endSessionURL(back)), signedOutURL+"?state=a%26b%3Dc"; got != want {
		t.Errorf("led to %s, want %s", got, want)
	}
	tokens := r.take()
	if len(tokens) != 1 {
		t.Fatalf("%d logout tokens", len(tokens))
	}
	b.now = a.now
	b.check(tokens[0], "other", "sub-alice", other.SID)
	_, err := a.refresh(s.token.RefreshToken)
	refused(t, err, http.StatusBadRequest, "invalid_grant")

	// Once more, when nobody is signed in.
	if got, want := oidctest.Logout(t, a.browser, a.endSessionURL(back)), signedOutURL+"?state=a%26b%3Dc"; got != want {
		t.Errorf("led to %s, want %s", got, want)
	}
	if !a.signIn(oidctest.Alice()).asked {
		t.Error("still signed in")
	}
	if got := oidctest.Logout(t, a.browser, a.end); got != a.provider.Issuer+"/session/end/success" {
		t.Errorf("led to %s", got)
	}
	if !a.signIn(oidctest.Alice()).asked {
		t.Error("still signed in")
	}
}

func TestNoEndSession(t *testing.T) {
	t.Parallel()
	if a := start(t, oidctest.Options{NoEndSession: true}); a.end != "" {
		t.Error(a.end)
	}
}

// The provider tells clients too when somebody else signs in, in a browser in which a person was still signed in.
func TestSomebodyElseSignsIn(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusOK)
	a := start(t, oidctest.Options{Clients: []oidctest.Client{r.client("web", true)}})
	alice := a.signIn(oidctest.Alice())
	bob := a.signIn(oidctest.Bob(), oauth2.SetAuthURLParam("prompt", "login"))
	if !bob.asked || bob.Sub != "sub-bob" || bob.SID == alice.SID {
		t.Errorf("%+v", bob)
	}
	tokens := r.take()
	if len(tokens) != 1 {
		t.Fatalf("%d logout tokens", len(tokens))
	}
	a.check(tokens[0], "web", "sub-alice", alice.SID)
	_, err := a.refresh(alice.token.RefreshToken)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
}

func TestSign(t *testing.T) {
	t.Parallel()
	rsa := web()
	rsa.ID, rsa.Alg = "rsa", "RS256"
	a := start(t, oidctest.Options{Clients: []oidctest.Client{web(), rsa}})
	for _, alg := range []string{"ES256", "RS256"} {
		token := a.provider.Sign(t, map[string]any{"alg": alg, "typ": "logout+jwt"}, map[string]any{"anything": 1})
		if h := header(t, token); h["alg"] != alg || h["typ"] != "logout+jwt" || h["kid"] != alg+"-1" {
			t.Errorf("%v", h)
		}
		payload, err := a.keys.VerifySignature(t.Context(), token)
		if err != nil || string(payload) != `{"anything":1}` {
			t.Errorf("%s, %v", payload, err)
		}
	}
	token := a.provider.Sign(t, map[string]any{"alg": "none", "kid": "no such"}, nil)
	if h := header(t, token); h["alg"] != "none" || h["kid"] != "no such" {
		t.Errorf("%v", h)
	}
	if _, err := a.keys.VerifySignature(t.Context(), token); err == nil {
		t.Error("verified")
	}
}
