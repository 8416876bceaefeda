// Package access_test runs the whole verifier against a certified identity provider that nobody here wrote (npm oidc-provider),
// and shows rows A5 to A8 and B1 to B5 as an operator would see them: what the provider does, which reason the session ends with,
// when, and what the audit says.
package access_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/server"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const (
	clientID     = "records"
	clientSecret = "a secret of the client that nobody guesses"
)

// world is a verifier with one environment and its provider. All clocks stand until the test moves them.
type world struct {
	t        *testing.T
	origin   string
	at       *oidctest.Provider
	verifier *server.Server
	log      *journal
	options  options
	data     string
	stop     func()

	mu      sync.Mutex
	now     time.Time
	handler http.Handler
}

type options struct {
	provider oidctest.Options
	client   func(*oidctest.Client)
	settings string        // YAML lines of the environment, each with four spaces
	patience time.Duration // how long an answer of the provider is waited for
	rate     string
	askStay  bool
}

func start(t *testing.T, o options) *world {
	t.Helper()
	w := &world{t: t, now: nine, options: o, data: t.TempDir(), log: newJournal()}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		handler := w.handler
		w.mu.Unlock()
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.origin = front.URL
	client := oidctest.Client{
		ID: clientID, Secret: clientSecret, RedirectURIs: []string{w.origin + "/.curfew/callback"},
		PostLogoutRedirectURIs: []string{w.origin + "/.curfew/signed-out"},
		BackchannelLogoutURI:   w.origin + "/.curfew/backchannel-logout", SessionRequired: true,
	}
	if o.client != nil {
		o.client(&client)
	}
	o.provider.Clients, o.provider.Now = []oidctest.Client{client}, nine
	w.at = oidctest.Start(t, o.provider)
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			t.Logf("the verifier's log:\n%s", w.log)
		}
	})
	w.boot()
	return w
}

// punctual is random but for where in the interval's last tenth the next check is due, which takes four bytes: at the interval's
// end, so that a test knows when to wait for it.
type punctual struct{}

func (punctual) Read(p []byte) (int, error) {
	if len(p) == 4 {
		clear(p)
		return len(p), nil
	}
	return rand.Read(p)
}

// boot starts the verifier on its data, as after a restart.
func (w *world) boot() {
	w.t.Helper()
	secret := filepath.Join(w.data, "client-secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		w.t.Fatal(err)
	}
	rate := w.options.rate
	if rate == "" {
		rate = "{rate: 10000, concurrency: 8}" // the clock stands, so the rate would only add up
	}
	text := fmt.Sprintf(`
data: %q
policy_checks: %s
environments:
  - id: records
    origin: %s
    provider: {issuer: %q, client_id: %s, client_secret_file: %q, stay_signed_in: {ask: %t}}
%s`, filepath.Join(w.data, "store"), rate, w.origin, w.at.Issuer, clientID, secret, w.options.askStay, w.options.settings)
	c, err := config.Parse([]byte(text))
	if err != nil {
		w.t.Fatalf("%s\n%v", text, err)
	}
	patience := w.options.patience
	if patience == 0 {
		patience = 20 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.verifier, err = server.New(ctx, c, server.Options{
		Now: w.clock, Random: punctual{}, Log: slog.New(w.log),
		Client: &http.Client{Timeout: patience, Transport: &http.Transport{}},
	})
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); w.verifier.Run(ctx) }()
	w.stop = func() {
		cancel()
		<-done
		if err := w.verifier.Close(); err != nil {
			w.t.Error(err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handler = w.verifier.Public()
}

// restart stops the verifier and starts it again on the same data.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.boot()
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time pass for the verifier and the provider.
func (w *world) pass(length time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	w.now = w.now.Add(length)
	now := w.now
	w.mu.Unlock()
	w.at.SetTime(w.t, now)
}

// person is somebody with a browser.
type person struct {
	*apitest.Visitor
	w       *world
	browser *oidctest.Browser
	user    oidctest.User
}

func (w *world) person(user oidctest.User) *person {
	w.t.Helper()
	return &person{apitest.New(w.t, w.origin), w, oidctest.NewBrowser(), user}
}

// signIn signs in and reports whether the provider asked for the password. The form is what the sign-in page posts.
func (p *person) signIn(form url.Values) (asked bool) {
	p.w.t.Helper()
	answer, asked := p.comeBack(form)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" || p.Cookie("curfew") == "" {
		p.w.t.Fatalf("the callback answered %d to %q: %s", answer.StatusCode, answer.Header.Get("Location"), answer.Body)
	}
	return asked
}

// comeBack goes to the provider and back, once more where the verifier wants credentials, and returns its last answer.
func (p *person) comeBack(form url.Values) (answer apitest.Answer, asked bool) {
	p.w.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	var to wire.Redirect
	p.Decode(p.Begin(form), &to)
	for range 2 {
		callback, password := oidctest.Authorize(p.w.t, p.browser, to.Location, p.user.Username, p.user.Password)
		answer, asked = p.Get(callback), asked || password
		if to.Location = answer.Header.Get("Location"); !strings.HasPrefix(to.Location, p.w.at.Issuer) {
			break
		}
	}
	return answer, asked
}

// signedIn is a person with a session.
func (w *world) signedIn(user oidctest.User) *person {
	w.t.Helper()
	p := w.person(user)
	p.signIn(nil)
	return p
}

// beat sends a heartbeat that must be accepted.
func (p *person) beat() wire.Reply {
	p.w.t.Helper()
	reply, refusal := p.Heartbeat()
	if refusal.Error != "" {
		p.w.t.Fatalf("a heartbeat at %s: %+v", p.w.clock().Format(time.TimeOnly), refusal)
	}
	return reply
}

// keepOn is a person at work for a length of time, with a heartbeat every five minutes.
func (p *person) keepOn(length time.Duration) {
	p.w.t.Helper()
	for end := p.w.clock().Add(length); p.w.clock().Before(end); {
		p.w.pass(min(5*time.Minute, end.Sub(p.w.clock())))
		p.beat()
	}
}

// await returns when the audit has the n-th entry of a kind.
func (w *world) await(kind audit.Kind, n int) []entry {
	w.t.Helper()
	return w.log.await(w.t, string(kind), n)
}
