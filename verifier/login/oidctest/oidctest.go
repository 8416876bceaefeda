// Package oidctest runs a certified OpenID provider that nobody here wrote, npm oidc-provider, for tests: with people and clients, a
// clock that the test moves, and everything that can go wrong at a provider. It also has the browser that signs people in there.
//
// All providers of a test binary share one process of Node.js, which ends with the binary. Each has its own listener, keys, people,
// memory and time, so tests can run in parallel. Start must not be called in a testing/synctest bubble.
package oidctest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Client is an application's registration at the provider. Code with PKCE (S256) is the only flow, and PKCE is required.
type Client struct {
	ID                     string   `json:"id"`
	Secret                 string   `json:"secret"`               // empty for a public client
	AuthMethod             string   `json:"authMethod,omitempty"` // client_secret_basic (default) or client_secret_post
	RedirectURIs           []string `json:"redirectURIs"`
	PostLogoutRedirectURIs []string `json:"postLogoutRedirectURIs"`

	// BackchannelLogoutURI is where the provider sends logout tokens; empty for nowhere.
	BackchannelLogoutURI string `json:"backchannelLogoutURI"`
	// SessionRequired is backchannel_logout_session_required (OpenID Connect Back-Channel Logout section 2.2). With it, and with a
	// BackchannelLogoutURI, ID tokens and logout tokens carry sid. Without it neither does, and a logout token has only sub.
	SessionRequired bool `json:"sessionRequired"`

	RequireAuthTime bool   `json:"requireAuthTime"` // auth_time in ID tokens even where neither max_age nor prompt=login was sent
	Alg             string `json:"alg,omitempty"`   // signs ID tokens and logout tokens: ES256 (default), or RS256, whose keys take longer to make
	NoRefresh       bool   `json:"noRefresh"`       // no refresh tokens
	Offline         bool   `json:"offline"`         // refresh tokens outlive the person's session at the provider, as with the scope offline_access
}

// User is a person. Names and e-mail addresses are in ID tokens where the scopes profile and email were granted.
type User struct {
	Sub      string         `json:"sub"`
	Username string         `json:"username"`
	Password string         `json:"password"`
	Name     string         `json:"name"`
	Email    string         `json:"email,omitempty"`
	Claims   map[string]any `json:"claims,omitempty"` // more claims, in each of the person's ID tokens
}

// Alice is one of the two people whom a provider knows by default.
func Alice() User {
	return User{Sub: "sub-alice", Username: "alice", Password: "alice knows this", Name: "Alice Example", Email: "alice@app.test"}
}

// Bob is the other.
func Bob() User {
	return User{Sub: "sub-bob", Username: "bob", Password: "bob knows this", Name: "Bob Example", Email: "bob@app.test"}
}

// Options is what cannot be changed once a provider has started.
type Options struct {
	Clients []Client
	Users   []User // default: Alice and Bob

	// Now is where the provider's clock stands until SetTime moves it. Zero: it runs with the machine's clock.
	Now time.Time

	NoRotation       bool          // refresh tokens are used again and again; see also SetRotation
	NoEndSession     bool          // no RP-initiated logout, and no address for it in the discovery document
	IDTokenLife      time.Duration // default one hour
	RefreshTokenLife time.Duration // default 90 days from when it was issued; a rotated one begins anew
	SessionLife      time.Duration // of a browser's session at the provider since it was last used, default 365 days
}

func (o Options) args() map[string]any {
	users := o.Users
	if users == nil {
		users = []User{Alice(), Bob()}
	}
	seconds := func(d, otherwise time.Duration) int64 {
		if d == 0 {
			d = otherwise
		}
		return int64(d / time.Second)
	}
	args := map[string]any{
		"clients": append([]Client{}, o.Clients...), "users": users, "noRotation": o.NoRotation, "noEndSession": o.NoEndSession,
		"idTokenLife":      seconds(o.IDTokenLife, time.Hour),
		"refreshTokenLife": seconds(o.RefreshTokenLife, 90*24*time.Hour),
		"sessionLife":      seconds(o.SessionLife, 365*24*time.Hour),
	}
	if !o.Now.IsZero() {
		args["time"] = o.Now.UnixMilli()
	}
	return args
}

// Provider is a running OpenID provider. Its methods can be called from several goroutines, and end the test with t.Fatal when the
// provider's process does not do as it is told.
type Provider struct {
	// Issuer is the provider's issuer and the origin of all its addresses: http://127.0.0.1 with a port of its own.
	Issuer string

	id      int
	process *process
}

// Start starts a provider and ends it with the test, printing what its process had to say if the test failed. Where Node.js or the
// module is missing, the test fails or, with CURFEW_SKIP_MISSING=1, is skipped.
func Start(t testing.TB, options Options) *Provider {
	t.Helper()
	running, err := shared()
	if err != nil {
		var missing missingError
		if !errors.As(err, &missing) {
			t.Fatal(err)
		}
		needs.Lack(t, err, "run `make tools`")
	}
	said := running.stderr.Len()
	p := &Provider{id: running.nextID(), process: running}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the provider's process said:\n%s", running.stderr.Since(said))
		}
	})
	var started struct{ Issuer string }
	p.do(t, "start", options.args(), &started)
	p.Issuer = started.Issuer
	t.Cleanup(func() { p.do(t, "end", nil, nil) })
	return p
}

func (p *Provider) do(t testing.TB, op string, args map[string]any, result any) {
	t.Helper()
	value, err := p.process.call(p.id, op, args)
	if err == nil && result != nil {
		err = json.Unmarshal(value, result)
	}
	if err != nil {
		t.Fatalf("provider %s, %s: %v", p.Issuer, op, err)
	}
}
