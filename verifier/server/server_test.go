package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
)

// log is the lines that a verifier logs.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *log) has(t *testing.T, pattern string) bool {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	return regexp.MustCompile(pattern).Match(l.text.Bytes())
}

// newServer is a verifier from the text of a configuration, with data in a directory of its own.
func newServer(t *testing.T, text string) (*Server, *log) {
	t.Helper()
	return newServerAt(t, time.Now, text)
}

func newServerAt(t *testing.T, now func() time.Time, text string) (*Server, *log) {
	t.Helper()
	c, err := config.Parse([]byte(fmt.Sprintf("data: %q\n", filepath.Join(t.TempDir(), "data")) + text))
	if err != nil {
		t.Fatal(err)
	}
	lines := &log{}
	s, err := New(t.Context(), c, Options{Now: now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, lines
}

func (s *Server) ask(t *testing.T, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Operator().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// discovery is what there is of a provider before anybody signs in.
func discovery(t *testing.T) *httptest.Server {
	t.Helper()
	var here *httptest.Server
	here = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]any{"issuer": here.URL, "authorization_endpoint": here.URL + "/a", "token_endpoint": here.URL + "/t",
				"jwks_uri": here.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"}})
		case "/jwks":
			fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(here.Close)
	return here
}

const environments = `
environments:
  - {id: here, origin: "http://localhost:1", provider: {issuer: %q, client_id: c}}
  - {id: away, origin: "http://localhost:2", provider: {issuer: "http://127.0.0.1:1", client_id: c}}
`

// A7: a provider that cannot be reached is told on readyz, in a metric, in the log and in the audit, and takes no verifier out of
// service.
func TestA7_TheProvidersStateIsShown(t *testing.T) {
	s, lines := newServer(t, fmt.Sprintf(environments, discovery(t).URL))
	if status, text := s.ask(t, "/readyz"); status != 200 || text != "ok\nprovider here: not asked yet\nprovider away: not asked yet\n" {
		t.Errorf("before anybody asked: %d %q", status, text)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go s.Run(ctx)
	for _, id := range []string{"here", "away"} {
		if err := answers(t, s, id); (err == nil) != (id == "here") {
			t.Errorf("provider %s: %v", id, err)
		}
	}
	status, text := s.ask(t, "/readyz")
	if want := regexp.MustCompile(`^ok\nprovider here: reachable since 20..-..-.. ..:..:.. UTC\nprovider away: unreachable since 20..-..-.. ..:..:.. UTC \(connection\)\n$`); status != 200 || !want.MatchString(text) {
		t.Errorf("readyz: %d %q", status, text)
	}
	status, text = s.ask(t, "/metrics")
	for _, line := range []string{
		`curfew_provider_up{environment="here"} 1`, `curfew_provider_up{environment="away"} 0`, `curfew_sessions{environment="here"} 0`,
		`curfew_events_total{code="",environment="away",kind="provider_down",reason=""} 1`, `curfew_events_total{code="",environment="here",kind="provider_up",reason=""} 1`,
		`curfew_policy_check_queue{issuer="http://127.0.0.1:1"} 0`,
	} {
		if status != 200 || !strings.Contains(text, line+"\n") {
			t.Errorf("metrics: %d, without %s", status, line)
		}
	}
	for _, pattern := range []string{`level=ERROR msg=provider_unreachable environment=away issuer=http://127.0.0.1:1 cause=connection`,
		`msg=provider_down .*environment=away detail="unreachable \(connection\)"`, `msg=provider_reachable environment=here`} {
		if !lines.has(t, pattern) {
			t.Errorf("the log has no %s", pattern)
		}
	}
}

// Without the store nothing can be decided, and that alone makes a verifier not ready.
func TestReadyzWithoutTheStore(t *testing.T) {
	s, _ := newServer(t, fmt.Sprintf(environments, discovery(t).URL))
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	status, text := s.ask(t, "/readyz")
	if status != http.StatusServiceUnavailable || !strings.HasPrefix(text, "store: ") || !strings.Contains(text, "\nprovider here: ") {
		t.Errorf("readyz: %d %q", status, text)
	}
	if status, text := s.ask(t, "/healthz"); status != 200 || text != "ok\n" {
		t.Errorf("healthz: %d %q", status, text)
	}
	if status, text := s.ask(t, "/metrics"); status != 200 || strings.Contains(text, "\ncurfew_sessions{") || !strings.Contains(text, "\ncurfew_events_total{") {
		t.Errorf("metrics: %d %q", status, text)
	}
}

// The operator's addresses are not for the public.
func TestThePublicSeesNothingOfTheOperator(t *testing.T) {
	s, _ := newServer(t, fmt.Sprintf(environments, discovery(t).URL))
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/.curfew/metrics"} {
		w := httptest.NewRecorder()
		s.Public().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:1"+path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s answers the public with %d", path, w.Code)
		}
	}
}

// P7: Close waits for Run, which finishes what is under way, before the store is gone.
func TestP7_CloseWaitsForRun(t *testing.T) {
	// The provider takes its time over a refresh token, which it exchanges for another.
	asked, release := make(chan struct{}), make(chan struct{})
	var op *httptest.Server
	plain := discovery(t)
	op = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/t" {
			plain.Config.Handler.ServeHTTP(w, r)
			return
		}
		close(asked)
		<-release
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer","refresh_token":"rotated","id_token":"unsound"}`)
	}))
	defer op.Close()
	plain.URL = op.URL
	var passed atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	s, lines := newServerAt(t, now, fmt.Sprintf(environments, op.URL))
	env := s.live.All()[0]
	begun, _, err := s.engine.Begin(t.Context(), env, engine.SignIn{
		Who:          session.Identity{Issuer: op.URL, Subject: "amara", AuthTime: time.Now().Unix(), IDToken: "t"},
		RefreshToken: "first",
	})
	if err != nil {
		t.Fatal(err)
	}
	passed.Store(int64(env.Check.Interval))
	go s.Run(t.Context())
	done := s.checker.Ask(env, begun.ID, 0)
	<-asked
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	<-s.life.Done()
	select {
	case err := <-closed:
		t.Fatalf("closed in the middle of a policy check: %v", err)
	case <-done:
		t.Fatal("the check was given up")
	default:
	}
	close(release)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	<-done
	if !lines.has(t, `msg=policy_check_failed .*detail="unreachable \(token\); goes on until`) {
		t.Errorf("the check was not finished: %s", lines.text.String())
	}
	s.Run(t.Context()) // returns
	if err := s.Close(); !errors.Is(err, session.ErrClosed) {
		t.Errorf("the second Close: %v", err)
	}
}

