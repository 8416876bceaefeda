// Package loader_test runs the built loader and agent in a real browser. The verifier here is a script: it answers what a test
// tells it to, so that every state of the screen can be reached. How the real verifier answers is tested where both run.
package loader_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/dist"
)

// strictPolicy is the policy that the agent must work under.
const strictPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; " +
	"frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'"

// beat is what one heartbeat claimed.
type beat struct {
	Seq   uint64 `json:"seq"`
	Idle  int64  `json:"idle"`
	Age   int64  `json:"age"`
	Nonce string `json:"nonce"`
	HTU   string `json:"htu"`
	Stay  bool   `json:"stay"`
	From  string `json:"-"` // the page that sent it
	At    int64  `json:"-"` // when it came, by the verifier's clock
	Acted int64  `json:"-"` // the activity that it claims, by the verifier's clock
}

// site is an application's page with the scripted verifier beside it.
type site struct {
	*httptest.Server
	t    testing.TB
	dist *dist.Dist

	mu       sync.Mutex
	policy   string
	cache    string // Cache-Control of every page
	body     string
	damage   bool
	active   int64 // the session's last activity, milliseconds since the epoch
	past     int64 // activity until then is behind the session: a test has moved its deadlines since
	began    int64
	settings wire.Settings
	interval int64
	checkBy  int64 // while the identity provider cannot be asked (A7)
	ended    wire.Reason
	raw      func(honest []byte) (status int, body []byte) // replaces the answer to a heartbeat
	goTo     string                                        // replaces the address that a sign-in leads to
	beats    []beat
	seq      uint64
	key      string // the thumbprint of the key that signed in last (RFC 7638)
	sid      string
	user     string // the handle of whom the session is of
	nobody   bool   // there is no session
	form     url.Values
	hold     chan struct{} // not nil: heartbeats and sign-outs wait for its closing

	streams      map[chan string]bool // the open event streams
	opened       int                  // requests for one
	eventsStatus int                  // what they get instead, 0: a stream
	eventsLast   time.Duration        // how long the verifier keeps one, 0: for ever
	quit         chan struct{}

	personal dist.Site         // what the loader knows of this application
	files    map[string][]byte // below the prefix, by name
	html     string            // attributes of every page's root; empty: English
	head     string            // added to every page's head

	ahead    int64             // the verifier's clock is that many milliseconds ahead of the test's
	enforces bool              // it ends the session by inactivity, by itself
	refused  int               // requests for a nonce, and what else was not answered with a reply
	pages    map[string]string // more pages, by path: whole documents, with the script or without
}

// build is what all sites serve. One serves them all, so that each application's loader is compressed once.
var build = sync.OnceValues(dist.Load)

func newSite(t testing.TB) *site {
	t.Helper()
	d, err := build()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	s := &site{t: t, dist: d, policy: strictPolicy, cache: "no-store", began: now, active: now, interval: 60_000, sid: "s1", user: "u1", body: `<main><h1>Records</h1>
<p id=secret>Blood group: AB negative</p><button id=work>Work</button></main>`}
	s.streams, s.quit = map[chan string]bool{}, make(chan struct{})
	s.settings = wire.Settings{SessionTimeout: 24 * 3600_000, SessionWarning: 20 * 60_000, InactivityTimeout: 3600_000, InactivityWarning: 120_000}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.curfew/agent.js", s.loader)
	mux.HandleFunc("GET /.curfew/{wasm}", s.serveWasm)
	mux.HandleFunc("POST /.curfew/heartbeat", s.heartbeat)
	mux.HandleFunc("POST /.curfew/sign-in", s.signIn)
	mux.HandleFunc("POST /.curfew/sign-out", s.signOut)
	mux.HandleFunc("GET /.curfew/events", s.events)
	mux.HandleFunc("GET /.curfew/sign-in", func(w http.ResponseWriter, r *http.Request) {
		stay := ""
		if given, ok := r.URL.Query()["stay"]; ok {
			stay = `data-stay="` + given[0] + `"`
		}
		back := "/back?a=1&amp;b=%C3%A6"
		if r.FormValue("return_to") == "/.curfew/signed-in" {
			back = "/.curfew/signed-in"
		}
		s.page(w, `data-mode="sign-in" data-nonce="first" data-return-to="`+back+`" `+stay, "")
	})
	mux.HandleFunc("GET /.curfew/signed-in", func(w http.ResponseWriter, r *http.Request) {
		s.page(w, `data-mode="signed-in"`, "<h1>You are signed in</h1>")
	})
	mux.HandleFunc("GET /.curfew/sign-out", func(w http.ResponseWriter, r *http.Request) { s.page(w, `data-mode="sign-out"`, "") })
	// Web resources (A10): the same loader by another name. Under late/ it takes its time, so that frames are there first.
	for _, folder := range []string{"WebResources", "late"} {
		mux.HandleFunc("GET /"+folder+"/ClientGlobalContext.js.aspx", func(w http.ResponseWriter, r *http.Request) {
			if folder == "late" {
				time.Sleep(500 * time.Millisecond)
			}
			s.loader(w, r)
		})
		mux.HandleFunc("GET /"+folder+"/page", func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", s.policy)
			fmt.Fprintf(w, `<!doctype html><html lang=en><title>Resource</title><script src="ClientGlobalContext.js.aspx" async></script>
<script src="ClientGlobalContext.js.aspx" async></script><body>%s</body></html>`, s.body)
		})
	}
	mux.HandleFunc("GET /refused", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusUnauthorized, wire.Refusal{Error: wire.NoSession})
	})
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "bye") })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == "ClientGlobalContext.js.aspx" {
			s.loader(w, r)
			return
		}
		s.mu.Lock()
		body, policy := s.body, s.policy
		whole, ok := s.pages[r.URL.Path]
		s.mu.Unlock()
		if ok {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			fmt.Fprint(w, whole)
			return
		}
		s.page(w, "", body)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		close(s.quit) // the server waits for the streams
		s.Close()
	})
	return s
}

