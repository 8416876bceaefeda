package policycheck_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-project/curfew/verifier/provider"
)

// op is an OpenID provider with refresh tokens, reached without a network so that it lives in a test's virtual time. Everything
// between it and the checker is the real thing.
type op struct {
	t      testing.TB
	issuer string

	mu       sync.Mutex
	key      *ecdsa.PrivateKey
	kid      int
	users    map[string]string // by refresh token
	spent    map[string]bool   // refresh tokens that were rotated: using one again ends the family, as RFC 9700 section 4.14.2 asks
	rotate   bool
	disabled map[string]bool
	says     map[string]string // whom the ID token is of, where it is another than the one who asks
	token    http.HandlerFunc  // in place of the token endpoint's own, if not nil
	before   func()            // runs before a key set is answered
	takes    time.Duration     // how long an answer of the token endpoint takes

	asked []time.Time // when the token endpoint was asked
	sent  []string    // the refresh tokens that were sent
	made  int
}

func newOP(t testing.TB, issuer string) *op {
	o := &op{t: t, issuer: issuer, users: map[string]string{}, spent: map[string]bool{}, disabled: map[string]bool{}, says: map[string]string{}}
	o.newKey()
	return o
}

// newKey is a restart with new keys.
func (o *op) newKey() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.key, o.kid = key, o.kid+1
}

// set changes the provider under its lock.
func (o *op) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *op) requests() []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]time.Time(nil), o.asked...)
}

func (o *op) client() *http.Client { return &http.Client{Transport: o} }

// RoundTrip serves a request; the answer comes when it is ready, or never if the request's time is up before.
func (o *op) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		o.serve(w, r)
		answered <- w.Result()
	}()
	select {
	case answer := <-answered:
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (o *op) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		write(w, http.StatusOK, map[string]any{
			"issuer": o.issuer, "authorization_endpoint": o.issuer + "/authorize", "token_endpoint": o.issuer + "/token",
			"jwks_uri": o.issuer + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case "/jwks":
		o.mu.Lock()
		before, key, kid := o.before, o.key, o.kid
		o.mu.Unlock()
		if before != nil {
			before()
		}
		write(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: fmt.Sprint(kid), Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		o.mu.Lock()
		o.asked = append(o.asked, time.Now())
		o.sent = append(o.sent, r.FormValue("refresh_token"))
		instead, takes := o.token, o.takes
		o.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		select {
		case <-time.After(takes):
		case <-r.Context().Done():
			return
		}
		o.refresh(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (o *op) refresh(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	token := r.FormValue("refresh_token")
	subject, known := o.users[token]
	if o.spent[token] {
		for other, of := range o.users {
			if of == subject {
				delete(o.users, other)
			}
		}
		known = false
	}
	if !known || o.disabled[subject] || r.FormValue("grant_type") != "refresh_token" {
		write(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	next := token
	if o.rotate {
		next = o.newToken(subject)
		o.spent[token] = true
	}
	if other := o.says[subject]; other != "" {
		subject = other
	}
	write(w, http.StatusOK, map[string]any{
		"access_token": "access", "token_type": "Bearer", "refresh_token": next, "id_token": o.idToken(subject),
	})
}

func (o *op) newToken(subject string) string {
	o.made++
	token := fmt.Sprintf("refresh-%s-%d", subject, o.made)
	o.users[token] = subject
	return token
}

func (o *op) idToken(subject string) string {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": o.issuer, "aud": "records", "sub": subject, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	token.Header["kid"] = fmt.Sprint(o.kid)
	text, err := token.SignedString(o.key)
	if err != nil {
		o.t.Error(err)
	}
	return text
}

// signIn is what the provider gives when a user signs in.
func (o *op) signIn(subject string) (idToken, refreshToken string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.idToken(subject), o.newToken(subject)
}

func (o *op) provider() *provider.Provider {
	return provider.New(provider.Config{Issuer: o.issuer, ClientID: "records"}, o.client(), time.Now, nil)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuses(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { write(w, status, map[string]any{"error": code}) }
}

// hangs never answers.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// most is the greatest number of instants in any second.
func most(at []time.Time) int {
	greatest := 0
	for i, from := range at {
		n := 0
		for _, other := range at[i:] {
			if other.Sub(from) < time.Second {
				n++
			}
		}
		greatest = max(greatest, n)
	}
	return greatest
}
