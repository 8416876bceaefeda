package provider

import (
	"context"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	callback  = "http://localhost:9/callback"
	afterward = "http://localhost:9/bye"
	aliceKey  = "correct horse"
	bobKey    = "battery staple"
)

// world is a provider, a relying party made of go-oidc and x/oauth2, and a clock.
type world struct {
	t      *testing.T
	p      *Provider
	issuer string
	clock  atomic.Int64 // milliseconds since the Unix epoch
	rp     *oidc.Provider
	oauth  oauth2.Config
	inbox  *inbox
}

func newWorld(t *testing.T, path string) *world {
	t.Helper()
	w := &world{t: t, inbox: newInbox(t)}
	// Years away from the process's clock, to show that nothing depends on it.
	w.clock.Store(time.Date(2031, 3, 4, 9, 30, 0, 250_000_000, time.UTC).UnixMilli())
	srv := httptest.NewUnstartedServer(nil)
	w.issuer = "http://" + srv.Listener.Addr().String() + path
	var err error
	w.p, err = New(Config{
		Issuer: w.issuer, Now: w.now, ShowHints: true, Admin: true, Logger: slog.New(slog.DiscardHandler),
		Clients: []Client{
			{ID: "clinic", Name: "Test Clinic", Secret: "s3cret", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{afterward},
				BackchannelLogoutURI: w.inbox.url + "/clinic"},
			{ID: "other", Secret: "0ther", RedirectURIs: []string{callback}, BackchannelLogoutURI: w.inbox.url + "/other"},
			{ID: "public", RedirectURIs: []string{callback}},
		},
		Users: []User{
			{Name: "alice", Password: aliceKey, DisplayName: "Alice Example", Email: "alice@example.test"},
			{Name: "bob", Password: bobKey, DisplayName: "Bob Example", Email: "bob@example.test"},
		},
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	srv.Config.Handler = w.p
	srv.Start()
	t.Cleanup(srv.Close)
	if w.rp, err = oidc.NewProvider(t.Context(), w.issuer); err != nil {
		t.Fatalf("discovery with go-oidc: %v", err)
	}
	w.oauth = oauth2.Config{ClientID: "clinic", ClientSecret: "s3cret", RedirectURL: callback,
		Endpoint: w.rp.Endpoint(), Scopes: []string{"openid", "profile", "email"}}
	return w
}

func (w *world) now() time.Time          { return time.UnixMilli(w.clock.Load()) }
func (w *world) advance(d time.Duration) { w.clock.Add(d.Milliseconds()) }

// browser keeps cookies and follows redirects until one leaves the provider.
type browser struct {
	w *world
	c *http.Client
}

var errLeft = errors.New("left the provider")

func (w *world) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w, &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "localhost:9" {
			return errLeft
		}
		return nil
	}}}
}

// page is where a browser ended up: on a page of the provider, or at left, the
// address outside it.
type page struct {
	status int
	header http.Header
	body   string
	left   *url.URL
}

func (b *browser) do(r *http.Request) page {
	b.w.t.Helper()
	res, err := b.c.Do(r)
	if err != nil {
		ue := (*url.Error)(nil)
		if !errors.As(err, &ue) || !errors.Is(err, errLeft) {
			b.w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
		}
		left, err := res.Location()
		if err != nil {
			b.w.t.Fatalf("redirect without location: %v", err)
		}
		return page{status: res.StatusCode, header: res.Header, left: left}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return page{status: res.StatusCode, header: res.Header, body: string(body)}
}

func (b *browser) get(address string) page {
	b.w.t.Helper()
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(address string, values url.Values) page {
	b.w.t.Helper()
	r, err := http.NewRequest("POST", address, strings.NewReader(values.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

var (
	hidden   = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	action   = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	password = regexp.MustCompile(`<input id="password" name="password" type="password"`)
)

func (p page) hasForm() bool { return password.MatchString(p.body) }

// submit fills the page's form in as a browser without scripts would.
func (b *browser) submit(p page, more url.Values) page {
	b.w.t.Helper()
	to := action.FindStringSubmatch(p.body)
	if to == nil {
		b.w.t.Fatalf("no form on page %d: %s", p.status, p.body)
	}
	values := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		values.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	for k, v := range more {
		values[k] = v
	}
	origin, _ := url.Parse(b.w.issuer)
	return b.post(origin.Scheme+"://"+origin.Host+html.UnescapeString(to[1]), values)
}

func (b *browser) enter(p page, name, password string) page {
	b.w.t.Helper()
	return b.submit(p, url.Values{"username": {name}, "password": {password}})
}

// attempt is one sign-in of the relying party.
type attempt struct {
	state, nonce, verifier string
	address                string
}

func (w *world) begin(opts ...oauth2.AuthCodeOption) attempt {
	a := attempt{state: rand8(w), nonce: rand8(w), verifier: oauth2.GenerateVerifier()}
	opts = append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.verifier), oidc.Nonce(a.nonce)}, opts...)
	a.address = w.oauth.AuthCodeURL(a.state, opts...)
	return a
}

func rand8(w *world) string {
	s, err := w.p.state.secret()
	if err != nil {
		w.t.Fatal(err)
	}
	return s[:8]
}

// claims are those that Curfew's own sign-in relies on.
type claims struct {
	Nonce    string `json:"nonce"`
	AuthTime int64  `json:"auth_time"`
	SID      string `json:"sid"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	User     string `json:"preferred_username"`
}

// finish exchanges the code at the end of p and verifies the ID token with the
// provider's clock.
func (w *world) finish(a attempt, p page) (*oauth2.Token, *oidc.IDToken, claims) {
	w.t.Helper()
	if p.left == nil {
		w.t.Fatalf("still on a page of the provider, status %d: %s", p.status, p.body)
	}
	q := p.left.Query()
	if q.Get("error") != "" || q.Get("state") != a.state || !strings.HasPrefix(p.left.String(), callback+"?") {
		w.t.Fatalf("callback was %s, want code and state %q", p.left, a.state)
	}
	token, err := w.oauth.Exchange(w.t.Context(), q.Get("code"), oauth2.VerifierOption(a.verifier))
	if err != nil {
		w.t.Fatalf("exchange: %v", err)
	}
	id, c := w.verify(w.t.Context(), token)
	if c.Nonce != a.nonce {
		w.t.Errorf("nonce is %q, want %q", c.Nonce, a.nonce)
	}
	return token, id, c
}

func (w *world) verify(ctx context.Context, token *oauth2.Token) (*oidc.IDToken, claims) {
	w.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := w.rp.Verifier(&oidc.Config{ClientID: w.oauth.ClientID, Now: w.now}).Verify(ctx, raw)
	if err != nil {
		w.t.Fatalf("verify ID token: %v", err)
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		w.t.Fatalf("read claims: %v", err)
	}
	return id, c
}