// What the configuration says of a sign-in arrives where it is used, and secrets only as digests.
func TestSignInOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	secret := strings.Repeat("s", 40)
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := config.Environment{ID: "here", HandIn: &config.HandIn{ClientID: "app", SecretFile: path, SignIn: "/login"}}
	e.Provider.StaySignedIn.Ask = true
	got, err := signInOptions(e)
	if err != nil || !got.AskStay || got.Application == nil || got.Application.SignIn != "/login" || got.Application.SecretHash != sha256.Sum256([]byte(secret)) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := signInOptions(config.Environment{}); err != nil || got.AskStay || got.Application != nil {
		t.Errorf("nothing configured: %+v, %v", got, err)
	}
	e.HandIn.SecretFile += "-none"
	if _, err := signInOptions(e); err == nil || !strings.Contains(err.Error(), "environment here: hand_in.secret_file") {
		t.Errorf("without the file: %v", err)
	}
}

func TestProviderConfig(t *testing.T) {
	e := config.Environment{ID: "here", HandIn: &config.HandIn{ClientID: "app"}, Provider: config.Provider{
		Issuer: "https://login.example", ClientID: "c", Scopes: []string{"profile"}, Consent: true, ClockSkew: config.Length(time.Second),
		StaySignedIn: config.StaySignedIn{Claim: "signin_state", Value: "kmsi"},
	}}
	want := provider.Config{Issuer: "https://login.example", ClientID: "c", ClientSecret: "secret", Scopes: []string{"profile"}, Offline: true, Consent: true,
		StayClaim: "signin_state", StayValue: "kmsi", HandInAudience: "app", ClockSkew: time.Second}
	if got := providerConfig(e, e.InForce(), "secret"); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	e.PolicyCheck.Bypass, e.HandIn = true, nil
	if got := providerConfig(e, e.InForce(), ""); got.Offline || got.HandInAudience != "" {
		t.Errorf("bypassed and without hand-in: %+v", got)
	}
}

