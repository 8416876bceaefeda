package oidctest_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

func TestSignIn(t *testing.T) {
	for _, client := range []oidctest.Client{
		{ID: "default", Secret: "a secret: with %, + and =&", RedirectURIs: []string{callbackURL}},
		{ID: "rsa", Secret: "a secret", RedirectURIs: []string{callbackURL}, Alg: "RS256"},
		{ID: "in the body", Secret: "a secret", RedirectURIs: []string{callbackURL}, AuthMethod: "client_secret_post"},
		{ID: "public", RedirectURIs: []string{callbackURL}},
	} {
		t.Run(client.ID, func(t *testing.T) {
			t.Parallel()
			a := start(t, oidctest.Options{Clients: []oidctest.Client{client}})
			s := a.signIn(oidctest.Alice())
			if !s.asked || s.Sub != "sub-alice" || s.Name != "Alice Example" || s.Username != "alice" {
				t.Errorf("asked %v, claims %+v", s.asked, s.claims)
			}
			if s.AuthTime != 0 || s.SID != "" || s.Email != "" {
				t.Errorf("claims that nobody asked for: %+v", s.claims)
			}
			if s.token.RefreshToken == "" {
				t.Error("no refresh token")
			}
		})
	}
}

func TestClaimsOfAPerson(t *testing.T) {
	t.Parallel()
	user := oidctest.Alice()
	user.Claims = map[string]any{"kmsi": true}
	a := start(t, oidctest.Options{Users: []oidctest.User{user, oidctest.Bob()}})
	a.oauth.Scopes = append(a.oauth.Scopes, "email")
	if s := a.signIn(user); s.KMSI != true || s.Email != "alice@app.test" {
		t.Errorf("claims %+v", s.claims)
	}
	a.browser = oidctest.NewBrowser()
	if s := a.signIn(oidctest.Bob()); s.KMSI != nil || s.Sub != "sub-bob" {
		t.Errorf("claims %+v", s.claims)
	}
}

// The provider must refuse what a client must not do, or the client's tests prove nothing.
func TestProviderRefuses(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	code := func() string {
		callback, _ := oidctest.Authorize(t, a.browser, a.authURL(), "alice", oidctest.Alice().Password)
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("code")
	}
	t.Run("no PKCE", func(t *testing.T) {
		callback, _, err := a.browser.Authorize(a.oauth.AuthCodeURL("s"), "alice", oidctest.Alice().Password)
		if u, _ := url.Parse(callback); err != nil || u.Query().Get("error") != "invalid_request" {
			t.Fatal(callback, err)
		}
	})
	t.Run("another verifier", func(t *testing.T) {
		_, err := a.oauth.Exchange(t.Context(), code(), oauth2.VerifierOption(pkce+"x"))
		refused(t, err, http.StatusBadRequest, "invalid_grant")
	})
	t.Run("a code twice", func(t *testing.T) {
		once := code()
		if _, err := a.oauth.Exchange(t.Context(), once, oauth2.VerifierOption(pkce)); err != nil {
			t.Fatal(err)
		}
		_, err := a.oauth.Exchange(t.Context(), once, oauth2.VerifierOption(pkce))
		refused(t, err, http.StatusBadRequest, "invalid_grant")
	})
	t.Run("a code that is too old", func(t *testing.T) {
		late := code()
		a.later(61 * time.Second)
		_, err := a.oauth.Exchange(t.Context(), late, oauth2.VerifierOption(pkce))
		refused(t, err, http.StatusBadRequest, "invalid_grant")
	})
	t.Run("a wrong secret", func(t *testing.T) {
		wrong := a.oauth
		wrong.ClientSecret = "another"
		_, err := wrong.Exchange(t.Context(), code(), oauth2.VerifierOption(pkce))
		refused(t, err, http.StatusUnauthorized, "invalid_client")
	})
	t.Run("another redirect address", func(t *testing.T) {
		other := a.oauth
		other.RedirectURL = "https://evil.test/callback"
		if callback, _, err := a.browser.Authorize(other.AuthCodeURL("s", oauth2.S256ChallengeOption(pkce)), "alice", "x"); err == nil {
			t.Fatalf("led to %s", callback)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		_, asked, err := oidctest.NewBrowser().Authorize(a.authURL(), "alice", oidctest.Bob().Password)
		if !errors.Is(err, oidctest.ErrSignIn) || !asked {
			t.Fatal(asked, err)
		}
	})
}

// B1: the provider asks again when it is told to, and says when it asked.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	prompt := oauth2.SetAuthURLParam("prompt", "login")
	maxAge := func(seconds string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam("max_age", seconds) }
	for _, test := range []struct {
		name    string
		after   time.Duration
		options []oauth2.AuthCodeOption
		asked   bool
		auth    time.Duration // of auth_time after noon, or -1 where it is not sent
	}{
		{"nothing asked", time.Hour, nil, false, -1},
		{"prompt=login", time.Second, []oauth2.AuthCodeOption{prompt}, true, time.Second},
		{"prompt=login and max_age=0", time.Hour, []oauth2.AuthCodeOption{prompt, maxAge("0")}, true, time.Hour},
		{"the same in the same second", 0, []oauth2.AuthCodeOption{prompt, maxAge("0")}, true, 0},
		{"max_age=0", time.Second, []oauth2.AuthCodeOption{maxAge("0")}, true, time.Second},
		{"max_age=0 in the same second", 0, []oauth2.AuthCodeOption{maxAge("0")}, true, 0},
		{"max_age not reached", time.Minute, []oauth2.AuthCodeOption{maxAge("60")}, false, 0},
		{"max_age passed", 61 * time.Second, []oauth2.AuthCodeOption{maxAge("60")}, true, 61 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, oidctest.Options{})
			if !a.signIn(oidctest.Alice()).asked {
				t.Fatal("not asked the first time")
			}
			a.later(test.after)
			s := a.signIn(oidctest.Alice(), test.options...)
			if s.asked != test.asked {
				t.Errorf("asked: %v", s.asked)
			}
			want := noon.Add(test.auth).Unix()
			if test.auth < 0 {
				want = 0
			}
			if s.AuthTime != want {
				t.Errorf("auth_time %d, want %d", s.AuthTime, want)
			}
		})
	}
}

