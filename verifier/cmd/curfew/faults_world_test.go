//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/wasm/needs"
)

const (
	faultRenewal  = 4 * time.Second // how long a cookie is good
	faultToken    = "a token that only the faults' administrator has"
	faultPassword = "only for these tests"
	faultUsers    = 4000
)

// Environments of the faults: in one a session lives for a day, in the other for some seconds.
var faultOrigins = map[string]string{"long": "http://localhost:1001", "brief": "http://localhost:1002"}

// faultConfig is a verifier's configuration; more is what a kind of store needs besides.
const faultConfig = `
listen: 127.0.0.1:0
operator_listen: 127.0.0.1:0
data: %[1]q
keys: %[2]q
cookie_renewal: 4s
rate_limits: {address: 100000, address_burst: 1000000, session: 100000, session_burst: 1000000}
limits: {session_timeout: {min: 21s}}
admin: {tokens: [{name: faults, file: %[3]q}]}
switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
providers: [{id: main, issuer: %[4]q, client_id: records, scopes: [profile]}]
environments:
  - {id: long, origin: "http://localhost:1001", provider: {use: main}, sign_out: {here_only: true}}
  - {id: brief, origin: "http://localhost:1002", provider: {use: main}, sign_out: {here_only: true}, settings: {session_timeout: 21s, session_warning: 20s}}
%[5]s`

// faulty is a verifier in a process of its own, with everything around it that a fault can meet.
type faulty struct {
	t       testing.TB
	dir     string // keys, token, configuration: what no fault touches
	data    string // the verifier's data
	command string // curfew, or curfew with a clock that can be set
	around  *network

	http  *http.Client
	admin *adminapi.Client

	mu       sync.Mutex
	process  *exec.Cmd
	clock    io.Writer
	ended    chan struct{} // closed when the process has ended
	public   string
	operator string
	log      *bytes.Buffer // of the last process
}

// newFaulty starts a verifier. data is where its data are, more what its configuration has besides, around the network in which it and
// whoever talks to it are.
func newFaulty(t testing.TB, command, data, more string, around *network) *faulty {
	t.Helper()
	w := &faulty{t: t, dir: t.TempDir(), data: data, command: command, around: around, log: &bytes.Buffer{}}
	var op *httptest.Server
	around.do(func() { op = httptest.NewUnstartedServer(nil) })
	issuer := "http://" + op.Listener.Addr().String()
	users := make([]provider.User, faultUsers)
	for i := range users {
		users[i] = provider.User{Name: faultUser(i), Password: faultPassword}
	}
	redirects := []string{faultOrigins["long"] + "/.curfew/callback", faultOrigins["brief"] + "/.curfew/callback"}
	p, err := provider.New(provider.Config{Issuer: issuer, Now: time.Now, Users: users, Logger: slog.New(slog.DiscardHandler),
		Clients: []provider.Client{{ID: "records", RedirectURIs: redirects}}})
	if err != nil {
		t.Fatal(err)
	}
	op.Config.Handler = p
	op.Start()
	t.Cleanup(op.Close)
	token := filepath.Join(w.dir, "token")
	for path, text := range map[string]string{
		token: faultToken, filepath.Join(w.dir, "curfew.yaml"): fmt.Sprintf(faultConfig, data, filepath.Join(w.dir, "keys"), token, issuer, more),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Whatever a browser calls the application, it is at the verifier's listener of the moment.
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		var dialer net.Dialer
		w.mu.Lock()
		switch {
		case strings.HasPrefix(address, "localhost:100"):
			address = w.public
		case address == "localhost:1000":
			address = w.operator
		}
		w.mu.Unlock()
		around.do(func() { conn, err = dialer.DialContext(ctx, network, address) })
		return conn, err
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.http = &http.Client{Timeout: 20 * time.Second, CheckRedirect: stay, Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64}}
	operator := &http.Transport{ResponseHeaderTimeout: 20 * time.Second, DialContext: func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		var dialer net.Dialer
		w.mu.Lock()
		address := w.operator
		w.mu.Unlock()
		around.do(func() { conn, err = dialer.DialContext(ctx, network, address) })
		return conn, err
	}}
	if w.admin, err = adminapi.Dial("http://localhost:1000", faultToken, operator); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.kill()
		w.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the verifier's log:\n%s", w.said())
		}
	})
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	return w
}

func faultUser(n int) string { return fmt.Sprintf("user-%05d", n%faultUsers) }

// start starts the verifier and returns when it serves, or with what it says instead.
func (w *faulty) start() error {
	process := exec.Command(w.command, "serve", "--config", filepath.Join(w.dir, "curfew.yaml"))
	process.Stdout = io.Discard
	clock, err := process.StdinPipe()
	if err != nil {
		return err
	}
	lines, err := process.StderrPipe()
	if err != nil {
		return err
	}
	w.around.do(func() { err = process.Start() })
	if err != nil {
		return err
	}
	ended, serving := make(chan struct{}), make(chan [2]string, 1)
	w.mu.Lock()
	w.process, w.clock, w.ended = process, clock, ended
	w.log.Reset()
	w.mu.Unlock()
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			w.mu.Lock()
			if w.log.Len() < 1<<20 {
				fmt.Fprintln(w.log, scanner.Text())
			}
			w.mu.Unlock()
			var line struct{ Msg, Listen, Operator_listen string }
			if json.Unmarshal(scanner.Bytes(), &line) == nil && line.Msg == "serving" {
				serving <- [2]string{line.Listen, line.Operator_listen}
			}
		}
		_ = process.Wait()
	}()
	select {
	case at := <-serving:
		w.mu.Lock()
		w.public, w.operator = at[0], at[1]
		w.mu.Unlock()
		return nil
	case <-ended:
		return fmt.Errorf("the verifier does not start: %s", w.said())
	case <-time.After(needs.Patience):
		w.kill()
		return fmt.Errorf("the verifier does not serve within %s: %s", needs.Patience, w.said())
	}
}

func (w *faulty) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// kill is kill -9. The process is gone when it returns.
func (w *faulty) kill() { w.end(syscall.SIGKILL) }

// stop lets the verifier finish.
func (w *faulty) stop() { w.end(syscall.SIGTERM) }

func (w *faulty) end(with os.Signal) {
	w.mu.Lock()
	process, ended := w.process, w.ended
	w.mu.Unlock()
	if process == nil {
		return
	}
	_ = process.Process.Signal(with)
	<-ended
}

// setClock moves the clock of the verifier's computer.
func (w *faulty) setClock(by time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := fmt.Fprintln(w.clock, by); err != nil {
		w.t.Fatal(err)
	}
}
