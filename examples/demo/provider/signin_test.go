package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// The whole flow, at the root and under a path, with tokens that carry the
// provider's clock and not the process's.
func TestCodeFlowWithPKCE(t *testing.T) {
	for _, path := range []string{"", "/idp", "/a/b"} {
		t.Run("issuer path "+path, func(t *testing.T) {
			w := newWorld(t, path)
			b := w.newBrowser()
			a := w.begin()
			form := b.get(a.address)
			if !form.hasForm() || !strings.Contains(form.body, "Test Clinic") {
				t.Fatalf("no password form for Test Clinic: %d %s", form.status, form.body)
			}
			w.advance(20 * time.Second)
			entered := w.now()
			back := b.enter(form, " Alice ", aliceKey)
			w.advance(20 * time.Second)
			token, id, c := w.finish(a, back)
			if c.AuthTime != entered.Unix() {
				t.Errorf("auth_time is %d, want the time of the password, %d", c.AuthTime, entered.Unix())
			}
			if got := id.IssuedAt.Unix(); got != w.now().Unix() {
				t.Errorf("iat is %d, want the provider's clock, %d", got, w.now().Unix())
			}
			if got := id.Expiry.Sub(id.IssuedAt); got != AccessTokenLifetime {
				t.Errorf("ID token lives %v, want %v", got, AccessTokenLifetime)
			}
			if left := time.Until(token.Expiry); left < AccessTokenLifetime-time.Minute || left > AccessTokenLifetime {
				t.Errorf("access token lives %v, want about %v", left, AccessTokenLifetime)
			}
			if c.Name != "Alice Example" || c.Email != "alice@example.test" || c.User != "alice" || c.SID == "" {
				t.Errorf("claims are %+v", c)
			}
			if err := id.VerifyAccessToken(token.AccessToken); err != nil {
				t.Errorf("at_hash: %v", err)
			}
			if token.RefreshToken != "" {
				t.Error("a refresh token came without offline_access")
			}
			info, err := w.rp.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			if err != nil || info.Subject != id.Subject || info.Email != "alice@example.test" {
				t.Errorf("userinfo is %+v, %v, want subject %s", info, err, id.Subject)
			}
		})
	}
}

func TestPublicClient(t *testing.T) {
	w := newWorld(t, "")
	w.oauth.ClientID, w.oauth.ClientSecret = "public", ""
	a, b := w.begin(), w.newBrowser()
	if _, id, _ := w.finish(a, b.enter(b.get(a.address), "bob", bobKey)); id.Subject == "" {
		t.Error("ID token has no subject")
	}
}

// A code is for one use, one client, one minute and one verifier.
func TestCodeIsBound(t *testing.T) {
	exchange := func(w *world, code, verifier string) error {
		_, err := w.oauth.Exchange(w.t.Context(), code, oauth2.VerifierOption(verifier))
		return err
	}
	tests := map[string]func(w *world, a attempt, code string) error{
		"second use": func(w *world, a attempt, code string) error {
			if err := exchange(w, code, a.verifier); err != nil {
				t.Fatalf("first use: %v", err)
			}
			return exchange(w, code, a.verifier)
		},
		"other verifier": func(w *world, _ attempt, code string) error { return exchange(w, code, oauth2.GenerateVerifier()) },
		"no verifier":    func(w *world, _ attempt, code string) error { return exchange(w, code, "") },
		"too late": func(w *world, a attempt, code string) error {
			w.advance(CodeLifetime)
			return exchange(w, code, a.verifier)
		},
		"other client": func(w *world, a attempt, code string) error {
			w.oauth.ClientID, w.oauth.ClientSecret = "other", "0ther"
			return exchange(w, code, a.verifier)
		},
		"wrong secret": func(w *world, a attempt, code string) error {
			w.oauth.ClientSecret = "guess"
			return exchange(w, code, a.verifier)
		},
		"no secret": func(w *world, a attempt, code string) error {
			w.oauth.ClientSecret = ""
			return exchange(w, code, a.verifier)
		},
		"other redirect": func(w *world, a attempt, code string) error {
			w.oauth.RedirectURL = afterward
			return exchange(w, code, a.verifier)
		},
		"account turned off meanwhile": func(w *world, a attempt, code string) error {
			w.p.SetDisabled("alice", true)
			return exchange(w, code, a.verifier)
		},
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			a, b := w.begin(), w.newBrowser()
			back := b.enter(b.get(a.address), "alice", aliceKey)
			if err := run(w, a, back.left.Query().Get("code")); err == nil {
				t.Error("the code was accepted")
			}
		})
	}
}

