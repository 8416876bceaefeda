package oidctest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

func TestRefresh(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	s := a.signIn(oidctest.Alice())
	for range 3 { // an hour each: the access and ID tokens are over every time
		a.later(time.Hour)
		next := a.mustRefresh(s.token.RefreshToken)
		if next.Sub != "sub-alice" || next.token.RefreshToken == "" || next.token.RefreshToken == s.token.RefreshToken {
			t.Fatalf("%+v", next)
		}
		s = next
	}
	a.later(90*24*time.Hour - time.Second)
	s = a.mustRefresh(s.token.RefreshToken)
	a.later(90 * 24 * time.Hour)
	_, err := a.refresh(s.token.RefreshToken)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
}

func TestLives(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{RefreshTokenLife: 3 * time.Hour, SessionLife: 2 * time.Hour, IDTokenLife: time.Minute})
	s := a.signIn(oidctest.Alice())
	raw, _ := s.token.Extra("id_token").(string)
	a.now = a.now.Add(61 * time.Second)
	if _, err := a.verifier.Verify(t.Context(), raw); err == nil {
		t.Error("an ID token of one minute is good for longer")
	}
	a.later(2 * time.Hour)
	if !a.signIn(oidctest.Alice()).asked {
		t.Error("the session at the provider was to end after two hours")
	}
	a.later(time.Hour)
	_, err := a.refresh(s.token.RefreshToken)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
}

// A refresh token that comes a second time ends everything that was made of it (RFC 9700 section 4.14.2).
func TestRotatedTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	old := a.signIn(oidctest.Alice()).token.RefreshToken
	next := a.mustRefresh(old).token.RefreshToken
	_, err := a.refresh(old)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
	_, err = a.refresh(next)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
	if s := a.signIn(oidctest.Alice()); s.asked || a.mustRefresh(s.token.RefreshToken).Sub != "sub-alice" {
		t.Error("the person cannot sign in again")
	}
}

func TestRotationOff(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{NoRotation: true})
	token := a.signIn(oidctest.Alice()).token.RefreshToken
	for range 2 {
		if s := a.mustRefresh(token); s.token.RefreshToken != token {
			t.Fatal("rotated")
		}
	}
	a.provider.SetRotation(t, true)
	if s := a.mustRefresh(token); s.token.RefreshToken == token {
		t.Fatal("not rotated")
	}
}

// A5: each way in which a provider takes its word back, and that it takes back only that.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	other := web()
	other.ID = "other"
	for _, test := range []struct {
		name    string
		act     func(*testing.T, *oidctest.Provider)
		other   bool // the same person's grant for the other client goes on
		restore func(*testing.T, *oidctest.Provider)
		says    string // in the sign-in form
	}{
		{"disabled", func(t *testing.T, p *oidctest.Provider) { p.Disable(t, "sub-alice") }, false,
			func(t *testing.T, p *oidctest.Provider) { p.Enable(t, "sub-alice") }, "disabled"},
		{"removed", func(t *testing.T, p *oidctest.Provider) { p.Remove(t, "sub-alice") }, false,
			func(t *testing.T, p *oidctest.Provider) { p.Add(t, oidctest.Alice()) }, "wrong"},
		{"revoked", func(t *testing.T, p *oidctest.Provider) {
			if n := p.Revoke(t, "sub-alice", ""); n != 2 {
				t.Errorf("%d grants", n)
			}
		}, false, nil, ""},
		{"revoked for one client", func(t *testing.T, p *oidctest.Provider) {
			if n := p.Revoke(t, "sub-alice", "web"); n != 1 {
				t.Errorf("%d grants", n)
			}
		}, true, nil, ""},
		{"signed out there", func(t *testing.T, p *oidctest.Provider) { p.EndSessions(t, "sub-alice") }, false, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, oidctest.Options{Clients: []oidctest.Client{web(), other}})
			b := newApp(t, a.provider, other)
			b.browser = a.browser
			c := newApp(t, a.provider, web())
			alice, elsewhere, bob := a.signIn(oidctest.Alice()), b.signIn(oidctest.Alice()), c.signIn(oidctest.Bob())
			test.act(t, a.provider)
			_, err := a.refresh(alice.token.RefreshToken)
			refused(t, err, http.StatusBadRequest, "invalid_grant")
			if s := c.mustRefresh(bob.token.RefreshToken); s.Sub != "sub-bob" {
				t.Error(s.Sub)
			}
			if answer, err := b.refresh(elsewhere.token.RefreshToken); test.other && err != nil {
				t.Error("the other client:", err)
			} else if !test.other {
				refused(t, err, http.StatusBadRequest, "invalid_grant")
			} else {
				b.read(answer)
			}
			if test.restore == nil {
				return
			}
			if _, _, err := oidctest.NewBrowser().Authorize(a.authURL(), "alice", oidctest.Alice().Password); !errors.Is(err, oidctest.ErrSignIn) || !strings.Contains(err.Error(), test.says) {
				t.Error("signing in:", err)
			}
			test.restore(t, a.provider)
			a.mustRefresh(alice.token.RefreshToken)
			a.browser = oidctest.NewBrowser()
			a.signIn(oidctest.Alice())
		})
	}
}

