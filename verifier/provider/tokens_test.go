package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
)

func TestRedeemSendsWhatTheSignInBegan(t *testing.T) {
	s := newScripted(t)
	s.answer(s.idToken(nil), "refresh-1")
	got, err := s.provider(nil).Redeem(t.Context(), code1)
	if err != nil || got.RefreshToken != "refresh-1" || got.Subject != "amara" {
		t.Fatalf("%+v, %v", got, err)
	}
	form, basic := s.lastForm()
	expected := url.Values{"grant_type": {"authorization_code"}, "code": {"code-1"}, "redirect_uri": {code1.RedirectURL}, "code_verifier": {code1.Verifier}}
	if form.Encode() != expected.Encode() {
		t.Errorf("form is %v", form)
	}
	if expected := "Basic " + base64.StdEncoding.EncodeToString([]byte("curfew:client-secret-of-the-test")); basic != expected {
		t.Errorf("Authorization is %q", basic)
	}
	s.answer(s.idToken(nil), "")
	if got, err = s.provider(nil).Redeem(t.Context(), code1); err != nil || got.RefreshToken != "" {
		t.Errorf("without a refresh token: %+v, %v", got, err)
	}
}

// How the client says who it is follows the discovery document, once and for all: a code is good for one try.
func TestClientAuthentication(t *testing.T) {
	for _, one := range []struct {
		what, secret string
		methods      any
		inHeader     bool
	}{
		{"not said", "secret", nil, true},
		{"basic among others", "secret", []string{"client_secret_post", "client_secret_basic"}, true},
		{"only post", "secret", []string{"client_secret_post"}, false},
		{"public client", "", []string{"client_secret_basic"}, false},
	} {
		s := newScripted(t)
		s.set("token_endpoint_auth_methods_supported", one.methods)
		s.refuse(401, `{"error":"invalid_client"}`)
		_, err := s.provider(func(c *Config) { c.ClientSecret = one.secret }).Redeem(t.Context(), code1)
		want(t, err, Misconfigured, CauseInvalidClient)
		form, basic := s.lastForm()
		if s.asked() != 1 {
			t.Errorf("%s: asked %d times", one.what, s.asked())
		}
		if inHeader := basic != ""; inHeader != one.inHeader || inHeader == form.Has("client_id") || form.Get("client_secret") != "" == (one.inHeader || one.secret == "") {
			t.Errorf("%s: Authorization %q, form %v", one.what, basic, form)
		}
	}
}

func TestCodesThatAreNone(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	for _, bad := range []string{"", "a\nb", "\x00", "é", strings.Repeat("a", 4097)} {
		in := code1
		in.Code = bad
		_, err := p.Redeem(t.Context(), in)
		want(t, err, Refused, CauseInvalidGrant)
	}
	if s.asked() != 0 {
		t.Error("the provider was asked about a code that is none")
	}
	in := code1
	in.Code = strings.Repeat("a~ !", 1024)
	if _, err := p.Redeem(t.Context(), in); err != nil {
		t.Errorf("the longest code: %v", err)
	}
}

// A5: the silent policy check.
func TestA5_RefreshAsksTheProvider(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	last := s.refresh()
	s.clock.pass(time.Hour)
	raw := s.idToken(func(c map[string]any) {
		c["auth_time"] = s.clock.in(-time.Hour - time.Minute)
		delete(c, "nonce")
	})
	s.answer(raw, "")
	who, err := p.Refresh(t.Context(), last, dontKeep(t))
	if err != nil || who.Subject != "amara" || who.IDToken != raw {
		t.Fatalf("%+v, %v", who, err)
	}
	form, _ := s.lastForm()
	if expected := (url.Values{"grant_type": {"refresh_token"}, "refresh_token": {last.Token}}); form.Encode() != expected.Encode() {
		t.Errorf("form is %v", form)
	}
	s.answer(raw, last.Token) // the same refresh token again is no rotation
	if _, err := p.Refresh(t.Context(), last, dontKeep(t)); err != nil {
		t.Errorf("the same refresh token: %v", err)
	}
}

// A rotated refresh token is kept before anything else can go wrong, so that a crash does not sign the user out (A5).
func TestA5_RotatedTokenIsKeptFirst(t *testing.T) {
	s := newScripted(t)
	for what, raw := range map[string]string{"sound": s.idToken(nil), "unsound": "no.id.token", "missing": "",
		"of another user": s.idToken(func(c map[string]any) { c["sub"] = "bjarne" }), "too large": s.idToken(func(c map[string]any) { c["x"] = strings.Repeat("x", MaxIDToken) })} {
		s.answer(raw, "rotated")
		p := s.provider(nil)
		var kept []string
		_, err := p.Refresh(t.Context(), s.refresh(), func(rotated string) error {
			kept = append(kept, rotated)
			if s.keySets.Load() != 0 {
				t.Errorf("%s: the ID token was looked at before the refresh token was kept", what)
			}
			return nil
		})
		if !slices.Equal(kept, []string{"rotated"}) || (err == nil) != (what == "sound") {
			t.Errorf("%s: kept %q, %v", what, kept, err)
		}
		s.keySets.Store(0)
	}

	failure := errors.New("disk full")
	s.answer(s.idToken(nil), "rotated")
	p := s.provider(nil)
	who, err := p.Refresh(t.Context(), s.refresh(), func(string) error { return failure })
	if err != failure || who != (session.Identity{}) {
		t.Errorf("keep failed: %+v, %v", who, err)
	}
}

