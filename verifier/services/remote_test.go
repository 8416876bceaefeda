package services_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/wasm/needs"
)

// hearing runs a remote with a cache until the end of the test, and waits until it keeps verdicts.
func (w *world) hearing(change func(*middleware.RemoteConfig)) *middleware.Remote {
	w.t.Helper()
	r := w.remote(func(c *middleware.RemoteConfig) {
		c.Cache = middleware.MaxCache
		if change != nil {
			change(c)
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	w.t.Cleanup(func() { stop(); <-done })
	w.untilKept(r)
	return r
}

// untilKept waits until verdicts are kept.
func (w *world) untilKept(r *middleware.Remote) {
	w.t.Helper()
	p := w.signIn(w.clinic, "probe-"+rand.Text())
	needs.Until(w.t, "a verdict to be kept", func() bool {
		r.Check(p.request("GET", "/"))
		before := w.count("verdict")
		return r.Check(p.request("GET", "/")).Allowed && w.count("verdict") == before
	})
}

func code(v middleware.Verdict) string {
	if v.Allowed {
		return "allowed " + v.User.Subject
	}
	return fmt.Sprint(v.Status, " ", v.Refusal.Error, " ", v.Refusal.Reason)
}

// P1, P4: another process judges as the verifier does, at every moment, and says the same things.
func TestP1_RemoteVerdicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.remote(nil)
	p, ended, theirs := w.signIn(w.clinic, "amara"), w.signIn(w.clinic, "wren"), w.signIn(w.bank, "amara")
	ended.end()
	got := r.Check(p.request("GET", "/a"))
	if want := (middleware.User{Issuer: "https://login.example", Subject: "amara", Name: "Dr amara", Session: p.session.ID.String()}); got.User != want || !got.Allowed {
		t.Errorf("%+v", got)
	}
	twice := p.request("GET", "/")
	twice.AddCookie(&http.Cookie{Name: "__Host-curfew", Value: p.cookie})
	plain := httptest.NewRequest("GET", "/", nil)
	plain.AddCookie(&http.Cookie{Name: "curfew", Value: p.cookie}) // anybody on the network could plant it
	for name, c := range map[string]struct {
		request *http.Request
		want    string
	}{
		"ended":                {ended.request("GET", "/"), "401 session_ended ended_by_admin"},
		"another environment":  {theirs.request("GET", "/"), "401 no_session "},
		"no cookie":            {httptest.NewRequest("GET", "/", nil), "401 no_session "},
		"two cookies":          {twice, "401 no_session "},
		"without its __Host- ": {plain, "401 no_session "},
	} {
		if got := code(r.Check(c.request)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	w.pass(5 * time.Minute)
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/a?b=%C3%A6", "/.curfew/resume?return_to=%2Fa%3Fb%3D%25C3%25A6"}, {"POST", "/a", "/.curfew/resume"}, {"GET", "//evil.example/", "/.curfew/resume"},
		{"GET", "/.curfew/sign-out", "/.curfew/resume"}, {"GET", "/" + strings.Repeat("a", wire.MaxReturnTo), "/.curfew/resume"},
	} {
		request := p.request("GET", "/")
		request.Method = c.method
		request.URL.Path, request.URL.RawQuery, _ = strings.Cut(c.target, "?")
		got := r.Check(request)
		if got.Refusal.Error != wire.StaleCookie || got.Refusal.Resume != c.want {
			t.Errorf("%s %.40s: %+v", c.method, c.target, got.Refusal)
		}
	}
	w.pass(10 * time.Minute)
	if got := code(r.Check(p.request("GET", "/"))); got != "401 session_ended inactivity" {
		t.Errorf("at the deadline: %s", got)
	}
	wrong := w.remote(func(c *middleware.RemoteConfig) { c.Secret = "another secret of thirty-two characters" })
	if got := code(wrong.Check(w.signIn(w.clinic, "ola").request("GET", "/"))); got != "503 unavailable " {
		t.Errorf("with a wrong secret: %s", got)
	}
}

// P4, B6: without a cache every request is asked about; with one, nobody is let through after an ending has been acknowledged.
func TestP4_EndingsCountAtTheNextRequestElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	always, cached := w.remote(nil), w.hearing(nil)
	for n := range 20 {
		p := w.signIn(w.clinic, fmt.Sprint("user-", n))
		for _, r := range []*middleware.Remote{always, cached, cached} {
			if got := r.Check(p.request("GET", "/")); !got.Allowed {
				t.Fatal(code(got))
			}
		}
		p.end() // and the ending is acknowledged
		for name, r := range map[string]*middleware.Remote{"always": always, "cached": cached} {
			if got := code(r.Check(p.request("GET", "/"))); got != "401 session_ended ended_by_admin" {
				t.Errorf("%s, %d: %s", name, n, got)
			}
		}
	}
	// What is kept is really used.
	p := w.signIn(w.clinic, "amara")
	cached.Check(p.request("GET", "/"))
	before := w.count("verdict")
	for range 50 {
		cached.Check(p.request("GET", "/"))
	}
	if n := w.count("verdict") - before; n > 5 {
		t.Errorf("%d of 50 requests were asked about", n)
	}
}

// clocks are those of the application's machine, which a test sets.
type clocks struct{ sleep atomic.Int64 }

// now has slept for a while: the wall clock went on and the monotonic one did not.
func (c *clocks) now() time.Time {
	now := time.Now()
	if slept := time.Duration(c.sleep.Load()); slept != 0 {
		return now.Round(0).Add(slept)
	}
	return now
}

// P1: a kept verdict dies with the cookie and every deadline, by lengths and not by instants: the application's clock may be anywhere.
func TestP1_KeptVerdictsDieInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := &clocks{}
	r := w.hearing(func(c *middleware.RemoteConfig) { c.Now = clock.now })
	p := w.signIn(w.clinic, "amara")
	w.pass(5*time.Minute - time.Millisecond) // the cookie is good for a millisecond more
	if got := code(r.Check(p.request("GET", "/"))); got != "allowed amara" {
		t.Fatal(got)
	}
	w.pass(time.Millisecond)
	needs.Until(t, "the verdict to die with the cookie", func() bool { return code(r.Check(p.request("GET", "/"))) == "401 stale_cookie " })

	// A machine that slept knows nothing.
	q := w.signIn(w.clinic, "wren")
	w.untilKept(r)
	r.Check(q.request("GET", "/"))
	before := w.count("verdict")
	clock.sleep.Store(int64(time.Hour))
	r.Check(q.request("GET", "/"))
	if w.count("verdict") == before {
		t.Error("a verdict from before an hour of sleep was used")
	}
}

// P1, P4: while endings cannot be heard, nothing is kept; when the verifier does not answer, nobody is let through; and it recovers.
func TestP4_WithoutHearingNothingIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.hearing(nil)
	p := w.signIn(w.clinic, "amara")
	var deaf, dumb atomic.Bool
	w.mu.Lock()
	w.around = func(endpoint string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
			if endpoint == "endings" && deaf.Load() || dumb.Load() {
				panic(http.ErrAbortHandler) // the connection breaks
			}
			next.ServeHTTP(rw, request)
		})
	}
	w.mu.Unlock()
	r.Check(p.request("GET", "/"))
	deaf.Store(true)
	needs.Until(t, "every request to be asked about", func() bool {
		before := w.count("verdict")
		return code(r.Check(p.request("GET", "/"))) == "allowed amara" && w.count("verdict") > before
	})
	began := time.Now()
	p.end() // it waits for a lease that nobody renews, and no longer
	if waited := time.Since(began); waited > engine.Lease+20*time.Second {
		t.Errorf("the ending was acknowledged after %s", waited)
	}
	if got := code(r.Check(p.request("GET", "/"))); got != "401 session_ended ended_by_admin" {
		t.Error(got)
	}
	q := w.signIn(w.clinic, "wren")
	dumb.Store(true)
	if got := code(r.Check(q.request("GET", "/"))); got != "503 unavailable " {
		t.Error(got)
	}
	dumb.Store(false)
	deaf.Store(false)
	w.untilKept(r)
	// After a restart the verifier does not know who was told what: it tells everybody to begin anew.
	r.Check(q.request("GET", "/"))
	w.boot()
	w.Presume("clinic")
	q.end()
	if got := code(r.Check(q.request("GET", "/"))); got != "401 session_ended ended_by_admin" {
		t.Error("after a restart:", got)
	}
}

