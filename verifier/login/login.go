package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Login serves signing in, coming back, resuming and signing out.
type Login struct {
	engine    *engine.Engine
	site      *api.Site
	api       *api.API
	ring      *keyring.Ring
	providers map[string]*Provider // by environment ID
	random    io.Reader
	log       *slog.Logger
}

// New makes the sign-in for environments that each have a provider.
func New(e *engine.Engine, site *api.Site, a *api.API, ring *keyring.Ring, providers map[string]*Provider, random io.Reader, log *slog.Logger) *Login {
	return &Login{e, site, a, ring, providers, random, log}
}

// Register adds the addresses to a mux.
func (l *Login) Register(mux *http.ServeMux) {
	prefix := l.site.Prefix()
	mux.Handle("GET "+prefix+"sign-in", l.site.For(l.signInPage))
	mux.Handle("POST "+prefix+"sign-in", l.site.For(l.begin))
	mux.Handle("GET "+prefix+"callback", l.site.For(l.callback))
	mux.Handle("GET "+prefix+"resume", l.site.For(l.resumePage))
	mux.Handle("GET "+prefix+"sign-out", l.site.For(l.signOutPage))
	mux.Handle("POST "+prefix+"sign-out", l.site.For(l.signOut))
	mux.Handle("GET "+prefix+"signed-out", l.site.For(l.signedOutPage))
	mux.HandleFunc("GET "+prefix+"page.css", pages.Style)
}

// signInPage makes the browser make its key. A browser that has a living session resumes it instead, unless a new one is
// asked for with again=1.
func (l *Login) signInPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	returnTo, ok := l.returnTo(w, env, r.URL.Query().Get("return_to"))
	if !ok {
		return
	}
	// Another site's link must not be able to ask for a new session in place of a living one.
	if r.URL.Query().Get("again") != "1" || !api.FromHere(r) {
		living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
		if err != nil {
			l.unavailable(w, env, returnTo, err)
			return
		}
		if living {
			seeOther(w, l.site.Prefix()+"resume?return_to="+url.QueryEscape(returnTo))
			return
		}
	}
	pages.Write(w, http.StatusOK, pages.Page{
		Prefix: l.site.Prefix(), Title: "Signing you in…", Paragraphs: []string{"You will be asked who you are in a moment."},
		Mode: "sign-in", Nonce: l.engine.SignInNonce(env), ReturnTo: returnTo,
	})
}

func (l *Login) resumePage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	returnTo, ok := l.returnTo(w, env, r.URL.Query().Get("return_to"))
	if !ok {
		return
	}
	pages.Write(w, http.StatusOK, pages.Page{
		Prefix: l.site.Prefix(), Title: "One moment…", Paragraphs: []string{"We are checking that your session is still open."},
		Mode: "resume", ReturnTo: returnTo,
	})
}

func (l *Login) signOutPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
	if err != nil {
		l.unavailable(w, env, "/", err)
		return
	}
	if !living {
		seeOther(w, l.site.Prefix()+"signed-out")
		return
	}
	if !api.FromHere(r) {
		// A link on another site cannot sign anybody out; the person can.
		pages.Write(w, http.StatusOK, pages.Page{
			Prefix: l.site.Prefix(), Title: "Do you want to sign out?", Paragraphs: []string{"A link from another site led here. You are still signed in."},
			Link: l.site.Prefix() + "sign-out", LinkText: "Sign out", Other: "/", OtherText: "Stay signed in",
		})
		return
	}
	pages.Write(w, http.StatusOK, pages.Page{Prefix: l.site.Prefix(), Title: "Signing you out…", Mode: "sign-out"})
}

func (l *Login) signedOutPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	pages.Write(w, http.StatusOK, pages.Page{
		Prefix: l.site.Prefix(), Title: "You have been signed out", Paragraphs: []string{"You can close this window now."},
		Link: l.site.Prefix() + "sign-in?again=1", LinkText: "Sign in",
	})
}

func (l *Login) returnTo(w http.ResponseWriter, env settings.Environment, text string) (string, bool) {
	back, ok := l.site.ReturnTo(text)
	if !ok {
		l.engine.RecordRefusal(env, wire.BadReturnTo, "")
		pages.Write(w, api.Status(wire.BadReturnTo), pages.Page{
			Prefix: l.site.Prefix(), Title: "This link does not work here",
			Paragraphs: []string{"The link that brought you here would lead away from this site after you sign in, so we stopped. Go to the page that you want and sign in from there."},
			Link:       "/", LinkText: "Go to the start page",
		})
	}
	return back, ok
}

