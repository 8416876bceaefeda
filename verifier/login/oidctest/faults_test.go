package oidctest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// A7: every way in which a provider does not answer as it should, at the token endpoint.
func TestTokenEndpointAnswers(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{NoRotation: true})
	token := a.signIn(oidctest.Alice()).token.RefreshToken
	for _, test := range []struct {
		name   string
		answer oidctest.Answer
		status int
		code   string
	}{
		{"500", oidctest.Answer{Status: 500, Body: "out of order"}, 500, ""},
		{"503", oidctest.Answer{Status: 503, Header: map[string]string{"Retry-After": "7"}}, 503, ""},
		{"429", oidctest.Answer{Status: 429, Header: map[string]string{"Retry-After": "7"}}, 429, ""},
		{"invalid_client", oidctest.Answer{Status: 400, Error: "invalid_client"}, 400, "invalid_client"},
		{"interaction_required", oidctest.Answer{Status: 400, Error: "interaction_required"}, 400, "interaction_required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a.provider.Answer(t, oidctest.Token, test.answer)
			for range 2 {
				_, err := a.refresh(token)
				refused(t, err, test.status, test.code)
				var answer *oauth2.RetrieveError
				if errors.As(err, &answer) && answer.Response.Header.Get("Retry-After") != test.answer.Header["Retry-After"] {
					t.Error(answer.Response.Header)
				}
			}
			all := a.provider.Requests(t)
			if last := all[len(all)-1]; last.Status != test.status || last.Error != test.code || last.Grant != "" {
				t.Errorf("%+v", last)
			}
			a.provider.Recover(t, oidctest.Token)
			a.mustRefresh(token)
		})
	}
	t.Run("twice", func(t *testing.T) {
		a.provider.Answer(t, oidctest.Token, oidctest.Answer{Status: 502, Times: 2})
		for range 2 {
			_, err := a.refresh(token)
			refused(t, err, 502, "")
		}
		a.mustRefresh(token)
	})
	t.Run("hung up", func(t *testing.T) {
		a.provider.Answer(t, oidctest.Token, oidctest.Answer{HangUp: true, Times: 1})
		if _, err := a.refresh(token); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		a.mustRefresh(token)
	})
}

// The answer is lost after the provider has rotated the token, so the client has only the old one, which is worth nothing.
func TestAnswerLostAfterRotation(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	token := a.signIn(oidctest.Alice()).token.RefreshToken
	a.provider.Answer(t, oidctest.Token, oidctest.Answer{HangUp: true, After: true, Times: 1})
	if _, err := a.refresh(token); err == nil {
		t.Fatal("an answer")
	}
	_, err := a.refresh(token)
	refused(t, err, http.StatusBadRequest, "invalid_grant")

	token = a.signIn(oidctest.Alice()).token.RefreshToken
	a.provider.Answer(t, oidctest.Token, oidctest.Answer{Status: 504, After: true, Times: 1})
	_, err = a.refresh(token)
	refused(t, err, 504, "")
	_, err = a.refresh(token)
	refused(t, err, http.StatusBadRequest, "invalid_grant")
}

func TestHold(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, oidctest.Options{})
			s, given := a.signIn(oidctest.Alice()), a.signIn(oidctest.Alice())
			hold := a.provider.Hold
			if after {
				hold = a.provider.HoldAnswers
			}
			gate := hold(t, oidctest.Token)
			type result struct {
				token *oauth2.Token
				err   error
			}
			answered, gaveUp := make(chan result, 1), make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				token, err := a.refresh(s.token.RefreshToken)
				answered <- result{token, err}
			}()
			gate.Wait(t, 1)
			go func() {
				_, err := a.refreshWith(ctx, given.token.RefreshToken)
				gaveUp <- err
			}()
			gate.Wait(t, 2)
			select {
			case r := <-answered:
				t.Fatal("not held:", r.err)
			default:
			}
			cancel()
			if err := <-gaveUp; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			a.later(time.Minute)
			if n := gate.Release(t); n < 1 || n > 2 { // the provider may not have seen yet that one has given up
				t.Errorf("%d were held", n)
			}
			r := <-answered
			if r.err != nil {
				t.Fatal(r.err)
			}
			if after {
				a.now = noon // when the token was made
			}
			a.read(r.token)
		})
	}
}

// A request whose client gives up before the provider has looked at it was never there.
func TestGivenUpBeforeItWasServed(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	token := a.signIn(oidctest.Alice()).token.RefreshToken
	gate := a.provider.Hold(t, oidctest.Token)
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := a.refreshWith(ctx, token)
		gaveUp <- err
	}()
	gate.Wait(t, 1)
	a.provider.Answer(t, oidctest.Token, oidctest.Answer{Status: 503, Times: 1}) // for the next that is served
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	gate.WaitEmpty(t)
	if n := gate.Release(t); n != 0 {
		t.Errorf("%d were held", n)
	}
	_, err := a.refresh(token)
	refused(t, err, 503, "")
	a.mustRefresh(token)
}