// P4: many requests with one cookie share questions, but none takes an answer to a question from before it came.
func TestP4_SharedAnswersAreNeverOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.remote(nil)
	p := w.signIn(w.clinic, "amara")
	held, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.mu.Lock()
	w.around = func(endpoint string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
			first := false
			once.Do(func() { first = true })
			recorded := httptest.NewRecorder()
			next.ServeHTTP(recorded, request) // the verdict is made
			if first {                        // and takes its time to arrive
				close(held)
				<-free
			}
			for name, values := range recorded.Header() {
				rw.Header()[name] = values
			}
			rw.WriteHeader(recorded.Code)
			rw.Write(recorded.Body.Bytes())
		})
	}
	w.mu.Unlock()
	early := make(chan string, 1)
	go func() { early <- code(r.Check(p.request("GET", "/"))) }()
	<-held
	p.end()
	const many = 50
	late := make(chan string, many)
	for range many {
		go func() { late <- code(r.Check(p.request("GET", "/"))) }()
	}
	close(free)
	if got := <-early; got != "allowed amara" { // it came before the end
		t.Error(got)
	}
	for range many {
		if got := <-late; got != "401 session_ended ended_by_admin" {
			t.Fatalf("a request after the end: %s", got)
		}
	}
	if n := w.count("verdict"); n > 1+many/2 {
		t.Errorf("%d questions for %d requests", n, 1+many)
	}
}

