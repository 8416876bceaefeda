package server

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/shed"
)

// P1 P2 P8: a verifier without any room refuses checks and heartbeats with a type and a time, lets nothing through for it, ends no session, records it,
// and goes on to sign people out.
func TestP1_P2_WithoutRoomNothingPassesAndNothingEnds(t *testing.T) {
	c, err := config.Parse([]byte(fmt.Sprintf("data: %q\n", filepath.Join(t.TempDir(), "data")) + `
environments:
  - {id: records, origin: "http://localhost:1", provider: {issuer: "http://127.0.0.1:1", client_id: c}}
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Limits: &shed.Limits{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	env, ok := s.site.Environment(&http.Request{Host: "localhost:1"})
	if !ok {
		t.Fatal("there is no environment")
	}
	_, cookie, err := s.engine.Begin(t.Context(), env, engine.SignIn{
		Who:          session.Identity{Issuer: "http://127.0.0.1:1", Subject: "amara", AuthTime: time.Now().Unix() - 5, IDToken: "t"},
		RefreshToken: "r", Key: session.Thumbprint{1},
	})
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://localhost:1/.curfew/"+path, nil)
		r.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
		w := httptest.NewRecorder()
		s.Public().ServeHTTP(w, r)
		return w
	}
	for _, asked := range []struct {
		method, path string
		low, high    int64
	}{
		{"GET", "check", 2_000, 10_000},
		{"GET", "check/nginx", 2_000, 10_000},
		{"POST", "heartbeat", 150_000, 225_000}, // its cookie is fresh
	} {
		w := do(asked.method, asked.path)
		var refusal wire.Refusal
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || w.Code != http.StatusServiceUnavailable || refusal.Error != wire.Unavailable ||
			w.Header().Get("Retry-After") == "" || w.Header().Get("Curfew-Reason") != "unavailable" {
			t.Errorf("%s: %d, %v, %v: %s", asked.path, w.Code, err, w.Header(), w.Body)
		}
		if refusal.RetryAfter < asked.low || refusal.RetryAfter > asked.high {
			t.Errorf("%s: come back after %d ms, want %d to %d", asked.path, refusal.RetryAfter, asked.low, asked.high)
		}
		if w.Header().Get("Curfew-User") != "" {
			t.Errorf("%s: a refusal names a user", asked.path)
		}
	}
	if _, err := s.engine.Check(t.Context(), env, cookie); err != nil {
		t.Errorf("the session does not live on: %v", err)
	}
	if w := do("GET", "sign-out"); w.Code != http.StatusOK {
		t.Errorf("the page to sign out: %d", w.Code)
	}
	if err := s.journal.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := s.ledger.Audit().Search(t.Context(), audit.Query{Kinds: []audit.Kind{audit.Refused}, Limit: audit.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range found {
		if e.Code == wire.Unavailable && e.Environment == "records" && strings.HasPrefix(e.Detail, "too much to do: ") {
			seen++
		}
	}
	if seen != 3 {
		t.Errorf("%d of 3 refusals are in the audit", seen)
	}
}
