package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/examples/demo/provider"
)

// C2: a switch needs a provider that answers, and check-config asks it once, however many use it.
func TestC2_CheckConfigAsksProviders(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	login, err := provider.New(provider.Config{
		Issuer: issuer, Now: time.Now, Rand: rand.Reader, Logger: slog.New(slog.DiscardHandler),
		Users:   []provider.User{{Name: "amara", Password: "fern-and-moss"}},
		Clients: []provider.Client{{ID: "a", RedirectURIs: []string{"https://a.example/.curfew/callback"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		login.ServeHTTP(w, r)
	})}
	go server.Serve(listener)
	defer server.Close()

	path := filepath.Join(t.TempDir(), "curfew.yaml")
	text := fmt.Sprintf("environments:\n  - {id: a, origin: https://a.example, provider: {issuer: %q, client_id: a}}\n  - {id: b, origin: https://b.example, provider: {issuer: %q, client_id: b}}\n", issuer, issuer)
	check := func() (string, string, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, progress bytes.Buffer
		cmd := root()
		cmd.SetArgs([]string{"check-config", "--config", path, "--ask-providers"})
		cmd.SetOut(&out)
		cmd.SetErr(&progress)
		err := cmd.ExecuteContext(t.Context())
		return out.String(), progress.String(), err
	}
	out, progress, err := check()
	if err != nil || !strings.Contains(out, "is correct") || progress != "asking "+issuer+"\n" {
		t.Errorf("%v\n%s%s", err, out, progress)
	}
	documents := 0
	for len(asked) > 0 {
		if <-asked == "/.well-known/openid-configuration" {
			documents++
		}
	}
	if documents != 1 {
		t.Errorf("the provider was asked %d times", documents)
	}

	server.Close()
	if _, _, err := check(); err == nil || !strings.Contains(err.Error(), "provider "+issuer+": unreachable") {
		t.Errorf("a provider that is down: %v", err)
	}
}