// B1: a session at the provider is enough only where the client does not ask
// for credentials.
func TestWhenThePasswordIsAskedAgain(t *testing.T) {
	tests := []struct {
		name    string
		passed  time.Duration
		opts    []oauth2.AuthCodeOption
		wantAsk bool
	}{
		{"plain", time.Minute, nil, false},
		{"session older than it may be", SessionLifetime, nil, true},
		{"prompt=login", time.Minute, opt("prompt", "login"), true},
		{"prompt=login with a large max_age", time.Minute, opt("prompt", "login", "max_age", "9999"), true},
		{"prompt=select_account", time.Minute, opt("prompt", "select_account"), true},
		{"max_age=0", 0, opt("max_age", "0"), true},
		{"max_age not reached", 59 * time.Second, opt("max_age", "60"), false},
		{"max_age passed", 61 * time.Second, opt("max_age", "60"), true},
		{"huge max_age", time.Minute, opt("max_age", "18446744073709551615"), false},
		{"login_hint of the same user", time.Minute, opt("login_hint", "ALICE@example.test"), false},
		{"login_hint of another user", time.Minute, opt("login_hint", "bob"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			b := w.newBrowser()
			a := w.begin()
			_, _, first := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
			w.advance(tt.passed)
			a = w.begin(tt.opts...)
			p := b.get(a.address)
			if p.hasForm() != tt.wantAsk {
				t.Fatalf("password form shown: %v, want %v (%d %v)", p.hasForm(), tt.wantAsk, p.status, p.left)
			}
			if tt.wantAsk {
				w.advance(5 * time.Second)
				p = b.enter(p, "alice", aliceKey)
			}
			_, _, second := w.finish(a, p)
			if later := second.AuthTime > first.AuthTime; later != tt.wantAsk {
				t.Errorf("auth_time went from %d to %d", first.AuthTime, second.AuthTime)
			}
			if tt.wantAsk && second.AuthTime != w.now().Unix() {
				t.Errorf("auth_time is %d, want %d", second.AuthTime, w.now().Unix())
			}
			if sameSID := first.SID == second.SID; sameSID != (tt.passed < SessionLifetime) {
				t.Errorf("sid went from %q to %q", first.SID, second.SID)
			}
		})
	}
}

func opt(pairs ...string) (opts []oauth2.AuthCodeOption) {
	for i := 0; i < len(pairs); i += 2 {
		opts = append(opts, oauth2.SetAuthURLParam(pairs[i], pairs[i+1]))
	}
	return opts
}

func TestPromptNone(t *testing.T) {
	w := newWorld(t, "")
	b := w.newBrowser()
	refused := func(when string, opts ...oauth2.AuthCodeOption) {
		t.Helper()
		a := w.begin(append(opts, oauth2.SetAuthURLParam("prompt", "none"))...)
		p := b.get(a.address)
		if p.left == nil || p.left.Query().Get("error") != "login_required" || p.left.Query().Get("state") != a.state {
			t.Errorf("%s: got %d %v, want error=login_required", when, p.status, p.left)
		}
	}
	refused("nobody is signed in")
	a := w.begin()
	token, id, _ := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
	a = w.begin(oauth2.SetAuthURLParam("prompt", "none"), oauth2.SetAuthURLParam("id_token_hint", token.Extra("id_token").(string)))
	if _, again, _ := w.finish(a, b.get(a.address)); again.Subject != id.Subject {
		t.Errorf("silent sign-in gave subject %q, want %q", again.Subject, id.Subject)
	}
	w.advance(2 * time.Minute)
	refused("the sign-in is older than max_age", oauth2.SetAuthURLParam("max_age", "60"))

	// B2: silently, nobody but the user of the hint will do.
	other := w.newBrowser()
	a = w.begin()
	bobs, _, _ := w.finish(a, other.enter(other.get(a.address), "bob", bobKey))
	refused("the hint names another user", oauth2.SetAuthURLParam("id_token_hint", bobs.Extra("id_token").(string)))

	w.p.SetDisabled("alice", true)
	refused("the account was turned off")
}