func (s *site) page(w http.ResponseWriter, attributes, body string) {
	s.mu.Lock()
	policy, cache, html, head := s.policy, s.cache, s.html, s.head
	s.mu.Unlock()
	if html == "" {
		html = "lang=en"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Content-Security-Policy", policy)
	fmt.Fprintf(w, `<!doctype html><html %s><meta name=viewport content="width=device-width"><title>Clinic</title>%s
<script src="/.curfew/agent.js" async %s></script><body>%s</body></html>`, html, head, attributes, body)
}

func (s *site) loader(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	personal := s.personal
	s.mu.Unlock()
	s.dist.ServeLoader(w, r, personal)
}

func (s *site) serveWasm(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	damage, file := s.damage, s.files[r.PathValue("wasm")]
	s.mu.Unlock()
	if file != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(file)
		return
	}
	if damage && r.Method == http.MethodGet {
		bytes := append([]byte(nil), s.dist.Wasm()...)
		bytes[len(bytes)-1] ^= 1
		w.Header().Set("Content-Type", "application/wasm")
		_, _ = w.Write(bytes)
		return
	}
	s.dist.ServeWasm(w, r)
}

// claims reads a proof without checking its signature, which the verifier's own tests do.
func claims(proof string, into any) bool {
	parts := strings.Split(proof, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && json.Unmarshal(payload, into) == nil
}

// thumbprint is that of the key in a proof's header.
func thumbprint(t testing.TB, token string) string {
	header, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Error(err)
	}
	var jose struct {
		JWK struct{ X, Y string } `json:"jwk"`
	}
	if err := json.Unmarshal(raw, &jose); err != nil {
		t.Error(err)
	}
	sum := sha256.Sum256([]byte(proof.ThumbprintInput(proof.Key{X: jose.JWK.X, Y: jose.JWK.Y})))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *site) heartbeat(w http.ResponseWriter, r *http.Request) {
	s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nobody {
		answer(w, http.StatusUnauthorized, wire.Refusal{Error: wire.NoSession})
		return
	}
	var b beat
	if !claims(r.Header.Get(wire.HeaderProof), &b) {
		s.refused++
		w.Header().Set(wire.HeaderNonce, s.nonce())
		answer(w, http.StatusUnauthorized, wire.Refusal{Error: wire.UseNonce, SID: s.sid, Key: s.key, Seq: s.seq})
		return
	}
	if b.Seq <= s.seq { // a replay, or another tab was faster
		s.refused++
		w.Header().Set(wire.HeaderNonce, s.nonce())
		answer(w, http.StatusConflict, wire.Refusal{Error: wire.Replayed, SID: s.sid, Key: s.key, Seq: s.seq})
		return
	}
	s.seq = b.Seq
	now := s.now()
	issued, err := strconv.ParseInt(b.Nonce, 10, 64)
	if err != nil {
		s.t.Errorf("a heartbeat with the nonce %q", b.Nonce)
	}
	if want := s.URL + "/.curfew/heartbeat"; b.HTU != want {
		s.t.Errorf("a heartbeat for %q, want %q", b.HTU, want)
	}
	b.From, b.At, b.Acted = r.Referer(), now, min(now, issued+b.Age)-b.Idle
	s.beats = append(s.beats, b)
	if (b.Stay || b.Acted > max(s.active, s.past)) && !(s.enforces && now >= s.active+s.settings.InactivityTimeout) {
		s.active = b.Acted
	}
	reply := wire.Reply{
		Now: now, Phase: wire.Active, Began: s.began, Active: s.active, Settings: s.settings, Seq: b.Seq,
		Nonce: s.nonce(), Interval: s.interval, CheckBy: s.checkBy, User: s.user,
	}
	if s.settings.SessionTimeout > 0 {
		reply.SessionEnds = s.began + s.settings.SessionTimeout
	}
	if s.enforces && s.ended == "" && now >= s.active+s.settings.InactivityTimeout {
		s.ended = wire.Inactivity
	}
	if s.ended != "" {
		reply.Phase, reply.Reason, reply.EndedAt = wire.Ended, s.ended, now
	}
	if s.raw != nil {
		honest, err := json.Marshal(reply)
		if err != nil {
			s.t.Error(err)
		}
		status, body := s.raw(honest)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return
	}
	answer(w, http.StatusOK, reply)
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Nonce string `json:"nonce"`
		HTU   string `json:"htu"`
	}
	if !claims(r.Header.Get(wire.HeaderProof), &c) || c.Nonce != "first" || c.HTU != s.URL+"/.curfew/sign-in" {
		answer(w, http.StatusBadRequest, wire.Refusal{Error: wire.InvalidProof})
		return
	}
	to := r.FormValue("return_to")
	s.mu.Lock()
	s.key, s.form = thumbprint(s.t, r.Header.Get(wire.HeaderProof)), r.Form
	if s.goTo != "" {
		to = s.goTo
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, wire.Redirect{Location: to})
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	s.wait()
	answer(w, http.StatusOK, wire.Redirect{Location: s.URL + "/bye"})
}