// P8: no more verdicts are kept than allowed.
func TestP8_KeptVerdictsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.hearing(func(c *middleware.RemoteConfig) { c.Entries = 3 })
	var people []*person
	for n := range 8 {
		people = append(people, w.signIn(w.clinic, fmt.Sprint("user-", n)))
	}
	for range 2 {
		for _, p := range people {
			if got := r.Check(p.request("GET", "/")); !got.Allowed {
				t.Fatal(code(got))
			}
		}
	}
	before := w.count("verdict")
	for _, p := range people {
		r.Check(p.request("GET", "/"))
	}
	if n := w.count("verdict") - before; n < len(people)-3 {
		t.Errorf("%d of %d were asked about; 3 may be kept", n, len(people))
	}
}

// P6: an API in another process judges by the verifier's proofcheck, and answers as RFC 9449 says.
func TestP6_RemoteAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.remote(nil)
	reached := atomic.Int64{}
	guard := middleware.GuardAPI(r, http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		reached.Add(1)
		user, _ := middleware.UserOf(request.Context())
		io.WriteString(rw, user.Subject)
	}))
	p := w.signIn(w.clinic, "amara")
	token := p.token()
	const address = "https://records.example/api/notes"
	call := func(method, target string, header http.Header) *http.Response {
		t.Helper()
		request := httptest.NewRequest(method, target, nil)
		request.Header = header
		request.AddCookie(&http.Cookie{Name: "__Host-curfew", Value: p.cookie}) // it makes no difference
		rw := httptest.NewRecorder()
		guard.ServeHTTP(rw, request)
		return rw.Result()
	}
	signed := func(method, htu, nonce string) http.Header {
		return http.Header{"Authorization": {"DPoP " + token.Token}, "Dpop": {p.proof(method, htu, nonce, token.Token, rand.Text())}}
	}
	answer := call("PUT", address+"?page=2", signed("PUT", address, token.Nonce))
	if answer.StatusCode != 200 || answer.Header.Get("DPoP-Nonce") == "" || reached.Load() != 1 {
		t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	used := signed("GET", address, token.Nonce)
	call("GET", address, used)
	for name, c := range map[string]struct {
		header    http.Header
		challenge string
	}{
		"only the cookie":     {http.Header{}, `error="invalid_token"`},
		"bearer":              {http.Header{"Authorization": {"Bearer " + token.Token}}, `error="invalid_token"`},
		"no proof":            {http.Header{"Authorization": {"DPoP " + token.Token}}, `error="use_dpop_nonce"`},
		"a nonce of the past": {signed("GET", address, "old"), `error="use_dpop_nonce"`},
		"used":                {used, `error="invalid_dpop_proof"`},
		"another path":        {signed("GET", address+"/", token.Nonce), `error="invalid_dpop_proof"`},
		"another origin":      {signed("GET", "https://evil.example/api/notes", token.Nonce), `error="invalid_dpop_proof"`},
		"http":                {signed("GET", "http://records.example/api/notes", token.Nonce), `error="invalid_dpop_proof"`},
	} {
		before := reached.Load()
		answer := call("GET", address, c.header)
		if answer.StatusCode != 401 || !strings.Contains(answer.Header.Get("WWW-Authenticate"), c.challenge) || reached.Load() != before || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, answer.StatusCode, answer.Header)
		}
		if strings.Contains(c.challenge, "nonce") != (answer.Header.Get("DPoP-Nonce") != "") {
			t.Errorf("%s: DPoP-Nonce %q", name, answer.Header.Get("DPoP-Nonce"))
		}
	}
	p.end()
	answer = call("GET", address, signed("GET", address, token.Nonce))
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 401 || !strings.Contains(string(body), `"error":"session_ended","reason":"ended_by_admin"`) {
		t.Errorf("after the end: %d %s", answer.StatusCode, body)
	}
}