// What is revoked is not the person's session at the provider.
func TestRevokedButSignedIn(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	a.signIn(oidctest.Alice())
	a.provider.Revoke(t, "sub-alice", "")
	s := a.signIn(oidctest.Alice())
	if s.asked {
		t.Error("asked")
	}
	a.mustRefresh(s.token.RefreshToken)
}

func TestNoRefreshToken(t *testing.T) {
	t.Parallel()
	client := web()
	client.NoRefresh = true
	a := start(t, oidctest.Options{Clients: []oidctest.Client{client}})
	if s := a.signIn(oidctest.Alice()); s.token.RefreshToken != "" {
		t.Error("a refresh token")
	}
}

// Refresh tokens end with the session at the provider, unless they are for use without it.
func TestRefreshTokenAndSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		offline bool
		options []oauth2.AuthCodeOption
		scopes  []string
		ends    bool
	}{
		{"bound", false, nil, nil, true},
		{"offline client", true, nil, nil, false},
		{"offline_access", false, []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "consent")}, []string{"offline_access"}, false},
		{"offline_access without consent", false, nil, []string{"offline_access"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := web()
			client.Offline = test.offline
			a := start(t, oidctest.Options{Clients: []oidctest.Client{client}, SessionLife: time.Hour})
			a.oauth.Scopes = append(a.oauth.Scopes, test.scopes...)
			token := a.signIn(oidctest.Alice(), test.options...).token.RefreshToken
			check := func() {
				t.Helper()
				if !test.ends {
					token = a.mustRefresh(token).token.RefreshToken
					return
				}
				_, err := a.refresh(token)
				refused(t, err, http.StatusBadRequest, "invalid_grant")
			}
			a.later(time.Hour)
			check()
			token = a.signIn(oidctest.Alice(), test.options...).token.RefreshToken
			a.provider.EndSessions(t, "sub-alice")
			check()
			token = a.signIn(oidctest.Alice(), test.options...).token.RefreshToken
			oidctest.Logout(t, a.browser, a.end)
			check()
		})
	}
}

// B2: another person's ID token comes from a refresh.
func TestAnotherSubject(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	a.provider.AlterIDTokens(t, oidctest.Alteration{Set: map[string]any{"sub": "sub-bob"}, Only: "refresh_token"})
	s := a.signIn(oidctest.Alice())
	if s.Sub != "sub-alice" {
		t.Errorf("signed in as %s", s.Sub)
	}
	s = a.mustRefresh(s.token.RefreshToken)
	if s.Sub != "sub-bob" {
		t.Errorf("refreshed as %s", s.Sub)
	}
	a.provider.AlterIDTokens(t)
	if s = a.mustRefresh(s.token.RefreshToken); s.Sub != "sub-alice" {
		t.Errorf("refreshed as %s", s.Sub)
	}
}

// A hundred sessions at once, as a policy check makes them.
func TestManyRefreshesAtOnce(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	var tokens []string
	for range 100 {
		tokens = append(tokens, a.signIn(oidctest.Alice()).token.RefreshToken)
	}
	a.provider.ForgetRequests(t)
	var group sync.WaitGroup
	answers := make([]*oauth2.Token, len(tokens))
	for i, token := range tokens {
		group.Go(func() {
			var err error
			if answers[i], err = a.refresh(token); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	var got []string
	for _, answer := range answers {
		got = append(got, a.read(answer).token.RefreshToken)
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(tokens) {
		t.Error("one token twice")
	}
	if n := a.provider.Count(t, oidctest.Token); n != len(tokens) {
		t.Errorf("%d requests", n)
	}
	for _, r := range a.provider.Requests(t) {
		if r.Endpoint == oidctest.Token && (r.Grant != "refresh_token" || r.Status != 200 || r.Error != "" || r.Method != "POST" || !r.Time().Equal(noon)) {
			t.Errorf("%+v", r)
		}
	}
}