func TestTokensThatAreTooLarge(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	s.answer(s.idToken(nil), strings.Repeat("r", MaxRefreshToken+1))
	_, err := p.Redeem(t.Context(), code1)
	want(t, err, Unreachable, CauseAnswer)
	_, err = p.Refresh(t.Context(), s.refresh(), dontKeep(t))
	want(t, err, Unreachable, CauseAnswer)

	s.answer(s.idToken(nil), strings.Repeat("r", MaxRefreshToken))
	if _, err = p.Redeem(t.Context(), code1); err != nil {
		t.Errorf("the largest refresh token: %v", err)
	}
	if _, err = p.Refresh(t.Context(), s.refresh(), func(string) error { return nil }); err != nil {
		t.Errorf("the largest refresh token: %v", err)
	}
	long := func(padding int) string {
		return s.idToken(func(c map[string]any) { c["x"] = strings.Repeat("x", padding) })
	}
	padding := largest(MaxIDToken, long)
	s.answer(long(padding), "")
	if _, err = p.Redeem(t.Context(), code1); err != nil {
		t.Errorf("a large ID token: %v", err)
	}
	large := long(padding + 1)
	s.answer(large, "")
	_, err = p.Redeem(t.Context(), code1)
	want(t, err, Unreachable, CauseAnswer)
	s.answer(strings.Repeat("x", MaxIDToken), "")
	_, err = p.Redeem(t.Context(), code1)
	wantCheck(t, err, Unreachable, "form")
	s.answer(strings.Repeat("x", MaxIDToken+1), "")
	_, err = p.Redeem(t.Context(), code1)
	want(t, err, Unreachable, CauseAnswer)
	_, err = p.HandedIn(t.Context(), large, "nonce-1")
	wantCheck(t, err, Refused, "form")
}

// B2: whatever else the provider says, it must say it of the session's own user.
func TestB2_OtherUser(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	for what, change := range map[string]func(map[string]any){
		"another subject":                     func(c map[string]any) { c["sub"] = "bjarne" },
		"the subject in capitals":             func(c map[string]any) { c["sub"] = "Amara" },
		"another issuer":                      func(c map[string]any) { c["iss"] = "https://other.example" },
		"the issuer with a slash":             func(c map[string]any) { c["iss"] = s.URL + "/" },
		"another subject at another sign-in":  func(c map[string]any) { c["sub"], c["auth_time"] = "bjarne", s.clock.in(-time.Second) },
		"another issuer and another subject":  func(c map[string]any) { c["iss"], c["sub"] = "https://other.example", "bjarne" },
		"another subject with its own nonce ": func(c map[string]any) { c["sub"], c["nonce"] = "bjarne", "nonce-7" },
	} {
		s.answer(s.idToken(change), "")
		who, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
		want(t, err, OtherUser, CauseOtherUser)
		if who != (session.Identity{}) {
			t.Errorf("%s: %+v", what, who)
		}
	}
	if !p.State().Up {
		t.Errorf("a provider that names another user is up: %+v", p.State())
	}

	// Only a token that is sound otherwise can end a session.
	forged := testKeys()[1].sign(t, s.claims(func(c map[string]any) { c["sub"] = "bjarne" }))
	s.answer(forged, "")
	_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
	wantCheck(t, err, Unreachable, "signature")
	s.answer(s.idToken(func(c map[string]any) { c["sub"], c["aud"] = "bjarne", "other" }), "")
	_, err = p.Refresh(t.Context(), s.refresh(), dontKeep(t))
	wantCheck(t, err, Unreachable, "aud")

	// A refresh token goes to nobody but the provider that gave it.
	before := s.asked()
	in := s.refresh()
	in.User.Issuer = "https://other.example"
	_, err = p.Refresh(t.Context(), in, dontKeep(t))
	want(t, err, OtherUser, CauseOtherUser)
	if s.asked() != before {
		t.Error("the refresh token was sent to another issuer's provider")
	}
}

