package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/admintest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

const start = int64(1_800_000_000_000)

var (
	root    = admin.Actor{Name: "root", All: true}
	clinics = admin.Actor{Name: "clinics", Environments: []string{"clinic"}}
	banks   = admin.Actor{Name: "banks", Environments: []string{"bank"}}
	nobody  = admin.Actor{Name: "nobody"}
)

// world is the administration over the real stores, with a clock and providers that the test sets.
type world struct {
	t testing.TB
	*admin.Admin
	engine   *engine.Engine
	sessions session.Store
	ledger   *ledger.Store
	live     *settings.Live

	mu      sync.Mutex
	now     int64
	silent  map[string]bool // environments whose provider does not answer
	served  []admin.Served
	changed []string
	refuse  error       // what nothing can be prepared for
	stuck   atomic.Bool // the audit's journal does not get on
	path    string      // of the ledger
}

// file is a configuration file with two environments that says nothing of their times.
func file() admin.Base {
	return admin.Base{
		Limits: policy.DefaultLimits(), Providers: []string{"corporate"},
		Made:     settings.Environment{Check: settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: policy.Cap}},
		Reserved: []string{"https://console.example"},
		Environments: []admin.Declared{
			declared("clinic", "https://clinic.example"),
			declared("bank", "https://bank.example", "https://bank-two.example"),
		},
	}
}

func declared(id string, origins ...string) admin.Declared {
	doc := settings.New()
	doc.Origins = origins
	return admin.Declared{Document: doc, Fixed: settings.Environment{ID: id,
		Check: settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: policy.Cap}}}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: start, silent: map[string]bool{}, live: &settings.Live{}}
	dir := t.TempDir()
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	must(t, err)
	w.sessions, err = embedded.Open(context.Background(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	must(t, err)
	t.Cleanup(func() { w.sessions.Close() })
	w.path = filepath.Join(dir, "admin.db")
	w.ledger, err = ledger.Open(context.Background(), w.path, ledger.Options{
		Seal: func(text string) string { return ring.Sign(keyring.AuditEnd, "", []byte(text)) },
		Sealed: func(text, seal string) bool {
			got, err := ring.Open(keyring.AuditEnd, "", seal)
			return err == nil && string(got) == text
		},
	})
	must(t, err)
	t.Cleanup(func() { w.ledger.Close() })
	record := func(e audit.Event) { must(t, w.ledger.Audit().Append(context.Background(), []audit.Event{e})) }
	clock := func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.UnixMilli(w.now)
	}
	w.engine, err = engine.New(engine.Config{Store: w.sessions, Ring: ring, Now: clock, Random: rand.Reader, Renewal: policy.MaxCookieRenewal, Record: record,
		Serves: func(env settings.Environment) bool {
			now, ok := w.live.ByID(env.ID)
			return ok && now.Born == env.Born
		}})
	must(t, err)
	w.Admin, err = admin.New(admin.Config{
		Sessions: w.sessions, Engine: w.engine, Settings: w.ledger.Settings(), Audit: w.ledger.Audit(), Record: record,
		Kept: func(audit.Event) {}, Flush: w.flush, Live: w.live, Now: clock,
		Provider: func(string) (string, string) { return "https://login.example", "reachable" },
		Changed: func(environments ...string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changed = append(w.changed, environments...)
		},
		Reported: func(string) []admin.ReportedPage { return nil },
	})
	must(t, err)
	must(t, w.Load(context.Background(), w.file()))
	return w
}

func (w *world) flush(ctx context.Context) error {
	if w.stuck.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// file is a configuration file of this world.
func (w *world) file() admin.Base {
	base := file()
	locked := func(do func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		do()
	}
	base.Prepare = admintest.Prepare(
		func(environment string) (silent bool) {
			locked(func() { silent = w.silent[environment] })
			return silent
		},
		func() (err error) { locked(func() { err = w.refuse }); return err },
		func(served []admin.Served) { locked(func() { w.served = served }) })
	return base
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) pass(length time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += length.Milliseconds()
}

// change changes an environment as it is now.
func (w *world) change(actor admin.Actor, environment string, e admin.Edit) (admin.Outcome, error) {
	w.t.Helper()
	return w.Change(context.Background(), actor, environment, w.version(environment), e, false)
}

func (w *world) version(environment string) int64 {
	w.t.Helper()
	if environment == settings.Deployment {
		view, err := w.Deployment(context.Background(), root)
		must(w.t, err)
		return view.Version
	}
	env, err := w.Environment(context.Background(), root, environment)
	must(w.t, err)
	return env.Version
}

// allow switches everything on.
func (w *world) allow(environment string) {
	w.t.Helper()
	on := map[string]string{}
	for _, name := range policy.SwitchNames() {
		on[string(name)] = "on"
	}
	_, err := w.change(root, environment, admin.Edit{Switches: on})
	must(w.t, err)
}

// signIn begins a session and returns it with its cookie.
func (w *world) signIn(environment, subject string, more ...func(*engine.SignIn)) (session.Session, string) {
	w.t.Helper()
	env, ok := w.live.ByID(environment)
	if !ok {
		w.t.Fatalf("no environment %s", environment)
	}
	w.mu.Lock()
	in := engine.SignIn{RefreshToken: "refresh", Who: session.Identity{Issuer: "https://login.example", Subject: subject, Name: strings.ToUpper(subject), AuthTime: w.now / 1000}}
	w.mu.Unlock()
	for _, change := range more {
		change(&in)
	}
	s, cookie, err := w.engine.Begin(context.Background(), env, in)
	must(w.t, err)
	return s, cookie
}

// refused checks that an error is a typed refusal of a code whose text has all parts.
func refused(t testing.TB, err error, code admin.Code, parts ...string) *admin.Error {
	t.Helper()
	var no *admin.Error
	if !errors.As(err, &no) {
		t.Fatalf("not refused but %v; want %s", err, code)
	}
	if no.Code != code {
		t.Errorf("refused with %s: %v; want %s", no.Code, err, code)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the refusal does not say %q: %v", part, err)
		}
	}
	return no
}

// entries are the audit's entries of a kind, the oldest first, as "actor environment: detail".
func (w *world) entries(kind audit.Kind) []string {
	w.t.Helper()
	found, err := w.Audit(context.Background(), root, audit.Query{Kinds: []audit.Kind{kind}, Ascending: true, Limit: audit.MaxLimit})
	must(w.t, err)
	var lines []string
	for _, e := range found {
		lines = append(lines, fmt.Sprintf("%s %s: %s", e.Actor, e.Environment, e.Detail))
	}
	return lines
}

func ptr[T any](v T) *T { return &v }