// begin takes the proof of the browser's new key and answers with the provider's address.
func (l *Login) begin(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	refuse := func(err error) { api.WriteRefusal(w, api.AsRefusal(err)) }
	r.Body = http.MaxBytesReader(w, r.Body, wire.MaxBody)
	if err := r.ParseForm(); err != nil {
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "the body is no form, or too large"})
		return
	}
	returnTo, ok := l.site.ReturnTo(r.PostForm.Get("return_to"))
	if !ok {
		l.engine.RecordRefusal(env, wire.BadReturnTo, "")
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadReturnTo, Message: "return_to is not a path of this origin"})
		return
	}
	proved := l.api.Proved(r, env, "sign-in")
	key, err := l.engine.ProveKey(env, proved.Proofs, proved.Method, proved.URL)
	if err != nil {
		refuse(err)
		return
	}
	credentials := l.engine.NeedsCredentials(env, proved.Cookie)
	api.DropCookies(w, r, env, api.SignInCookie, maxAttempts)
	location, err := l.start(r.Context(), w, env, key, returnTo, credentials)
	if err != nil {
		l.log.Error("provider_unreachable", "environment", env.ID, "error", err)
		api.WriteRefusal(w, wire.Refusal{Error: wire.ProviderFailed, Message: "the identity provider cannot be reached"})
		return
	}
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: location})
}

// maxAttempts is how many sign-ins one browser can have under way.
const maxAttempts = 5

// start makes the authorization request and sets the cookie that knows it.
func (l *Login) start(ctx context.Context, w http.ResponseWriter, env settings.Environment, key session.Thumbprint, returnTo string, credentials bool) (string, error) {
	provider, ok := l.providers[env.ID]
	if !ok {
		return "", fmt.Errorf("environment %s has no provider", env.ID)
	}
	found, err := provider.discover(ctx)
	if err != nil {
		return "", err
	}
	a, err := newAttempt(l.random, key, provider.config.Issuer, returnTo, credentials, l.engine.Now().UnixMilli())
	if err != nil {
		return "", err
	}
	cookie, err := a.seal(l.ring, env)
	if err != nil {
		return "", err
	}
	api.SetCookie(w, env, cookieName(a.State), cookie, attemptLife/1000)
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce()), oauth2.S256ChallengeOption(a.PKCE)}
	if credentials {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	oauth := found.oauth
	oauth.RedirectURL = l.site.URL(env, "callback")
	return oauth.AuthCodeURL(a.State, options...), nil
}

// callback takes the provider's answer. The session is born here, bound to the key that the browser proved before it left.
func (l *Login) callback(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	name := cookieName(r.URL.Query().Get("state"))
	a, err := unseal(l.ring, env, api.ReadCookie(r, env, name), l.engine.Now().UnixMilli())
	if err == nil && subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("state")), []byte(a.State)) != 1 {
		err = errors.New("state is not that of this browser's sign-in")
	}
	if err != nil {
		l.failed(w, env, "/", err, "This sign-in was not begun in this browser, or it took too long.")
		return
	}
	api.SetCookie(w, env, name, "", -1) // once
	who, err := l.redeem(r.Context(), env, a, r.URL.Query())
	if err != nil {
		l.failed(w, env, a.ReturnTo, err, "The sign-in was not completed.")
		return
	}
	_, cookie, err := l.engine.Begin(r.Context(), env, who, a.Key, api.ReadSessionCookie(r, env))
	switch {
	case errors.Is(err, engine.ErrCredentials) && !a.Credentials:
		l.askCredentials(w, r, env, a)
		return
	case errors.Is(err, engine.ErrCredentials):
		l.failed(w, env, a.ReturnTo, err, "Your last session here has ended, so your password is needed again, and the sign-in service did not ask for it.")
		return
	case err != nil:
		l.unavailable(w, env, a.ReturnTo, err)
		return
	}
	api.SetSessionCookie(w, env, cookie)
	seeOther(w, a.ReturnTo)
}

// askCredentials sends the browser to the provider once more: it turned out only now, when the user is known, that a session of
// theirs has ended (B1).
func (l *Login) askCredentials(w http.ResponseWriter, r *http.Request, env settings.Environment, a attempt) {
	location, err := l.start(r.Context(), w, env, a.Key, a.ReturnTo, true)
	if err != nil {
		l.failed(w, env, a.ReturnTo, err, "The sign-in service cannot be reached.")
		return
	}
	seeOther(w, location)
}