// P4: an open WebSocket and an open event stream of the application end with their session, whatever their handler does.
func TestP4_LongRequestsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.hearing(nil)
	causes := make(chan error, 1)
	app := httptest.NewServer(middleware.Guard(r, http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/socket", "/left": // a handler that knows nothing of sessions
			conn, buffered, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
			buffered.Flush()
			echo := func() { defer conn.Close(); io.Copy(conn, conn) }
			if request.URL.Path == "/left" {
				go echo() // and has returned
				return
			}
			echo()
		case "/stream":
			rw.Header().Set("Content-Type", "text/event-stream")
			rw.(http.Flusher).Flush()
			<-request.Context().Done()
			causes <- context.Cause(request.Context())
		}
	})))
	defer app.Close()
	open := func(p *person, path string, header ...string) (net.Conn, *bufio.Reader) {
		t.Helper()
		conn, err := net.Dial("tcp", app.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(needs.Patience))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: app\r\nCookie: __Host-curfew=%s\r\n%s\r\n\r\n", path, p.cookie, strings.Join(header, "\r\n"))
		buffered := bufio.NewReader(conn)
		answer, err := http.ReadResponse(buffered, nil)
		if err != nil || answer.StatusCode != 101 && answer.StatusCode != 200 {
			t.Fatalf("%s: %v %v", path, answer, err)
		}
		return conn, buffered
	}
	gone := func(what string, from io.Reader) {
		t.Helper()
		var timeout net.Error
		if _, err := io.Copy(io.Discard, from); errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s is still open", what)
		}
	}
	p, other := w.signIn(w.clinic, "amara"), w.signIn(w.clinic, "wren")
	socket, in := open(p, "/socket", "Upgrade: echo", "Connection: Upgrade")
	_, left := open(p, "/left", "Upgrade: echo", "Connection: Upgrade")
	_, stream := open(p, "/stream", "Accept: text/event-stream")
	stays, staysIn := open(other, "/left", "Upgrade: echo", "Connection: Upgrade")
	ping := func(conn net.Conn, from *bufio.Reader) {
		t.Helper()
		fmt.Fprintln(conn, "ping")
		if line, err := from.ReadString('\n'); line != "ping\n" {
			t.Errorf("%q, %v", line, err)
		}
	}
	ping(socket, in)
	p.end()
	gone("the socket", in)
	gone("the socket whose handler has returned", left)
	gone("the stream", stream)
	if cause := <-causes; cause != middleware.ErrSessionEnded {
		t.Errorf("the stream's context ended because of %v", cause)
	}
	ping(stays, staysIn) // nobody else is disturbed
}

