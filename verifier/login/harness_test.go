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
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
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
	site := api.NewSite("/.curfew/", []settings.Environment{w.clinic.Environment, w.bank.Environment}, w.RecordRefusal)
	a := api.New(w.Engine, site)
	mux := http.NewServeMux()
	a.Register(mux)
	providers := map[string]*provider.Provider{}
	for _, p := range []place{w.clinic, w.bank} {
		providers[p.ID] = provider.New(provider.Config{Issuer: p.at.Issuer, ClientID: p.ID, ClientSecret: secretOf(p.ID), Scopes: []string{"profile"},
			Offline: true, Consent: true, HandInAudience: w.options.handIn}, nil, w.clock, nil)
	}
	login.New(login.Config{Engine: w.Engine, Site: site, API: a, Ring: w.ring, Providers: providers,
		Options: map[string]login.Options{"clinic": w.options.login}, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(w.log, nil))}).Register(mux)
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

// person is somebody with a browser, which knows the application and the provider.
type person struct {
	*apitest.Visitor
	w    *world
	at   place
	site *oidctest.Browser // the same browser at the provider
	who  oidctest.User
}

func (w *world) person(at place, who oidctest.User) *person {
	w.t.Helper()
	return &person{apitest.New(w.t, at.Origin), w, at, oidctest.NewBrowser(), who}
}

// begin begins a sign-in, from the page that comes after the question where there is one, and returns where the browser goes.
func (p *person) begin(form url.Values) string {
	p.w.t.Helper()
	page := string(p.Get("/.curfew/sign-in?continue=1&again=1").Body)
	_, after, _ := strings.Cut(page, `data-nonce="`)
	nonce, _, ok := strings.Cut(after, `"`)
	if !ok {
		p.w.t.Fatalf("no nonce in %s", page)
	}
	token := p.Token(p.w.t, proof.Claims{JTI: "jti", HTM: http.MethodPost, HTU: p.At("sign-in"), IAT: 1, Nonce: nonce})
	answer := p.Post("/.curfew/sign-in", form, token)
	var to wire.Redirect
	p.Decode(answer, &to)
	if answer.StatusCode != http.StatusOK {
		p.w.t.Fatalf("sign-in answered %d: %s", answer.StatusCode, answer.Body)
	}
	return to.Location
}

// Authorization begins a sign-in and returns the provider's address.
func (p *person) Authorization(returnTo string) string {
	p.w.t.Helper()
	return p.begin(url.Values{wire.FieldReturnTo: {returnTo}})
}

// callback begins a sign-in and goes through the provider, up to the address that it sends the browser to.
func (p *person) callback(returnTo string) (address string, asked bool) {
	p.w.t.Helper()
	return p.authorize(p.Authorization(returnTo))
}

func (p *person) authorize(authorization string) (address string, asked bool) {
	p.w.t.Helper()
	return oidctest.Authorize(p.w.t, p.site, authorization, p.who.Username, p.who.Password)
}

// signIn signs in, with credentials when they are needed.
func (p *person) signIn() {
	p.w.t.Helper()
	address, _ := p.callback("/patients")
	answer := p.Get(address)
	if to := answer.Header.Get("Location"); answer.StatusCode == http.StatusSeeOther && strings.HasPrefix(to, p.at.at.Issuer) {
		address, _ = p.authorize(to)
		answer = p.Get(address)
	}
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/patients" {
		p.w.t.Fatalf("the callback answered %d to %q:\n%s", answer.StatusCode, answer.Header.Get("Location"), text(answer))
	}
}

func (w *world) signedIn(at place, who oidctest.User) *person {
	w.t.Helper()
	p := w.person(at, who)
	p.signIn()
	p.checkIs(who.Sub)
	return p
}

// checkIs expects what check says of the browser: a user, or the code or reason of the refusal.
func (p *person) checkIs(want string) {
	p.w.t.Helper()
	got, refusal := p.Check()
	if got == "" {
		got = string(refusal.Error)
		if refusal.Reason != "" {
			got = string(refusal.Reason)
		}
	}
	if got != want {
		p.w.t.Errorf("check says %q, want %q", got, want)
	}
}

// refused expects that a callback makes no session and shows a page that says something.
func (p *person) refused(name, address string, status int, says string) {
	p.w.t.Helper()
	before := p.Cookie("curfew")
	answer := p.Get(address)
	if answer.StatusCode != status || !strings.Contains(text(answer), says) {
		p.w.t.Errorf("%s: answered %d, want %d and %q:\n%s", name, answer.StatusCode, status, says, text(answer))
	}
	if p.Cookie("curfew") != before {
		p.w.t.Errorf("%s: a session began", name)
	}
}

// from navigates with a header that only a browser can set.
func (p *person) from(path, key, value string) apitest.Answer {
	p.w.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.Origin+path, nil)
	p.w.must(err)
	request.Header.Set(key, value)
	return p.Do(request)
}

// text is what a page says, without its tags.
func text(answer apitest.Answer) string {
	_, body, _ := strings.Cut(string(answer.Body), "<body>")
	var says strings.Builder
	in := false
	for _, r := range body {
		switch r {
		case '<':
			in = true
		case '>':
			in = false
		default:
			if !in {
				says.WriteRune(r)
			}
		}
	}
	return strings.Join(strings.Fields(says.String()), " ")
}

// change replaces a parameter of an address; an empty value removes it.
func change(t testing.TB, address, key, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(key, value)
	if value == "" {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func param(t testing.TB, address, key string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(key)
}

// isRefusal expects a typed refusal.
func isRefusal(t testing.TB, name string, p *person, answer apitest.Answer, status int, code wire.Code) wire.Refusal {
	t.Helper()
	got := p.Refusal(answer)
	if answer.StatusCode != status || got.Error != code {
		t.Errorf("%s: answered %d %+v, want %d %s", name, answer.StatusCode, got, status, code)
	}
	return got
}