// redeem checks the callback and exchanges the code for a verified identity.
func (l *Login) redeem(ctx context.Context, env settings.Environment, a attempt, query url.Values) (engine.Identity, error) {
	none := engine.Identity{}
	provider, ok := l.providers[env.ID]
	if !ok || provider.config.Issuer != a.Issuer {
		return none, errors.New("the provider changed during the sign-in")
	}
	if iss := query.Get("iss"); iss != "" && iss != a.Issuer {
		return none, fmt.Errorf("answer came from issuer %q (RFC 9207)", iss)
	}
	if problem := query.Get("error"); problem != "" {
		return none, fmt.Errorf("provider answered %q: %q", problem, query.Get("error_description"))
	}
	found, err := provider.discover(ctx)
	if err != nil {
		return none, err
	}
	ctx = oidc.ClientContext(ctx, provider.client)
	oauth := found.oauth
	oauth.RedirectURL = l.site.URL(env, "callback")
	token, err := oauth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.PKCE))
	if err != nil {
		return none, fmt.Errorf("code exchange: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || len(raw) > session.MaxIDToken {
		return none, errors.New("no ID token, or one that is too large")
	}
	return identify(ctx, found, raw, a.nonce())
}

// identify verifies an ID token (OpenID Connect Core section 3.1.3.7).
func identify(ctx context.Context, found *discovered, raw, nonce string) (engine.Identity, error) {
	none := engine.Identity{}
	token, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return none, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return none, errors.New("the ID token's nonce was not derived from this browser's key")
	}
	var claims struct {
		AuthTime int64  `json:"auth_time"`
		AZP      string `json:"azp"`
		Name     string `json:"name"`
		Username string `json:"preferred_username"`
		SID      string `json:"sid"`
	}
	if err := token.Claims(&claims); err != nil {
		return none, err
	}
	if claims.AZP != "" && claims.AZP != found.oauth.ClientID {
		return none, errors.New("the ID token is for another client (azp)")
	}
	if token.Subject == "" || len(token.Subject) > session.MaxSubject {
		return none, fmt.Errorf("subject has %d bytes, allowed 1 to %d", len(token.Subject), session.MaxSubject)
	}
	if len(claims.SID) > session.MaxProvider {
		return none, fmt.Errorf("sid has %d bytes, allowed at most %d", len(claims.SID), session.MaxProvider)
	}
	name := claims.Name
	if name == "" {
		name = claims.Username
	}
	return engine.Identity{Issuer: token.Issuer, Subject: token.Subject, Name: name, AuthTime: claims.AuthTime,
		Provider: claims.SID, IDToken: raw}, nil
}

func (l *Login) failed(w http.ResponseWriter, env settings.Environment, returnTo string, err error, what string) {
	l.log.Warn("sign_in_refused", "environment", env.ID, "error", err)
	if !errors.Is(err, engine.ErrCredentials) { // the engine has recorded that
		l.engine.RecordRefusal(env, wire.SignInFailed, "")
	}
	l.problem(w, api.Status(wire.SignInFailed), returnTo, "You are not signed in", what)
}

func (l *Login) unavailable(w http.ResponseWriter, env settings.Environment, returnTo string, err error) {
	l.log.Error("store_unavailable", "environment", env.ID, "error", err)
	l.problem(w, api.Status(wire.Unavailable), returnTo, "We cannot sign you in or out right now", "The service has a problem. Please try again in a few minutes.")
}

// seeOther redirects to an address as it is; http.Redirect would clean its path and fragment.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

func (l *Login) problem(w http.ResponseWriter, status int, returnTo, title, what string) {
	pages.Write(w, status, pages.Page{
		Prefix: l.site.Prefix(), Title: title, Paragraphs: []string{what},
		Link: l.site.Prefix() + "sign-in?again=1&return_to=" + url.QueryEscape(returnTo), LinkText: "Sign in again",
	})
}

// signOut ends the session and answers with where to go: the provider's end-session address (OpenID Connect RP-Initiated
// Logout section 2), or the page that says so.
func (l *Login) signOut(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	secrets, err := l.engine.SignOut(r.Context(), env, l.api.Proved(r, env, "sign-out"))
	if err != nil {
		refusal := api.AsRefusal(err)
		l.api.SayWhere(&refusal, "")
		api.WriteRefusal(w, refusal)
		return
	}
	location := l.site.Prefix() + "signed-out"
	if provider, ok := l.providers[env.ID]; ok {
		// The session has ended. A provider that does not answer must not keep the page from saying so.
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if found, err := provider.discover(ctx); err == nil && found.endSession != "" {
			location = endSessionURL(found, secrets.IDToken, l.site.URL(env, "signed-out"))
		}
	}
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: location})
}

func endSessionURL(found *discovered, hint, back string) string {
	u, err := url.Parse(found.endSession)
	if err != nil {
		return back
	}
	query := u.Query()
	query.Set("client_id", found.oauth.ClientID)
	query.Set("post_logout_redirect_uri", back)
	if hint != "" {
		query.Set("id_token_hint", hint)
	}
	u.RawQuery = query.Encode()
	return u.String()
}
