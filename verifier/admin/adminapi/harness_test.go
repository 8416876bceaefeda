package adminapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/admin/admintest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

// start is when every test begins.
var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// The tokens of a world: of the administrator of everything, and of those of one environment each.
const (
	rootToken   = "root-secret-0123456789"
	clinicToken = "clinic-secret-0123456789"
	bankToken   = "bank-secret-0123456789"
)

// world is an administration over real stores and a real engine, with a clock that the test sets, behind a real HTTP server.
type world struct {
	t        testing.TB
	admin    *admin.Admin
	engine   *engine.Engine
	live     *settings.Live
	ledger   *ledger.Store
	file     string // the ledger's
	journal  *audit.Journal
	handler  http.Handler
	server   *httptest.Server
	now      atomic.Int64 // milliseconds since the epoch
	silent   atomic.Bool  // the identity providers do not answer
	subjects int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, live: &settings.Live{}}
	w.now.Store(start.UnixMilli())
	clock := func() time.Time { return time.UnixMilli(w.now.Load()) }
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sessions, err := embedded.Open(t.Context(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	must(err)
	t.Cleanup(func() { sessions.Close() })
	w.file = filepath.Join(dir, "admin.db")
	w.ledger, err = ledger.Open(t.Context(), w.file, ledger.Options{
		Seal: func(text string) string { return text }, Sealed: func(text, seal string) bool { return text == seal },
	})
	must(err)
	t.Cleanup(func() { w.ledger.Close() })
	w.journal = audit.NewJournal(w.ledger.Audit(), audit.JournalOptions{})
	running, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.journal.Run(running) }()
	t.Cleanup(func() { stop(); <-stopped })

	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	must(err)
	w.engine, err = engine.New(engine.Config{Store: sessions, Ring: ring, Random: rand.Reader, Now: clock, Renewal: policy.MaxCookieRenewal, Record: w.journal.Record})
	must(err)
	w.admin, err = admin.New(admin.Config{
		Sessions: sessions, Engine: w.engine, Settings: w.ledger.Settings(), Audit: w.ledger.Audit(), Record: w.journal.Record,
		Kept: func(audit.Event) {}, Flush: w.journal.Flush,
		Live: w.live, Now: clock,
		Provider: func(string) (string, string) { return "https://idp.example", "answers" },
		Changed:  func(...string) {},
		Reported: func(string) []admin.ReportedPage {
			return []admin.ReportedPage{{Path: "/records/*", First: 1, Last: 2, Count: 3}}
		},
	})
	must(err)
	check := settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: 24 * time.Hour, Absence: 90 * 24 * time.Hour}
	declared := func(id string) admin.Declared {
		doc := settings.New()
		doc.Origins = []string{"https://" + id + ".example"}
		return admin.Declared{Fixed: settings.Environment{ID: id, Origin: doc.Origins[0], Check: check}, Document: doc}
	}
	must(w.admin.Load(t.Context(), admin.Base{
		Limits: policy.DefaultLimits(), Environments: []admin.Declared{declared("clinic"), declared("bank")}, Providers: []string{"main"},
		Made: settings.Environment{Check: check}, Prepare: admintest.Prepare(func(string) bool { return w.silent.Load() }, nil, nil),
	}))
	w.handler = adminapi.New(w.admin, adminapi.Tokens{
		{Name: "root", SecretHash: sha256.Sum256([]byte(rootToken))},
		{Name: "clinic", SecretHash: sha256.Sum256([]byte(clinicToken)), Environments: []string{"clinic"}},
		{Name: "bank", SecretHash: sha256.Sum256([]byte(bankToken)), Environments: []string{"bank"}},
	}.Authenticate, clock, slog.New(slog.DiscardHandler))
	w.server = httptest.NewServer(w.handler)
	t.Cleanup(w.server.Close)
	return w
}

// client is a Client with a token.
func (w *world) client(token string) *adminapi.Client {
	w.t.Helper()
	client, err := adminapi.Dial(w.server.URL, token, w.server.Client().Transport)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// signIn begins a session of a user in an environment.
func (w *world) signIn(environment, subject string) session.Session {
	w.t.Helper()
	env, ok := w.live.ByID(environment)
	if !ok {
		w.t.Fatalf("no environment %s", environment)
	}
	w.subjects++
	s, _, err := w.engine.Begin(w.t.Context(), env, engine.SignIn{
		Who:          session.Identity{Issuer: "https://idp.example", Subject: subject, Name: "Amara " + subject, AuthTime: w.now.Load()/1000 + int64(w.subjects)},
		RefreshToken: "r", Key: session.Thumbprint{byte(w.subjects)}, Where: engine.Where{UserAgent: "Firefox", Address: "192.0.2.7"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// switchOn switches everything on, as an operator who wants custom times does.
func (w *world) switchOn() {
	w.t.Helper()
	root := admin.Actor{Name: "test", All: true}
	deployment, err := w.admin.Deployment(w.t.Context(), root)
	if err != nil {
		w.t.Fatal(err)
	}
	on := map[string]string{}
	for _, name := range policy.SwitchNames() {
		on[string(name)] = "on"
	}
	if _, err := w.admin.Change(w.t.Context(), root, settings.Deployment, deployment.Version, admin.Edit{Switches: on}, false); err != nil {
		w.t.Fatal(err)
	}
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes a request as a program does.
func (w *world) ask(method, path, token, body string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+adminapi.Prefix+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	got, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(text)}
}