// wait waits as long as answers are held back.
func (s *site) wait() {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold == nil {
		return
	}
	select {
	case <-hold:
	case <-s.quit:
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// now is the verifier's clock, in milliseconds since the epoch. It is called in set and where s.mu is held.
func (s *site) now() int64 { return time.Now().UnixMilli() + s.ahead }

// nonce says when it was issued, so that a heartbeat that came late is not taken for later activity. It is called where s.mu is held.
func (s *site) nonce() string { return strconv.FormatInt(s.now(), 10) }

// set changes the script.
func (s *site) set(change func(*site)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// warnInactivity makes the inactivity warning due, with about left milliseconds to go. A page that has seen activity just before goes by
// that, as it must; load it anew.
func (s *site) warnInactivity(left int64) {
	s.set(func(s *site) {
		s.active = s.now() - s.settings.InactivityTimeout + left
		s.began, s.past = s.active, s.now()
	})
}

// warnSession makes the session warning due.
func (s *site) warnSession(left int64) {
	s.set(func(s *site) { s.began = s.now() - s.settings.SessionTimeout + left })
}

// warnUnchecked makes the warning of the identity provider's silence due, in a session that has no end of its own.
func (s *site) warnUnchecked(left int64) {
	s.set(func(s *site) { s.settings.SessionTimeout, s.checkBy = 0, s.now()+left })
}

func (s *site) allBeats() []beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]beat(nil), s.beats...)
}

// open opens a tab that has signed in, so that it has a key, and is on the page it came back to.
func open(t testing.TB, s *site, browser context.Context) (context.Context, *chrome.Console) {
	t.Helper()
	tab := chrome.Tab(t, browser)
	console := chrome.Listen(t, tab)
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
	return tab, console
}

// inRoot is an expression about the agent's shadow root, called root in it.
func inRoot(expression string) string {
	return `(() => { const root = document.querySelector("curfew-agent")?.shadowRoot; if (!root) return null; return ` + expression + ` })()`
}

// shot takes a picture into the folder CURFEW_SCREENSHOTS when somebody wants to see it.
func shot(t testing.TB, tab context.Context, name string) {
	if dir := os.Getenv("CURFEW_SCREENSHOTS"); dir != "" {
		chrome.Screenshot(t, tab, dir+"/"+name+".png")
	}
}