func TestAuthTime(t *testing.T) {
	t.Parallel()
	client := web()
	client.RequireAuthTime = true
	a := start(t, oidctest.Options{Clients: []oidctest.Client{client}})
	s := a.signIn(oidctest.Alice())
	if s.AuthTime != noon.Unix() {
		t.Errorf("auth_time %d though the client requires it", s.AuthTime)
	}
	a.later(time.Hour)
	if r := a.mustRefresh(s.token.RefreshToken); r.AuthTime != noon.Unix() {
		t.Errorf("auth_time %d after a refresh", r.AuthTime)
	}

	a.provider.AlterIDTokens(t, oidctest.Alteration{Omit: []string{"auth_time"}})
	if s := a.signIn(oidctest.Alice(), oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0")); !s.asked || s.AuthTime != 0 {
		t.Errorf("asked %v, auth_time %d", s.asked, s.AuthTime)
	}
	a.provider.AlterIDTokens(t)
	if s := a.signIn(oidctest.Alice()); s.AuthTime != noon.Add(time.Hour).Unix() {
		t.Errorf("auth_time %d when it is no longer left out", s.AuthTime)
	}
}

func TestSilentSignIn(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	none := oauth2.SetAuthURLParam("prompt", "none")
	answer := func() string {
		callback, asked := oidctest.Authorize(t, a.browser, a.authURL(none), "", "")
		u, err := url.Parse(callback)
		if err != nil || asked {
			t.Fatal(callback, asked, err)
		}
		return u.Query().Get("error")
	}
	if got := answer(); got != "login_required" {
		t.Errorf("nobody is signed in: %q", got)
	}
	a.signIn(oidctest.Alice())
	if got := answer(); got != "" {
		t.Errorf("Alice is signed in: %q", got)
	}
	a.provider.Disable(t, "sub-alice")
	if got := answer(); got != "login_required" {
		t.Errorf("Alice is disabled: %q", got)
	}
	a.provider.Enable(t, "sub-alice")
	a.browser.Forget()
	if got := answer(); got != "login_required" {
		t.Errorf("the cookies are cleared: %q", got)
	}
}

func TestConsentAndCancel(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	callback := oidctest.Cancel(t, a.browser, a.authURL())
	if u, err := url.Parse(callback); err != nil || u.Query().Get("error") != "access_denied" {
		t.Fatal(callback, err)
	}
	a.oauth.Scopes = append(a.oauth.Scopes, "offline_access")
	if s := a.signIn(oidctest.Alice(), oauth2.SetAuthURLParam("prompt", "login consent")); !s.asked || s.token.RefreshToken == "" {
		t.Error("no refresh token, or no password asked for")
	}
}

// Two providers know nothing of each other, not even in one browser, which does not keep cookies of two ports apart.
func TestTwoProviders(t *testing.T) {
	t.Parallel()
	rsa := web()
	rsa.Alg = "RS256" // whose keys are made ahead
	options := oidctest.Options{Clients: []oidctest.Client{rsa}}
	a, b := start(t, options), start(t, options)
	if a.provider.Issuer == b.provider.Issuer {
		t.Fatal("one issuer")
	}
	b.browser = a.browser
	first := a.signIn(oidctest.Alice())
	if s := b.signIn(oidctest.Bob()); !s.asked || s.Sub != "sub-bob" {
		t.Errorf("asked %v, %s", s.asked, s.Sub)
	}
	if s := a.signIn(oidctest.Alice()); s.asked {
		t.Error("signing in at one provider has signed the person out at the other")
	}
	b.later(time.Hour)
	if s := a.mustRefresh(first.token.RefreshToken); s.Sub != "sub-alice" {
		t.Error(s.Sub)
	}
	_, err := b.refresh(first.token.RefreshToken)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
	foreign, _ := first.token.Extra("id_token").(string)
	if _, err := b.keys.VerifySignature(t.Context(), foreign); err == nil {
		t.Error("one provider's keys verify the other's token")
	}
}

func TestTheMachinesClock(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	a := newApp(t, oidctest.Start(t, oidctest.Options{Clients: []oidctest.Client{web()}}), web())
	callback, _ := oidctest.Authorize(t, a.browser, a.authURL(), "alice", oidctest.Alice().Password)
	times := a.provider.Requests(t)
	if len(times) == 0 || !slices.IsSortedFunc(times, func(a, b oidctest.Request) int { return int(a.At - b.At) }) {
		t.Fatal(times)
	}
	for _, r := range times {
		if r.Time().Before(before) || r.Time().After(time.Now()) {
			t.Errorf("a request at %v", r.Time())
		}
	}
	a.provider.SetTime(t, noon) // the code was made years after it
	a.redeem(callback)
}
