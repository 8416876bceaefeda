package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
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

// world is the real administration over the real stores, with a clock and a provider that the test sets, and consoles before it.
type world struct {
	*admin.Admin
	t        testing.TB
	now      int64
	engine   *engine.Engine
	sessions session.Store
	ledger   *ledger.Store
	live     *settings.Live
	silent   bool // no provider answers
}

var (
	clinics = admin.Actor{Name: "clinics (console)", Environments: []string{"clinic"}}
	banks   = admin.Actor{Name: "banks (console)", Environments: []string{"bank"}}
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld has a bank in the configuration file, which says nothing of its times, and a clinic that an administrator has made.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: noon, live: &settings.Live{}}
	dir := t.TempDir()
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	must(t, err)
	w.sessions, err = embedded.Open(context.Background(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	must(t, err)
	t.Cleanup(func() { w.sessions.Close() })
	w.ledger, err = ledger.Open(context.Background(), filepath.Join(dir, "admin.db"), ledger.Options{
		Seal: func(text string) string { return ring.Sign(keyring.AuditEnd, "", []byte(text)) },
		Sealed: func(text, seal string) bool {
			got, err := ring.Open(keyring.AuditEnd, "", seal)
			return err == nil && string(got) == text
		},
	})
	must(t, err)
	t.Cleanup(func() { w.ledger.Close() })
	record := func(e audit.Event) { must(t, w.ledger.Audit().Append(context.Background(), []audit.Event{e})) }
	clock := func() time.Time { return time.UnixMilli(w.now) }
	w.engine, err = engine.New(engine.Config{Store: w.sessions, Ring: ring, Now: clock, Random: rand.Reader, Renewal: policy.MaxCookieRenewal, Record: record})
	must(t, err)
	w.Admin, err = admin.New(admin.Config{
		Sessions: w.sessions, Engine: w.engine, Settings: w.ledger.Settings(), Audit: w.ledger.Audit(), Record: record,
		Kept: func(audit.Event) {}, Flush: func(context.Context) error { return nil }, Live: w.live, Now: clock,
		Provider: func(string) (string, string) { return "https://login.example", "reachable" },
		Changed:  func(...string) {}, Reported: func(string) []admin.ReportedPage { return nil },
	})
	must(t, err)
	base := admin.Base{Limits: policy.DefaultLimits(), Providers: []string{"corporate"}, Made: settings.Environment{Check: check24},
		Prepare: admintest.Prepare(func(string) bool { return w.silent }, nil, nil)}
	bank := settings.New()
	bank.Origins = []string{"https://bank.example"}
	base.Environments = []admin.Declared{{Document: bank, Fixed: settings.Environment{ID: "bank", Check: check24}}}
	must(t, w.Load(context.Background(), base))
	_, err = w.Create(context.Background(), everything, admin.NewEnvironment{ID: "clinic", Kind: settings.App, Origins: []string{"https://clinic.example"}, Provider: "corporate"})
	must(t, err)
	return w
}

var check24 = settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: policy.Cap}

// console is what somebody sees of the world.
func (w *world) console(actor admin.Actor, change ...func(*Config)) http.Handler {
	w.t.Helper()
	c := Config{Admin: w.Admin, Prefix: "/.curfew/", Now: func() time.Time { return time.UnixMilli(w.now) }, Role: "the role curfew-admin",
		Actor: func(*http.Request) (admin.Actor, string, bool) { return actor, "Somebody", actor.Name != "" },
		Token: func(*http.Request) string { return token }}
	for _, f := range change {
		f(&c)
	}
	handler, err := New(c)
	must(w.t, err)
	return handler
}

// allow switches everything on in an environment.
func (w *world) allow(id string) {
	w.t.Helper()
	on := map[string]string{}
	for _, name := range policy.SwitchNames() {
		on[string(name)] = "on"
	}
	_, err := w.Change(context.Background(), everything, id, w.env(id).Version, admin.Edit{Switches: on}, false)
	must(w.t, err)
}

func (w *world) env(id string) admin.Environment {
	w.t.Helper()
	env, err := w.Environment(context.Background(), everything, id)
	must(w.t, err)
	return env
}

// signIn begins a session and returns its ID.
func (w *world) signIn(environment, subject, name string, change ...func(*engine.SignIn)) string {
	w.t.Helper()
	env, ok := w.live.ByID(environment)
	if !ok {
		w.t.Fatalf("no environment %s", environment)
	}
	in := engine.SignIn{RefreshToken: "refresh", Who: session.Identity{Issuer: "https://login.example", Subject: subject, Name: name, AuthTime: w.now / 1000}}
	for _, f := range change {
		f(&in)
	}
	s, _, err := w.engine.Begin(context.Background(), env, in)
	must(w.t, err)
	return s.ID.String()
}

// everythingThere is all that somebody could have changed, in one text.
func (w *world) everythingThere() string {
	w.t.Helper()
	all, err := w.ledger.Settings().Latest(context.Background())
	must(w.t, err)
	living, err := w.sessions.Count(context.Background(), w.now)
	must(w.t, err)
	return fmt.Sprintf("%+v, %d living", all, living)
}