func TestRemoteConfig(t *testing.T) {
	t.Parallel()
	good := middleware.RemoteConfig{Verifier: "http://127.0.0.1:1", Origin: "https://a.example", ID: "app", Secret: "s", Now: time.Now}
	for want, change := range map[string]func(*middleware.RemoteConfig){
		"Verifier is required":                                 func(c *middleware.RemoteConfig) { c.Verifier = "" },
		"Secret is required":                                   func(c *middleware.RemoteConfig) { c.Secret = "" },
		"Now is required":                                      func(c *middleware.RemoteConfig) { c.Now = nil },
		"Cache is 11s; allowed: 0 ":                            func(c *middleware.RemoteConfig) { c.Cache = 11 * time.Second },
		"Timeout is 1m0s; allowed":                             func(c *middleware.RemoteConfig) { c.Timeout = time.Minute },
		"Entries is -1; allowed":                               func(c *middleware.RemoteConfig) { c.Entries = -1 },
		"Prefix is \"x\"; allowed":                             func(c *middleware.RemoteConfig) { c.Prefix = "x" },
		"Origin is \"a.example\"":                              func(c *middleware.RemoteConfig) { c.Origin = "a.example" },
		"Verifier is \"http://127.0.0.1:1/\"; allowed: scheme": func(c *middleware.RemoteConfig) { c.Verifier += "/" },
	} {
		c := good
		change(&c)
		if _, err := middleware.NewRemote(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := middleware.NewRemote(good); err != nil {
		t.Error(err)
	}
}

// P2: whoever follows what is open asks for heartbeats at every verifier; a request does not.
func TestP2_FollowersAskForHeartbeatsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.remote(nil)
	asked := make(chan string, 100)
	w.mu.Lock()
	w.around = func(_ string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
			asked <- request.PostFormValue(wire.FieldOpen)
			next.ServeHTTP(rw, request)
		})
	}
	w.mu.Unlock()
	p := w.signIn(w.clinic, "amara")
	request := p.request("GET", "/socket")
	verdict := r.Check(request)
	if got := <-asked; got != "" || !verdict.Allowed {
		t.Errorf("a request asks with open=%q: %s", got, code(verdict))
	}
	_, stop := r.Follow(request, verdict.User)
	defer stop()
	if got := <-asked; got != "1" {
		t.Errorf("what is open asks with open=%q", got)
	}
}

// P4, P8: where several verifiers end sessions a process that asks for endings is not told any, holds nobody up, keeps nothing, and is not
// answered before a pause.
func TestP8_AskingForEndingsWhereNothingIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shared = true
	w.boot()
	began := time.Now()
	r := w.remote(nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go r.Run(ctx)
	needs.Until(t, "two questions for endings", func() bool { return w.count("endings") == 2 })
	if passed := time.Since(began); passed < engine.FeedHold {
		t.Errorf("the second question came after %s", passed)
	}
	p := w.signIn(w.clinic, "amara")
	for n := range 3 {
		before := w.count("verdict")
		if got := code(r.Check(p.request("GET", "/"))); got != "allowed amara" || w.count("verdict") != before+1 {
			t.Errorf("request %d: %s, %d questions", n, got, w.count("verdict")-before)
		}
	}
	p.end()
	if got := code(r.Check(p.request("GET", "/"))); got != "401 session_ended ended_by_admin" {
		t.Error(got)
	}
}
