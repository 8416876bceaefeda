package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// signInOffline returns the tokens of a sign-in that asked for offline_access.
func (w *world) signInOffline(b *browser) (*oauth2.Token, claims) {
	w.t.Helper()
	w.oauth.Scopes = []string{"openid", "profile", "offline_access"}
	a := w.begin()
	token, _, c := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
	if token.RefreshToken == "" {
		w.t.Fatal("no refresh token although offline_access was asked")
	}
	return token, c
}

func (w *world) refresh(secret string) (*oauth2.Token, error) {
	return w.oauth.TokenSource(w.t.Context(), &oauth2.Token{RefreshToken: secret}).Token()
}

// A5: a refresh gives a fresh ID token of the same sign-in, and a new refresh token.
func TestRefreshRotates(t *testing.T) {
	w := newWorld(t, "")
	token, first := w.signInOffline(w.newBrowser())
	seen := map[string]bool{token.RefreshToken: true}
	for i := range 3 {
		w.advance(time.Hour)
		next, err := w.refresh(token.RefreshToken)
		if err != nil {
			t.Fatalf("refresh %d: %v", i, err)
		}
		if seen[next.RefreshToken] {
			t.Fatalf("refresh %d returned a token that was there before", i)
		}
		seen[next.RefreshToken] = true
		id, c := w.verify(t.Context(), next)
		if c.AuthTime != first.AuthTime || c.SID != first.SID || id.IssuedAt.Unix() != w.now().Unix() {
			t.Errorf("refresh %d: auth_time %d sid %q iat %v; want %d, %q, %v", i, c.AuthTime, c.SID, id.IssuedAt, first.AuthTime, first.SID, w.now())
		}
		token = next
	}
}

// RFC 9700, section 4.14.2.
func TestReusedRefreshTokenEndsTheFamily(t *testing.T) {
	w := newWorld(t, "")
	one, _ := w.signInOffline(w.newBrowser())
	two, err := w.refresh(one.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.refresh(one.RefreshToken); err == nil {
		t.Error("a used refresh token was accepted")
	}
	if _, err := w.refresh(two.RefreshToken); err == nil {
		t.Error("the family lives on after a used token was presented")
	}
	if _, err := w.rp.UserInfo(t.Context(), oauth2.StaticTokenSource(two)); err == nil {
		t.Error("the family's access token still works")
	}
}

func TestRefreshRefusals(t *testing.T) {
	tests := map[string]func(w *world, secret string) string{
		"unknown":  func(_ *world, secret string) string { return secret + "x" },
		"expired":  func(w *world, secret string) string { w.advance(RefreshLifetime); return secret },
		"disabled": func(w *world, secret string) string { w.p.SetDisabled("alice", true); return secret },
		"other client": func(w *world, secret string) string {
			w.oauth.ClientID, w.oauth.ClientSecret = "other", "0ther"
			return secret
		},
		"wrong secret": func(w *world, secret string) string { w.oauth.ClientSecret = "guess"; return secret },
		"revoked": func(w *world, secret string) string {
			p := w.newBrowser().post(w.issuer+"/revoke", url.Values{"token": {secret}, "client_id": {"clinic"}, "client_secret": {"s3cret"}})
			if p.status != http.StatusOK {
				w.t.Fatalf("revoke gave %d: %s", p.status, p.body)
			}
			return secret
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			token, _ := w.signInOffline(w.newBrowser())
			secret := change(w, token.RefreshToken)
			_, err := w.refresh(secret)
			if err == nil {
				t.Fatal("refused nothing")
			}
			if refused, ok := err.(*oauth2.RetrieveError); !ok || refused.ErrorCode != "invalid_grant" && refused.ErrorCode != "invalid_client" {
				t.Errorf("error is %v", err)
			}
		})
	}
	t.Run("another client cannot revoke", func(t *testing.T) {
		w := newWorld(t, "")
		token, _ := w.signInOffline(w.newBrowser())
		w.newBrowser().post(w.issuer+"/revoke", url.Values{"token": {token.RefreshToken}, "client_id": {"other"}, "client_secret": {"0ther"}})
		if _, err := w.refresh(token.RefreshToken); err != nil {
			t.Errorf("the token was revoked: %v", err)
		}
	})
}

// P8: no input makes the token endpoint panic; every refusal is an OAuth error.
func TestTokenEndpointBadInput(t *testing.T) {
	w := newWorld(t, "")
	tests := []struct {
		name, body, auth, want string
		status                 int
	}{
		{"empty", "", "", "invalid_request", 400},
		{"not a form", "%zz=%", "", "invalid_request", 400},
		{"bad escape in Basic", "grant_type=authorization_code&code=x", "%zz:x", "invalid_client", 401},
		{"bad escape in Basic, refresh", "grant_type=refresh_token&refresh_token=x", "x:%zz", "invalid_client", 401},
		{"unknown code", "grant_type=authorization_code&code=x", "clinic:s3cret", "invalid_grant", 400},
		{"no code", "grant_type=authorization_code", "clinic:s3cret", "invalid_request", 400},
		{"JWT grant", "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c", "", "unsupported_grant_type", 400},
		{"JWT client", "grant_type=refresh_token&refresh_token=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=a.b.c", "", "", 400},
		{"twice", "grant_type=refresh_token&grant_type=authorization_code", "clinic:s3cret", "invalid_request", 400},
		{"too large", "grant_type=refresh_token&x=" + strings.Repeat("y", maxBody), "", "invalid_request", 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := http.NewRequest("POST", w.issuer+"/oauth/token", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if id, secret, ok := strings.Cut(tt.auth, ":"); ok {
				r.SetBasicAuth(id, secret)
			}
			p := w.newBrowser().do(r)
			if p.status != tt.status || !strings.Contains(p.body, `"error":"`+tt.want) {
				t.Errorf("got %d %s, want %d %s", p.status, p.body, tt.status, tt.want)
			}
		})
	}
}
