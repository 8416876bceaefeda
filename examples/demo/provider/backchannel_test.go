package provider

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// inbox is where the clients receive logout tokens. What it answers can be changed.
type inbox struct {
	url    string
	mu     sync.Mutex
	got    []delivery
	answer http.HandlerFunc // nil: 200
}

type delivery struct{ client, contentType, body string }

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		in.got = append(in.got, delivery{strings.TrimPrefix(r.URL.Path, "/"), r.Header.Get("Content-Type"), string(body)})
		answer := in.answer
		in.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	in.url = srv.URL
	return in
}

func (in *inbox) answerWith(f http.HandlerFunc) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.answer = f
}

// take returns what arrived since the last call, sorted by client.
func (in *inbox) take() []delivery {
	in.mu.Lock()
	defer in.mu.Unlock()
	got := in.got
	in.got = nil
	slices.SortFunc(got, func(a, b delivery) int { return strings.Compare(a.client, b.client) })
	return got
}

func clientsOf(got []delivery) string {
	var names []string
	for _, d := range got {
		names = append(names, d.client)
	}
	return strings.Join(names, " ")
}

// open verifies a logout token with the keys that the provider publishes.
func (w *world) open(d delivery) (header jose.Header, claims map[string]any) {
	w.t.Helper()
	form, err := url.ParseQuery(d.body)
	if err != nil || d.contentType != "application/x-www-form-urlencoded" || len(form) != 1 {
		w.t.Fatalf("the client received %q %q", d.contentType, d.body)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.newBrowser().get(w.issuer+"/keys").body), &keys); err != nil {
		w.t.Fatal(err)
	}
	token, err := jose.ParseSignedCompact(form.Get("logout_token"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		w.t.Fatalf("logout token: %v", err)
	}
	header = token.Signatures[0].Header
	key := keys.Key(header.KeyID)
	if len(key) != 1 {
		w.t.Fatalf("the provider publishes %d keys named %q", len(key), header.KeyID)
	}
	payload, err := token.Verify(key[0])
	if err != nil {
		w.t.Fatalf("logout token: %v", err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		w.t.Fatal(err)
	}
	return header, claims
}

// signIn signs a user in at a client and returns the tokens.
func (w *world) signIn(b *browser, clientID, user, key string) (*oauth2.Token, claims) {
	w.t.Helper()
	before := w.oauth
	defer func() { w.oauth = before }()
	w.oauth.Scopes = []string{"openid", "offline_access"}
	if clientID == "other" {
		w.oauth.ClientID, w.oauth.ClientSecret = "other", "0ther"
	}
	a := w.begin()
	p := b.get(a.address)
	if p.hasForm() {
		p = b.enter(p, user, key)
	}
	token, _, c := w.finish(a, p)
	return token, c
}

// B5: signing out from one client tells all clients of that sign-in, with a token as OpenID Connect Back-Channel Logout 1.0,
// section 2.4 wants it, and nobody else.
func TestB5_LogoutTokens(t *testing.T) {
	w := newWorld(t, "/idp")
	b := w.newBrowser()
	token, first := w.signIn(b, "clinic", "alice", aliceKey)
	if _, second := w.signIn(b, "other", "alice", aliceKey); second.SID != first.SID {
		t.Fatalf("one browser has the sids %q and %q", first.SID, second.SID)
	}
	elsewhere, _ := w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	bobs, _ := w.signIn(w.newBrowser(), "other", "bob", bobKey)
	raw := token.Extra("id_token").(string)
	id, err := w.rp.Verifier(oidcConfig(w)).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}

	w.advance(time.Minute)
	p := b.get(w.endSessionAddress(url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {afterward}}))
	if p.left == nil || p.left.String() != afterward {
		t.Fatalf("got %d %v", p.status, p.left)
	}
	got := w.inbox.take()
	if clientsOf(got) != "clinic other" {
		t.Fatalf("told: %q, want both clients of the sign-in", clientsOf(got))
	}
	seen := map[any]bool{}
	for _, d := range got {
		header, c := w.open(d)
		if typ := header.ExtraHeaders["typ"]; typ != "logout+jwt" || header.Algorithm != "RS256" {
			t.Errorf("header is %v %v", typ, header.Algorithm)
		}
		want := map[string]any{"iss": w.issuer, "aud": d.client, "sub": id.Subject, "sid": first.SID,
			"iat": float64(w.now().Unix()), "exp": float64(w.now().Add(LogoutTokenLifetime).Unix())}
		for name, value := range want {
			if c[name] != value {
				t.Errorf("%s is %v, want %v", name, c[name], value)
			}
		}
		events, _ := c["events"].(map[string]any)
		if event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any); !ok || len(event) != 0 || len(events) != 1 {
			t.Errorf("events is %v", c["events"])
		}
		if _, has := c["nonce"]; has || len(c) != len(want)+2 {
			t.Errorf("the claims are %v", c)
		}
		if c["jti"] == "" || seen[c["jti"]] {
			t.Errorf("jti %v is empty or was used before", c["jti"])
		}
		seen[c["jti"]] = true
	}
	if _, err := w.refresh(elsewhere.RefreshToken); err != nil {
		t.Errorf("the other browser's sign-in ended too: %v", err)
	}
	w.oauth.ClientID, w.oauth.ClientSecret = "other", "0ther"
	if _, err := w.refresh(bobs.RefreshToken); err != nil {
		t.Errorf("the other user's sign-in ended too: %v", err)
	}

	// It is told once: what is over cannot end again.
	b.get(w.endSessionAddress(url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {afterward}}))
	if again := w.inbox.take(); len(again) != 0 {
		t.Errorf("the second sign-out told %q", clientsOf(again))
	}
}

