package oidctest_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// noon is where the clocks of these tests begin: long past, so that nothing may depend on the machine's.
var noon = time.Date(2021, 3, 4, 12, 0, 0, 0, time.UTC)

const (
	callbackURL  = "https://app.test/callback"
	signedOutURL = "https://app.test/signed-out"
)

func web() oidctest.Client {
	return oidctest.Client{
		ID: "web", Secret: "the web application's secret",
		RedirectURIs: []string{callbackURL}, PostLogoutRedirectURIs: []string{signedOutURL},
	}
}

// app is an application that signs people in, made of nothing but the two usual libraries.
type app struct {
	t        *testing.T
	provider *oidctest.Provider
	browser  *oidctest.Browser
	now      time.Time
	oauth    oauth2.Config
	keys     oidc.KeySet
	verifier *oidc.IDTokenVerifier
	end      string // the end-session endpoint
}

func start(t *testing.T, options oidctest.Options) *app {
	t.Helper()
	if options.Clients == nil {
		options.Clients = []oidctest.Client{web()}
	}
	options.Now = noon
	return newApp(t, oidctest.Start(t, options), options.Clients[0])
}

func newApp(t *testing.T, p *oidctest.Provider, client oidctest.Client) *app {
	t.Helper()
	a := &app{t: t, provider: p, browser: oidctest.NewBrowser(), now: noon}
	found, err := oidc.NewProvider(t.Context(), p.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	var more struct {
		End  string `json:"end_session_endpoint"`
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&more); err != nil {
		t.Fatal(err)
	}
	a.end = more.End
	a.keys = oidc.NewRemoteKeySet(context.WithoutCancel(t.Context()), more.Keys)
	a.verifier = found.Verifier(&oidc.Config{ClientID: client.ID, Now: func() time.Time { return a.now }})
	a.oauth = oauth2.Config{ClientID: client.ID, ClientSecret: client.Secret, Endpoint: found.Endpoint(),
		RedirectURL: client.RedirectURIs[0], Scopes: []string{"openid", "profile"}}
	a.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if client.Secret == "" || client.AuthMethod == "client_secret_post" {
		a.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return a
}

// later moves the provider's clock and the application's.
func (a *app) later(d time.Duration) {
	a.t.Helper()
	a.now = a.now.Add(d)
	a.provider.SetTime(a.t, a.now)
}

type claims struct {
	Sub      string `json:"sub"`
	Name     string `json:"name"`
	Username string `json:"preferred_username"`
	SID      string `json:"sid"`
	AuthTime int64  `json:"auth_time"`
	Email    string `json:"email"`
	KMSI     any    `json:"kmsi"`
}

type signedIn struct {
	claims
	asked bool
	token *oauth2.Token
}

const pkce = "a-code-verifier-of-the-forty-three-characters-that-it-takes"

func (a *app) authURL(options ...oauth2.AuthCodeOption) string {
	return a.oauth.AuthCodeURL("the state", append(options, oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(pkce))...)
}

func (a *app) signIn(user oidctest.User, options ...oauth2.AuthCodeOption) signedIn {
	a.t.Helper()
	callback, asked := oidctest.Authorize(a.t, a.browser, a.authURL(options...), user.Username, user.Password)
	s := a.redeem(callback)
	s.asked = asked
	return s
}

func (a *app) redeem(callback string) signedIn {
	a.t.Helper()
	u, err := url.Parse(callback)
	if err != nil || u.Scheme+"://"+u.Host+u.Path != callbackURL {
		a.t.Fatalf("came back to %s: %v", callback, err)
	}
	query := u.Query()
	if query.Get("state") != "the state" || query.Get("iss") != a.provider.Issuer || query.Get("code") == "" {
		a.t.Fatalf("came back with %v", query)
	}
	token, err := a.oauth.Exchange(a.t.Context(), query.Get("code"), oauth2.VerifierOption(pkce))
	if err != nil {
		a.t.Fatal(err)
	}
	return a.read(token)
}

// read verifies the ID token that came with a token answer.
func (a *app) read(token *oauth2.Token) signedIn {
	a.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := a.verifier.Verify(a.t.Context(), raw)
	if err != nil {
		a.t.Fatalf("ID token %q: %v", raw, err)
	}
	if id.Nonce != "the nonce" {
		a.t.Fatalf("nonce %q", id.Nonce)
	}
	if !id.IssuedAt.Equal(a.now) {
		a.t.Errorf("issued at %v, it is %v", id.IssuedAt, a.now)
	}
	s := signedIn{token: token}
	if err := id.Claims(&s.claims); err != nil {
		a.t.Fatal(err)
	}
	return s
}

// refresh uses a refresh token without looking at the time that the machine thinks it is.
func (a *app) refresh(token string) (*oauth2.Token, error) {
	return a.refreshWith(a.t.Context(), token)
}

func (a *app) refreshWith(ctx context.Context, token string) (*oauth2.Token, error) {
	return a.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
}

func (a *app) mustRefresh(token string) signedIn {
	a.t.Helper()
	answer, err := a.refresh(token)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.read(answer)
}

// refused checks that a token answer was an OAuth error.
func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		t.Fatalf("got %v, want the answer %s", err, code)
	}
	if answer.Response.StatusCode != status || answer.ErrorCode != code {
		t.Fatalf("got %d %s: %s, want %d %s", answer.Response.StatusCode, answer.ErrorCode, answer.ErrorDescription, status, code)
	}
}
