package login_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/texts"
)

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

// world is two environments, each with a provider of its own, over one engine and the real embedded store. All clocks stand until
// the test moves them.
type world struct {
	t     testing.TB
	store *gate
	log   *lines
	*engine.Engine
	clinic, bank place
	ring         *keyring.Ring
	login        *login.Login
	options      options

	mu     sync.Mutex
	mux    *http.ServeMux
	now    time.Time
	events []audit.Event
}

// place is an environment with its provider.
type place struct {
	settings.Environment
	at *oidctest.Provider
}

// options change the clinic before it starts.
type options struct {
	login    login.Options
	env      func(*settings.Environment)
	client   func(*oidctest.Client)
	provider oidctest.Options
	handIn   string // the client ID of the application's own sign-in
	register func(*http.ServeMux)
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w := &world{t: t, now: noon, log: &lines{}}
	var inner http.Handler
	serve := func() string {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { inner.ServeHTTP(rw, r) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	w.clinic.Environment, w.bank.Environment = environment("clinic", serve()), environment("bank", serve())
	if o.env != nil {
		o.env(&w.clinic.Environment)
	}
	client := clientFor(w.clinic.Environment)
	if o.client != nil {
		o.client(&client)
	}
	o.provider.Clients, o.provider.Now = []oidctest.Client{client, ownSignIn}, noon
	w.clinic.at = oidctest.Start(t, o.provider)
	w.bank.at = oidctest.Start(t, oidctest.Options{Clients: []oidctest.Client{clientFor(w.bank.Environment)}, Now: noon})

	store, err := embedded.Open(context.Background(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{})
	w.must(err)
	t.Cleanup(func() { store.Close() })
	w.store = &gate{Store: store}
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	w.must(err)
	w.Engine, err = engine.New(engine.Config{Store: w.store, Ring: ring, Now: w.clock, Random: rand.Reader, Renewal: policy.MaxCookieRenewal,
		Record: func(e audit.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}})
	w.must(err)
	w.ring, w.options = ring, o
	w.restart()
	inner = w
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", w.log)
		}
	})
	return w
}

// restart is a verifier that has just started over the same store: it knows nothing of its providers.
func (w *world) restart() {
	w.t.Helper()
	site := api.NewSite("/.curfew/", settings.NewLive(w.clinic.Environment, w.bank.Environment), w.RecordRefusal)
	a := api.New(w.Engine, site)
	mux := http.NewServeMux()
	a.Register(mux, nil)
	providers := map[string]*provider.Provider{}
	for _, p := range []place{w.clinic, w.bank} {
		providers[p.ID] = provider.New(provider.Config{Issuer: p.at.Issuer, ClientID: p.ID, ClientSecret: secretOf(p.ID), Scopes: []string{"profile"},
			Offline: true, Consent: true, HandInAudience: w.options.handIn}, nil, w.clock, nil)
	}
	catalog, err := texts.Load("")
	w.must(err)
	w.login = login.New(login.Config{Engine: w.Engine, Texts: catalog, Site: site, API: a, Ring: w.ring,
		Connect: func(id string) (login.Connection, bool) {
			at, ok := providers[id]
			options := login.Options{}
			if id == "clinic" {
				options = w.options.login
			}
			return login.Connection{Provider: at, Options: options}, ok
		}, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	w.login.Register(mux, nil)
	if w.options.register != nil {
		w.options.register(mux)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mux = mux
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	mux := w.mux
	w.mu.Unlock()
	mux.ServeHTTP(rw, r)
}

func environment(id, origin string) settings.Environment {
	return settings.Environment{ID: id, Origin: origin,
		Settings: policy.Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: time.Hour, InactivityWarning: 2 * time.Minute},
		Check:    settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: policy.Cap}}
}

func secretOf(id string) string { return "the secret of " + id }

func clientFor(env settings.Environment) oidctest.Client {
	return oidctest.Client{ID: env.ID, Secret: secretOf(env.ID), Alg: "ES256", RedirectURIs: []string{env.Origin + "/.curfew/callback"},
		PostLogoutRedirectURIs: []string{env.Origin + "/.curfew/signed-out"},
		BackchannelLogoutURI:   env.Origin + "/.curfew/backchannel-logout", SessionRequired: true}
}

// ownSignIn is the registration of an application that signs people in itself.
var ownSignIn = oidctest.Client{ID: "own-sign-in", Secret: "the secret of the application at the provider", Alg: "ES256",
	RedirectURIs: []string{"https://app.test/callback"}}

const handInSecret = "a secret of the application that nobody can guess"

// ownApplication is what makes an environment one whose application signs people in itself.
func ownApplication() login.Options {
	return login.Options{Application: &login.Application{SecretHash: sha256.Sum256([]byte(handInSecret)), SignIn: "/own/sign-in?from=curfew"}}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass moves every clock.
func (w *world) pass(length time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	w.now = w.now.Add(length)
	now := w.now
	w.mu.Unlock()
	w.clinic.at.SetTime(w.t, now)
	w.bank.at.SetTime(w.t, now)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refusals are the details of the refusals in the audit, with their codes.
func (w *world) refusals() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all strings.Builder
	for _, e := range w.events {
		if e.Kind == audit.Refused {
			fmt.Fprintf(&all, "%s %s: %s\n", e.Environment, e.Code, e.Detail)
		}
	}
	return all.String()
}

// recorded reports whether the audit has an event of that kind that says something.
func (w *world) recorded(kind audit.Kind, says string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.events, func(e audit.Event) bool { return e.Kind == kind && strings.Contains(e.Detail, says) })
}

// sessions are a user's, in order of their beginning.
func (w *world) sessions(at place, sub string) []session.Session {
	w.t.Helper()
	all, err := w.store.ByUser(w.t.Context(), session.User{Environment: at.ID, Issuer: at.at.Issuer, Subject: sub}, w.clock().UnixMilli())
	w.must(err)
	return all
}

// gate is the store, which a test can shut.
type gate struct {
	session.Store
	mu   sync.Mutex
	shut error
}

func (g *gate) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = err
}

func (g *gate) closed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func (g *gate) Get(ctx context.Context, id session.ID, now int64) (session.Session, bool, error) {
	if err := g.closed(); err != nil {
		return session.Session{}, false, err
	}
	return g.Store.Get(ctx, id, now)
}

func (g *gate) Mark(ctx context.Context, key session.Key, until, now int64) (int64, bool, error) {
	if err := g.closed(); err != nil {
		return 0, false, err
	}
	return g.Store.Mark(ctx, key, until, now)
}

func (g *gate) Marked(ctx context.Context, key session.Key, now int64) (int64, bool, error) {
	if err := g.closed(); err != nil {
		return 0, false, err
	}
	return g.Store.Marked(ctx, key, now)
}

// lines collects the log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
