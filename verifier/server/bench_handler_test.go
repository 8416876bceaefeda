//go:build linux

package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
)

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header            { return d.header }
func (d *discard) Write(text []byte) (int, error) { return len(text), nil }
func (d *discard) WriteHeader(status int)         { d.status = status }

// BenchmarkCheckHandler is what a check costs without HTTP: it tells changes of the handler apart that HTTP's noise hides.
func BenchmarkCheckHandler(b *testing.B) {
	c, err := config.Parse(fmt.Appendf(nil, benchConfig, b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(b.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	env, _ := s.site.Environment(&http.Request{Host: host})
	_, cookie, err := s.engine.Begin(b.Context(), env, engine.SignIn{
		Who:          session.Identity{Issuer: "https://login.example", Subject: "subject", Name: "Ada Lovelace", AuthTime: time.Now().Unix() - 60, IDToken: strings.Repeat("t", 1200)},
		RefreshToken: "r", Key: session.Thumbprint{1},
	})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://"+host+"/.curfew/check", nil)
	r.Header.Set("Cookie", "__Host-curfew="+cookie)
	answer := &discard{}
	handler := s.Public()
	b.ReportAllocs()
	for b.Loop() {
		answer.header = http.Header{}
		if handler.ServeHTTP(answer, r); answer.status != http.StatusNoContent {
			b.Fatalf("status %d", answer.status)
		}
	}
}