// OpenID Connect Core section 12.2: what a refreshed ID token says of the sign-in is what the last one said.
func TestRefreshContinuesTheSignIn(t *testing.T) {
	s := newScripted(t)
	p := s.provider(func(c *Config) { c.ClockSkew = skew })
	for _, one := range []struct {
		check, what string
		last, next  func(map[string]any)
	}{
		{"nonce", "another nonce", nil, func(c map[string]any) { c["nonce"] = "nonce-2" }},
		{"nonce", "a nonce where there was none", func(c map[string]any) { delete(c, "nonce") }, nil},
		{"", "no nonce any more", nil, func(c map[string]any) { delete(c, "nonce") }},
		{"auth_time", "later auth_time", nil, func(c map[string]any) { c["auth_time"] = s.clock.in(-time.Second) }},
		{"auth_time", "earlier auth_time", nil, func(c map[string]any) { c["auth_time"] = s.clock.in(-time.Hour) }},
		{"", "no auth_time any more", nil, func(c map[string]any) { delete(c, "auth_time") }},
		{"", "auth_time where there was none", func(c map[string]any) { delete(c, "auth_time") }, nil},
		{"iat", "issued before the last", func(c map[string]any) { c["iat"] = s.clock.in(0) }, func(c map[string]any) { c["iat"] = s.clock.in(-skew - 2*time.Second) }},
		{"", "issued a little before the last", func(c map[string]any) { c["iat"] = s.clock.in(0) }, func(c map[string]any) { c["iat"] = s.clock.in(-skew - time.Second) }},
		{"iat", "issued ages before the last", func(c map[string]any) { c["iat"] = int64(maxSeconds) }, nil},
	} {
		in := s.refresh()
		in.IDToken = s.idToken(one.last)
		s.answer(s.idToken(one.next), "")
		_, err := p.Refresh(t.Context(), in, dontKeep(t))
		if one.check == "" && err != nil {
			t.Errorf("%s: %v", one.what, err)
		} else if one.check != "" {
			wantCheck(t, err, Unreachable, one.check)
		}
	}
	in := s.refresh()
	in.IDToken = ""
	s.answer(s.idToken(func(c map[string]any) { delete(c, "nonce") }), "")
	if _, err := p.Refresh(t.Context(), in, dontKeep(t)); err != nil {
		t.Errorf("no last ID token: %v", err)
	}
	for _, bad := range []string{"x", "e30.e30", "e30.W10.e30", s.idToken(nil) + "!"} {
		in.IDToken = bad
		_, err := p.Refresh(t.Context(), in, dontKeep(t))
		wantCheck(t, err, Unreachable, "form")
	}
}

// A6: an ID token of an application's own sign-in.
func TestA6_HandedIn(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	raw := s.idToken(func(c map[string]any) { c["aud"] = "app" })
	who, err := p.HandedIn(t.Context(), raw, "nonce-1")
	if err != nil || who.Subject != "amara" || who.IDToken != raw {
		t.Errorf("%+v, %v", who, err)
	}
	_, err = p.HandedIn(t.Context(), s.idToken(nil), "nonce-1")
	wantCheck(t, err, Refused, "aud")
	_, err = p.HandedIn(t.Context(), s.idToken(func(c map[string]any) { c["aud"], c["azp"] = []string{"app", "curfew"}, "curfew" }), "nonce-1")
	wantCheck(t, err, Refused, "azp")
	_, err = p.HandedIn(t.Context(), s.idToken(func(c map[string]any) { c["aud"], c["iss"] = "app", "https://other.example" }), "nonce-1")
	wantCheck(t, err, Refused, "iss")
	if !p.State().Up {
		t.Errorf("a token that somebody made up says nothing of the provider: %+v", p.State())
	}

	off := s.provider(func(c *Config) { c.HandInAudience = "" })
	_, err = off.HandedIn(t.Context(), raw, "nonce-1")
	want(t, err, Misconfigured, CauseUnauthorizedClient)
	_, err = off.HandedIn(t.Context(), s.idToken(func(c map[string]any) { c["aud"] = "" }), "nonce-1")
	want(t, err, Misconfigured, CauseUnauthorizedClient)
}

// A redirect of the token endpoint would carry the code, the refresh token and the secret elsewhere.
func TestTokenEndpointDoesNotRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := newScripted(t)
		elsewhere := newScripted(t)
		s.onToken(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL+"/token", status) })
		p := s.provider(nil)
		_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
		want(t, err, Misconfigured, CauseClientError)
		_, err = p.Redeem(t.Context(), code1)
		want(t, err, Misconfigured, CauseClientError)
		if elsewhere.asked() != 0 {
			t.Errorf("status %d was followed", status)
		}
	}
}

// A caller who leaves is told so, and it is no fault of the provider.
func TestCancelled(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	var cancel context.CancelFunc
	s.onToken(func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	ctx, first := context.WithCancel(t.Context())
	defer first()
	cancel = first
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Refresh(ctx, s.refresh(), dontKeep(t)); err != context.Canceled {
		t.Errorf("refresh: %v", err)
	}
	ctx, second := context.WithCancel(t.Context())
	defer second()
	cancel = second
	if _, err := p.Redeem(ctx, code1); err != context.Canceled {
		t.Errorf("redeem: %v", err)
	}
	if !p.State().Up {
		t.Errorf("state: %+v", p.State())
	}
	fresh := s.provider(nil)
	if _, err := fresh.AuthURL(ctx, request1); err != context.Canceled {
		t.Errorf("discovery: %v", err)
	}
}

func TestNoRefreshToken(t *testing.T) {
	s := newScripted(t)
	in := s.refresh()
	in.Token = ""
	_, err := s.provider(nil).Refresh(t.Context(), in, dontKeep(t))
	want(t, err, Misconfigured, CauseInvalidRequest)
}