func TestStopped(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	token := a.signIn(oidctest.Alice()).token.RefreshToken
	gate := a.provider.Hold(t, oidctest.Token)
	cut := make(chan error, 1)
	go func() {
		_, err := a.refresh(token)
		cut <- err
	}()
	gate.Wait(t, 1)
	a.provider.Stop(t)
	if err := <-cut; err == nil {
		t.Error("an answer from a provider that was stopped")
	}
	gate.Release(t)
	for range 2 {
		if _, err := a.refresh(token); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want a refused connection", err)
		}
	}
	a.provider.Restart(t)
	a.mustRefresh(token)
	if a.signIn(oidctest.Alice()).asked {
		t.Error("the provider has forgotten who is signed in")
	}
}

func TestNewKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		keys oidctest.NewKeys
		old  bool // an old ID token is still good for someone who comes new
	}{
		{"other IDs", oidctest.NewKeys{}, false},
		{"the same IDs", oidctest.NewKeys{SameID: true}, false},
		{"besides the old ones", oidctest.NewKeys{KeepOld: true}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, oidctest.Options{})
			s := a.signIn(oidctest.Alice())
			old, _ := s.token.Extra("id_token").(string)
			a.provider.RotateKeys(t, test.keys)

			a.provider.ForgetRequests(t)
			next := a.mustRefresh(s.token.RefreshToken) // the keys are fetched again
			if n := a.provider.Count(t, oidctest.JWKS); n != 1 {
				t.Errorf("the keys were fetched %d times", n)
			}
			b := newApp(t, a.provider, web())
			if _, err := b.verifier.Verify(t.Context(), old); (err == nil) != test.old {
				t.Errorf("the old ID token: %v", err)
			}
			fresh, _ := next.token.Extra("id_token").(string)
			if same := header(t, fresh)["kid"] == header(t, old)["kid"]; same != test.keys.SameID {
				t.Errorf("key IDs %v and %v", header(t, old), header(t, fresh))
			}
			if _, err := b.verifier.Verify(t.Context(), fresh); err != nil {
				t.Error(err)
			}
			if a.signIn(oidctest.Alice()).asked {
				t.Error("the provider has forgotten who is signed in")
			}
		})
	}
}

func TestDiscoveryAndKeysFail(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	for _, answer := range []oidctest.Answer{{Status: 500}, {Body: "{"}, {Body: `{"issuer":"https://evil.test"}`}} {
		a.provider.Answer(t, oidctest.Discovery, answer)
		if _, err := oidc.NewProvider(t.Context(), a.provider.Issuer); err == nil {
			t.Errorf("discovered with %+v", answer)
		}
	}
	a.provider.Recover(t, oidctest.Discovery)
	s := a.signIn(oidctest.Alice())
	raw, _ := s.token.Extra("id_token").(string)
	b := newApp(t, a.provider, web())
	a.provider.Answer(t, oidctest.JWKS, oidctest.Answer{Status: 503})
	if _, err := b.verifier.Verify(t.Context(), raw); err == nil {
		t.Error("verified without keys")
	}
	a.provider.Recover(t, oidctest.JWKS)
	if _, err := b.verifier.Verify(t.Context(), raw); err != nil {
		t.Error(err)
	}
	if n := a.provider.Count(t, oidctest.Discovery); n != 5 {
		t.Errorf("%d requests for the discovery document", n)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	a := start(t, oidctest.Options{})
	s := a.signIn(oidctest.Alice())
	_, err := a.oauth.Exchange(t.Context(), "no code", oauth2.VerifierOption(pkce))
	refused(t, err, 400, "invalid_grant")
	form := url.Values{"token": {s.token.RefreshToken}}
	request, err := http.NewRequest(http.MethodPost, a.provider.Issuer+"/token/revocation", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("web", url.QueryEscape(web().Secret))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	response.Body.Close()
	if at, err := http.ParseTime(response.Header.Get("Date")); err != nil || !at.Equal(noon) {
		t.Errorf("dated %v: %v", at, err)
	}
	_, err = a.refresh(s.token.RefreshToken)
	refused(t, err, 400, "invalid_grant")

	want := []oidctest.Request{
		{Endpoint: oidctest.Discovery, Method: "GET", Status: 200},
		{Endpoint: oidctest.Authorization, Method: "GET", Status: 303},
		{Endpoint: oidctest.SignIn, Method: "GET", Status: 200},
		{Endpoint: oidctest.SignIn, Method: "POST", Status: 303},
		{Endpoint: oidctest.Authorization, Method: "GET", Status: 303},
		{Endpoint: oidctest.Token, Method: "POST", Status: 200, Grant: "authorization_code"},
		{Endpoint: oidctest.JWKS, Method: "GET", Status: 200},
		{Endpoint: oidctest.Token, Method: "POST", Status: 400, Grant: "authorization_code", Error: "invalid_grant"},
		{Endpoint: oidctest.Revocation, Method: "POST", Status: 200},
		{Endpoint: oidctest.Token, Method: "POST", Status: 400, Grant: "refresh_token", Error: "invalid_grant"},
	}
	got := a.provider.Requests(t)
	for i := range min(len(got), len(want)) {
		want[i].At = noon.UnixMilli()
		if got[i] != want[i] {
			t.Errorf("request %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d requests: %+v", len(got), got)
	}
}
