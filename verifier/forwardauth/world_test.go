package forwardauth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/forwardauth"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

const start = int64(1_800_000_000_000)

var (
	times   = policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute}
	checks  = settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: 24 * time.Hour, Absence: 90 * 24 * time.Hour}
	records = settings.Environment{ID: "records", Origin: "https://records.example", Settings: times, Check: checks}
	bank    = settings.Environment{ID: "bank", Origin: "https://bank.example:8443", Settings: times, Check: checks}
	amara   = session.Identity{Issuer: "https://login.example", Subject: "amara", Name: "Dr Åmara", AuthTime: start/1000 - 60, IDToken: "hint"}
)

var site = api.NewSite("/.curfew/", settings.NewLive(records, bank), func(settings.Environment, wire.Code, string) {})

// world is what reverse proxies ask, over the real engine and store, with a clock that the test sets.
type world struct {
	testing.TB
	engine *engine.Engine
	auth   *forwardauth.ForwardAuth
	http.Handler
	store session.Store
	last  session.ID // of the last sign-in
	now   atomic.Int64
	down  atomic.Bool // the store cannot answer
}

// failing is the store while it can answer, and else none.
type failing struct {
	session.Store
	down *atomic.Bool
}

func (f failing) Get(ctx context.Context, id session.ID, now int64) (session.Session, bool, error) {
	if f.down.Load() {
		return session.Session{}, false, errors.New("no answer")
	}
	return f.Store.Get(ctx, id, now)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t}
	w.now.Store(start)
	store, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	w.engine, err = engine.New(engine.Config{Store: failing{store, &w.down}, Ring: ring, Random: rand.Reader, Renewal: policy.MaxCookieRenewal,
		Now: func() time.Time { return time.UnixMilli(w.now.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	w.store = store
	w.auth = forwardauth.New(w.engine, site, api.New(w.engine, site), func(rw http.ResponseWriter, _ *http.Request, _ settings.Environment, returnTo string, _ error) {
		rw.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(rw, "page for people, back to "+returnTo)
	})
	mux := http.NewServeMux()
	w.auth.Register(mux, nil)
	w.Handler = w.auth.Before(mux)
	return w
}

// cookie is that of a browser that has just signed in.
func (w *world) cookie(env settings.Environment) string {
	w.Helper()
	s, cookie, err := w.engine.Begin(w.Context(), env, engine.SignIn{Who: amara, Key: prooftest.New(w).Thumbprint(), RefreshToken: "refresh"})
	if err != nil {
		w.Fatal(err)
	}
	w.last = s.ID
	return "__Host-curfew=" + cookie
}

// ask sends a request as a proxy does.
func (w *world) ask(method, target, host string, header http.Header) *http.Response {
	request := httptest.NewRequest(method, target, nil)
	request.Host = host
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, request)
	return answer.Result()
}