// A5: a heartbeat whose check is due has the provider asked; its no ends the session at the next request, and is counted.
func TestA5_AHeartbeatHasTheProviderAsked(t *testing.T) {
	var s *Server
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Public().ServeHTTP(w, r) }))
	defer front.Close()
	plain := discovery(t)
	op := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/t" {
			plain.Config.Handler.ServeHTTP(w, r)
			return
		}
		if r.FormValue("refresh_token") != "the one" {
			t.Errorf("the provider got %q", r.FormValue("refresh_token"))
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	}))
	defer op.Close()
	plain.URL = op.URL
	var passed atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	s, _ = newServerAt(t, now, fmt.Sprintf("environments:\n  - {id: here, origin: %q, provider: {issuer: %q, client_id: c}}\n", front.URL, op.URL))
	visitor := apitest.New(t, front.URL)
	_, cookie, err := s.engine.Begin(t.Context(), s.live.All()[0], engine.SignIn{
		Who:          session.Identity{Issuer: op.URL, Subject: "amara", AuthTime: time.Now().Unix(), IDToken: "t"},
		RefreshToken: "the one", Key: visitor.Thumbprint(),
	})
	if err != nil {
		t.Fatal(err)
	}
	visitor.SetCookie("curfew", cookie)
	go s.Run(t.Context())
	// It waits for the end as a page does.
	watch, err := s.engine.Watch(t.Context(), s.live.All()[0], cookie)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	passed.Store(int64(time.Hour))
	if _, refusal := visitor.Heartbeat(); refusal.Error != "" {
		t.Fatalf("the heartbeat: %+v", refusal)
	}
	if reason := <-watch.Ended; reason != wire.ProviderRefused {
		t.Errorf("ended for %s", reason)
	}
	if _, refusal := visitor.Check(); refusal.Reason != wire.ProviderRefused {
		t.Errorf("the next request: %+v", refusal)
	}
	if err := s.Close(); err != nil { // so that the check is counted
		t.Error(err)
	}
	if _, text := s.ask(t, "/metrics"); !strings.Contains(text, `curfew_policy_checks_total{environment="here",outcome="refused"} 1`+"\n") ||
		!strings.Contains(text, `curfew_events_total{code="",environment="here",kind="ended",reason="provider_refused"} 1`+"\n") {
		t.Errorf("metrics:\n%s", text)
	}
}

// P8: whoever has no token of this verifier is refused and recorded, without what they showed.
func TestP8_AWrongTokenIsRecorded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(strings.Repeat("t", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, fmt.Sprintf(environments, discovery(t).URL)+fmt.Sprintf("admin: {tokens: [{name: deploy, file: %q}]}\n", file))
	ask := func(token string) int {
		r := httptest.NewRequest("GET", "/admin/v1/environments", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		s.Operator().ServeHTTP(w, r)
		return w.Code
	}
	for token, want := range map[string]int{"": 401, "wrong": 401, strings.Repeat("t", 40): 200, strings.Repeat("t", 39): 401} {
		if got := ask(token); got != want {
			t.Errorf("token %q: %d", token, got)
		}
	}
	found, err := s.admin.Audit(t.Context(), admin.Actor{All: true}, audit.Query{Kinds: []audit.Kind{audit.AdminRefused}})
	if err != nil || len(found) != 3 || strings.Contains(found[0].Detail, "wrong") {
		t.Errorf("the audit: %+v, %v", found, err)
	}
}

// answers asks a provider, so that its state is known.
func answers(t *testing.T, s *Server, environment string) error {
	t.Helper()
	one, ok := s.connections.get(environment)
	if !ok {
		t.Fatalf("environment %s has no provider", environment)
	}
	return one.Provider.Ready(t.Context())
}
