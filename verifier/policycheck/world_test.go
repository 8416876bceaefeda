package policycheck_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

const (
	clinicIssuer = "https://login.example"
	bankIssuer   = "https://bank-login.example"
)

func environment(id string) settings.Environment {
	return settings.Environment{ID: id, Origin: "https://" + id + ".example",
		Settings: policy.Settings{SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute},
		Check:    settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: 24 * time.Hour}}
}

var clinic, bank = environment("clinic"), environment("bank")

// world is a store, and providers for it. It lives within one synctest bubble.
type world struct {
	t     *testing.T
	dir   string
	store session.Store
	of    map[string]*op // by environment ID

	mu     sync.Mutex
	events []audit.Event
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), of: map[string]*op{"clinic": newOP(t, clinicIssuer)}}
	w.store = w.open(w.dir)
	return w
}

func (w *world) open(dir string) session.Store {
	w.t.Helper()
	store, err := embedded.Open(w.t.Context(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { store.Close() })
	return store
}

// replica is one verifier process.
type replica struct {
	*world
	*policycheck.Checker
	engine *engine.Engine
	store  session.Store
	log    *lines
	ended  chan struct{} // closed when Run has returned
	stop   func()

	mu     sync.Mutex
	counts map[policycheck.Outcome]int
}

type option func(*policycheck.Config, *engine.Config)

func at(rate float64, concurrency int) option {
	return func(c *policycheck.Config, _ *engine.Config) { c.Rate, c.Concurrency = rate, concurrency }
}

func over(store session.Store) option {
	return func(_ *policycheck.Config, c *engine.Config) { c.Store = store }
}

func withKey(of byte) option {
	return func(_ *policycheck.Config, c *engine.Config) { c.Ring = ring(of) }
}

func ring(of byte) *keyring.Ring {
	r, err := keyring.New(bytes.Repeat([]byte{of}, keyring.SecretSize))
	if err != nil {
		panic(err)
	}
	return r
}

// replica starts a verifier's checks.
func (w *world) replica(options ...option) *replica {
	w.t.Helper()
	r := w.idle(options...)
	ctx, stop := context.WithCancel(w.t.Context())
	r.stop = stop
	go func() {
		r.Run(ctx, r.engine)
		close(r.ended)
	}()
	w.t.Cleanup(func() { stop(); <-r.ended })
	return r
}

// idle is a verifier whose checks have not begun.
func (w *world) idle(options ...option) *replica {
	w.t.Helper()
	r := &replica{world: w, log: &lines{}, ended: make(chan struct{}), counts: map[policycheck.Outcome]int{}}
	c := policycheck.Config{
		Rate: 20, Concurrency: 8, Now: time.Now, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Count: func(_ string, outcome policycheck.Outcome) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.counts[outcome]++
		},
	}
	providers := map[string]*provider.Provider{}
	for id, o := range w.of {
		providers[id] = o.provider()
	}
	e := engine.Config{Store: w.store, Ring: ring(7), Now: time.Now, Random: rand.Reader, Renewal: policy.MaxCookieRenewal,
		Record: func(e audit.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}}
	for _, option := range options {
		option(&c, &e)
	}
	checker, err := policycheck.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	checker.Serve(providers)
	e.Checks = checker
	r.Checker, r.store = checker, e.Store
	if r.engine, err = engine.New(e); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (r *replica) counted(outcome policycheck.Outcome) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[outcome]
}

// signIn begins a session of a user of an environment.
func (r *replica) signIn(env settings.Environment, subject string, stay bool) session.ID {
	r.t.Helper()
	o := r.of[env.ID]
	idToken, refresh := o.signIn(subject)
	s, _, err := r.engine.Begin(context.Background(), env, engine.SignIn{
		Who:          session.Identity{Issuer: o.issuer, Subject: subject, AuthTime: time.Now().Unix(), IDToken: idToken},
		RefreshToken: refresh, Stay: stay,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return s.ID
}

// many signs in many users at once.
func (r *replica) many(env settings.Environment, n int) []session.ID {
	r.t.Helper()
	ids := make([]session.ID, n)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() { ids[i] = r.signIn(env, fmt.Sprintf("user-%04d", i), i%2 == 1) })
	}
	all.Wait()
	return ids
}

// beat asks as a heartbeat does.
func (r *replica) beat(env settings.Environment, ids ...session.ID) (all []<-chan struct{}) {
	r.t.Helper()
	for _, id := range ids {
		s, ok := r.session(id)
		if now := time.Now().UnixMilli(); ok && !s.State.Ended(now) && s.Check.Next <= now {
			all = append(all, r.Ask(env, id, 0))
		}
	}
	return all
}

// live lets time pass with a heartbeat a minute of each session. Not all browsers beat at the same moment.
func (r *replica) live(env settings.Environment, length time.Duration, ids ...session.ID) {
	r.t.Helper()
	const parts = 6
	for end, part := time.Now().Add(length), 0; time.Now().Before(end); part++ {
		time.Sleep(min(time.Minute/parts, time.Until(end)))
		for i := part % parts; i < len(ids); i += parts {
			r.beat(env, ids[i])
		}
	}
	synctest.Wait()
}

func (r *replica) session(id session.ID) (session.Session, bool) {
	r.t.Helper()
	s, ok, err := r.store.Get(context.Background(), id, time.Now().UnixMilli())
	if err != nil {
		r.t.Fatal(err)
	}
	return s, ok
}

// ended is the reason for which a session has ended by now, or empty.
func (r *replica) reason(id session.ID) wire.Reason {
	r.t.Helper()
	s, ok := r.session(id)
	if !ok {
		return "gone"
	}
	if ends, reason := s.State.Ends(); time.Now().UnixMilli() >= ends {
		return reason
	}
	return ""
}

// check asks for one session's check and waits for it.
func (r *replica) check(env settings.Environment, id session.ID) {
	r.t.Helper()
	s, ok := r.session(id)
	if now := time.Now().UnixMilli(); !ok || s.Check.Next > now {
		time.Sleep(time.Duration(s.Check.Next-now) * time.Millisecond)
	}
	<-r.Ask(env, id, 0)
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(text))
}