// Two users of one browser: the second replaces the first.
func TestOtherUserInTheSameBrowser(t *testing.T) {
	w := newWorld(t, "")
	b := w.newBrowser()
	a := w.begin()
	_, alice, first := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
	a = w.begin(oauth2.SetAuthURLParam("prompt", "login"))
	_, bob, second := w.finish(a, b.enter(b.get(a.address), "bob", bobKey))
	if alice.Subject == bob.Subject || first.SID == second.SID {
		t.Errorf("subjects %q, %q and sids %q, %q must differ", alice.Subject, bob.Subject, first.SID, second.SID)
	}
}

// Requests that nobody may be redirected for, and requests that are refused at
// the client.
func TestAuthorizeRefusals(t *testing.T) {
	w := newWorld(t, "")
	tests := []struct {
		name      string
		change    url.Values // an empty value removes the parameter
		wantError string     // at the client; empty: a page of the provider
	}{
		{"unknown client", url.Values{"client_id": {"nobody"}}, ""},
		{"no client", url.Values{"client_id": nil}, ""},
		{"other redirect", url.Values{"redirect_uri": {"http://localhost:9/evil"}}, ""},
		{"longer redirect", url.Values{"redirect_uri": {callback + "/more"}}, ""},
		{"redirect in disguise", url.Values{"redirect_uri": {"http://localhost:9/%63allback"}}, ""},
		{"redirect encoded twice", url.Values{"redirect_uri": {url.QueryEscape(callback)}}, ""},
		{"two redirects", url.Values{"redirect_uri": {callback, "http://evil.test/"}}, ""},
		{"no redirect", url.Values{"redirect_uri": nil}, ""},
		{"no PKCE", url.Values{"code_challenge": nil, "code_challenge_method": nil}, "invalid_request"},
		{"plain PKCE", url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
		{"PKCE method left out", url.Values{"code_challenge_method": nil}, "invalid_request"},
		{"short challenge", url.Values{"code_challenge": {"abc"}}, "invalid_request"},
		{"implicit flow", url.Values{"response_type": {"id_token"}}, "unauthorized_client"},
		{"form_post", url.Values{"response_mode": {"form_post"}}, "invalid_request"},
		{"request object", url.Values{"request": {"e30.e30."}}, "request_not_supported"},
		{"no openid", url.Values{"scope": {"profile"}}, "invalid_scope"},
		{"prompt none with another", url.Values{"prompt": {"none login"}}, "invalid_request"},
		{"bad hint", url.Values{"id_token_hint": {"x.y.z"}}, "login_required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(w.begin().address)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			for k, v := range tt.change {
				q[k] = v
			}
			u.RawQuery = q.Encode()
			p := w.newBrowser().get(u.String())
			switch {
			case p.hasForm():
				t.Error("the password form was shown")
			case tt.wantError == "" && (p.left != nil || p.status != http.StatusBadRequest || p.header.Get("Content-Type") != "text/html; charset=utf-8"):
				t.Errorf("got %d %v, want a page with status 400", p.status, p.left)
			case tt.wantError != "" && (p.left == nil || !strings.Contains(p.left.String(), "error="+tt.wantError+"&")):
				t.Errorf("got %d %v, want error=%s", p.status, p.left, tt.wantError)
			}
		})
	}
}

func TestDiscoveryIsHonest(t *testing.T) {
	w := newWorld(t, "/idp")
	var d struct {
		EndSession string   `json:"end_session_endpoint"`
		Introspect string   `json:"introspection_endpoint"`
		Methods    []string `json:"code_challenge_methods_supported"`
		Grants     []string `json:"grant_types_supported"`
		Types      []string `json:"response_types_supported"`
	}
	if err := w.rp.Claims(&d); err != nil {
		t.Fatal(err)
	}
	if d.EndSession != w.issuer+"/end_session" || d.Introspect != "" ||
		strings.Join(d.Methods, " ") != "S256" || strings.Join(d.Types, " ") != "code" ||
		strings.Join(d.Grants, " ") != "authorization_code refresh_token" {
		t.Errorf("discovery is %+v", d)
	}
	for _, path := range []string{"/oauth/introspect", "/device_authorization", "/authorize/callback", "/assets/", "/nothing"} {
		if p := w.newBrowser().get(w.issuer + path); p.status != http.StatusNotFound {
			t.Errorf("GET %s gave %d, want 404", path, p.status)
		}
	}
}