// The provider's session has ended by itself, and a client that kept its tokens signs out: the sign-in of the hint ends, and so
// does the browser's new one.
func TestB5_AnOlderSignInOfTheHint(t *testing.T) {
	w := newWorld(t, "")
	b := w.newBrowser()
	old, first := w.signIn(b, "clinic", "alice", aliceKey)
	w.advance(SessionLifetime)
	_, second := w.signIn(b, "other", "alice", aliceKey)
	if first.SID == second.SID {
		t.Fatal("nothing to see: the sign-ins have one sid")
	}
	b.get(w.endSessionAddress(url.Values{"id_token_hint": {old.Extra("id_token").(string)}}))
	got := w.inbox.take()
	if clientsOf(got) != "clinic other" {
		t.Fatalf("told: %q", clientsOf(got))
	}
	for i, want := range []string{first.SID, second.SID} {
		if _, c := w.open(got[i]); c["sid"] != want {
			t.Errorf("%s was told of sid %v, want %v", got[i].client, c["sid"], want)
		}
	}
}

// A code that was on its way when the sign-in ended is worth nothing.
func TestB5_CodeOfAnEndedSignIn(t *testing.T) {
	w := newWorld(t, "")
	b, a := w.newBrowser(), w.begin()
	back := b.enter(b.get(a.address), "alice", aliceKey)
	b.submit(b.get(w.issuer+"/"), nil) // "Sign out"
	if token, err := w.oauth.Exchange(t.Context(), back.left.Query().Get("code"), oauth2.VerifierOption(a.verifier)); err == nil {
		t.Errorf("the code gave %v", token)
	}
}

// A client that cannot be told does not keep anybody signed in, nor the others from being told.
func TestB5_ClientsThatCannotBeTold(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"hangs":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"refuses":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"fails":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusSeeOther) },
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			b := w.newBrowser()
			w.signIn(b, "clinic", "alice", aliceKey)
			w.signIn(b, "other", "alice", aliceKey)
			w.p.patience = time.Second
			w.inbox.answerWith(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/clinic" {
					answer(rw, r)
				}
			})
			p := b.press(b.get(w.issuer+"/admin"), "/admin/sign-out", "alice")
			if clientsOf(w.inbox.take()) != "clinic other" {
				t.Error("not both clients were tried once")
			}
			if !strings.Contains(p.body, "Messages to applications: 1 delivered, 1 not.") {
				t.Errorf("the page says %s", p.body)
			}
			if !b.get(w.begin().address).hasForm() {
				t.Error("still signed in")
			}
		})
	}
}

// Whoever signs out may close the window before the clients have been told.
func TestB5_ToldAlthoughTheBrowserLeft(t *testing.T) {
	w := newWorld(t, "")
	w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	over, _ := w.p.state.endAccount("alice")
	ctx, leave := context.WithCancel(context.WithValue(t.Context(), instantKey{}, instant{now: w.now()}))
	leave()
	if told, missed := w.p.notify(ctx, over); told != 1 || missed != 0 || clientsOf(w.inbox.take()) != "clinic" {
		t.Errorf("told %d, not told %d", told, missed)
	}
}
