// Package proxiedtest holds what every example with a reverse proxy must do, tested with the real proxy: everything that is asked for goes
// through it.
package proxiedtest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/examples/proxied"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// Site is a running example, with a clock that can be moved on, and a verifier that can be made to fail.
type Site struct {
	*proxied.Running
	Client *http.Client // follows no redirect

	t     testing.TB
	ahead atomic.Int64 // of the clock, in nanoseconds
	down  atomic.Bool  // the verifier breaks every connection off

	mu    sync.Mutex
	asked []string // paths that the verifier was asked for
}

// Start starts an example and stops it at the end of the test.
func Start(t testing.TB, p proxied.Proxy, secure bool) *Site {
	t.Helper()
	needs.Program(t, "install Debian's "+p.Program, p.Program, "/usr/sbin/"+p.Program)
	s := &Site{t: t, Client: client(secure)}
	t.Cleanup(s.Client.CloseIdleConnections)
	login, err := inprocess.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	free, err := inprocess.Listen(0) // for the proxy, which opens its port by itself
	if err != nil {
		t.Fatal(err)
	}
	port := inprocess.PortOf(free)
	free.Close()
	o := proxied.Options{Login: login, Secure: secure, Verified: s.watch, Options: inprocess.Options{
		AppPort: port, Data: needs.Folder(t, "curfew-"+p.Name+"-"), Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
	}}
	r, cmd, err := proxied.Start(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	s.Running = r
	t.Cleanup(func() { r.Close() })
	var wrote output
	cmd.Stdout, cmd.Stderr = &wrote, &wrote
	cmd.WaitDelay = needs.Patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // at once; its children too, which a kill would leave behind
		<-ended
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.Program, &wrote)
		}
	})
	wait, cancel := context.WithTimeout(t.Context(), needs.Patience)
	defer cancel()
	if err := proxied.Answers(wait, r.Origin, ended); err != nil {
		t.Fatalf("%v\n%s", err, &wrote)
	}
	return s
}

// output collects what a program writes.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// client speaks HTTP/2 where the site has TLS, and takes its certificate for good: Caddy makes one for each run.
func client(secure bool) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	if secure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		transport.ForceAttemptHTTP2 = true
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *Site) watch(verifier http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		s.mu.Unlock()
		verifier.ServeHTTP(w, r)
	})
}

// askedFor is how often the verifier was asked for an address since the last time.
func (s *Site) askedFor(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, one := range s.asked {
		if one == path {
			n++
		}
	}
	return n
}

func (s *Site) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
}

// pass moves the clock of the verifier and the provider on.
func (s *Site) pass(length time.Duration) { s.ahead.Add(int64(length)) }

// visitor is a browser without a screen.
func (s *Site) visitor(t testing.TB) *visitor {
	v := &visitor{Visitor: apitest.New(t, s.Origin), t: t, site: s}
	v.Client.Transport = s.Client.Transport
	return v
}

// request is a request of a script, or with "navigate" of a person on the way to a page.
func (s *Site) request(t testing.TB, method, path, mode string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.Origin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Mode", mode)
	if mode == "navigate" {
		request.Header.Set("Accept", "text/html")
	}
	return request
}

func (s *Site) String() string { return fmt.Sprint("the example at ", s.Origin) }
