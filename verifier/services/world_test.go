package services_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
	"github.com/curfew-project/curfew/verifier/services"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

const (
	appSecret  = "secret of the application+of 32 characters" // with what has to be encoded
	bankSecret = "the bank's own secret of 32 characters and more"
)

// world is a verifier's HTTP side over the real store, with a clock that the test sets.
type world struct {
	t testing.TB
	*engine.Engine
	store   session.Store
	server  *httptest.Server
	clinic  settings.Environment // whose origin is not the server's address: it is behind a reverse proxy
	bank    settings.Environment
	clients *services.Clients

	mu     sync.Mutex
	shared bool // other verifiers use the store too
	mux    *http.ServeMux
	now    int64
	asked  map[string]int // requests, by endpoint
	around func(endpoint string, next http.Handler) http.Handler
	events []audit.Event
}

const start = int64(1_800_000_000_000)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: start, asked: map[string]int{}}
	times := policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}
	check := settings.PolicyCheck{Interval: time.Hour, Budget: time.Hour, Cap: 24 * time.Hour, Absence: 90 * 24 * time.Hour}
	w.clinic = settings.Environment{ID: "clinic", Origin: "https://records.example", Settings: times, Check: check}
	w.bank = settings.Environment{ID: "bank", Origin: "https://bank.example", Settings: times, Check: check}
	var err error
	if w.store, err = embedded.Open(t.Context(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.boot()
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		endpoint := strings.TrimPrefix(r.URL.Path, "/.curfew/")
		w.mu.Lock()
		w.asked[endpoint]++
		around, handler := w.around, http.Handler(w.mux)
		w.mu.Unlock()
		if around != nil {
			handler = around(endpoint, handler)
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// boot makes the verifier anew, as after a restart.
func (w *world) boot() {
	w.t.Helper()
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine, err = engine.New(engine.Config{Store: w.store, Ring: ring, Random: rand.Reader, Renewal: policy.MaxCookieRenewal,
		Replicated: w.shared,
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return time.UnixMilli(w.now)
		},
		Record: func(e audit.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.clients = &services.Clients{}
	w.clients.Set(map[string][]services.Client{
		"clinic": {{ID: "app", SecretHash: sha256.Sum256([]byte(appSecret))}},
		"bank":   {{ID: "bank-app", SecretHash: sha256.Sum256([]byte(bankSecret))}},
	})
	mux := http.NewServeMux()
	site := api.NewSite("/.curfew/", settings.NewLive(w.clinic, w.bank), w.RecordRefusal)
	a := api.New(w.Engine, site)
	a.Register(mux, nil)
	services.New(services.Config{Engine: w.Engine, Site: site, API: a, Clients: w.clients, Random: rand.Reader,
		ClientID: func(environment string) string { return "client-of-" + environment }}).Register(mux, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mux = mux
}

func (w *world) pass(length time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += length.Milliseconds()
}

func (w *world) count(endpoint string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[endpoint]
}

// person is somebody with a living session.
type person struct {
	w       *world
	maker   prooftest.Maker
	session session.Session
	cookie  string
}

func (w *world) signIn(env settings.Environment, subject string) *person {
	w.t.Helper()
	p := &person{w: w, maker: prooftest.New(w.t)}
	var err error
	p.session, p.cookie, err = w.Begin(context.Background(), env, engine.SignIn{RefreshToken: "r", Key: p.maker.Thumbprint(),
		Who: session.Identity{Issuer: "https://login.example", Subject: subject, Name: "Dr " + subject, AuthTime: start/1000 - 60}})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (p *person) end() {
	p.w.t.Helper()
	if _, err := p.w.EndByAdmin(context.Background(), p.session, "ines"); err != nil {
		p.w.t.Fatal(err)
	}
	p.w.Settle(context.Background(), p.session.User.Environment)
}

// request is one of the page to the application.
func (p *person) request(method, target string) *http.Request {
	r := httptest.NewRequest(method, "https://records.example"+target, nil)
	r.AddCookie(&http.Cookie{Name: "__Host-curfew", Value: p.cookie})
	return r
}

// proof is one of RFC 9449 for an address.
func (p *person) proof(method, address, nonce, token, jti string) string {
	p.w.t.Helper()
	claims := map[string]any{"jti": jti, "htm": method, "htu": address, "iat": 1, "nonce": nonce}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	head, _ := json.Marshal(map[string]any{"alg": proof.Algorithm, "typ": proof.Type,
		"jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": p.maker.Public.X, "y": p.maker.Public.Y}})
	body, _ := json.Marshal(claims)
	return p.maker.Sign(p.w.t, base64.RawURLEncoding.EncodeToString(head)+"."+base64.RawURLEncoding.EncodeToString(body))
}

// token asks for an access token as the page does.
func (p *person) token() wire.AccessToken {
	p.w.t.Helper()
	ask := func(proofs ...string) (int, []byte, http.Header) {
		header := http.Header{"Cookie": {"__Host-curfew=" + p.cookie}, wire.HeaderProof: proofs}
		return p.w.post(p.w.clinic, "token", nil, header)
	}
	status, _, header := ask()
	nonce := header.Get(wire.HeaderNonce)
	if status != 401 || nonce == "" {
		p.w.t.Fatalf("token without a proof: %d", status)
	}
	status, body, _ := ask(p.proof("POST", p.w.clinic.Origin+"/.curfew/token", nonce, "", rand.Text()))
	var got wire.AccessToken
	if err := json.Unmarshal(body, &got); status != 200 || err != nil {
		p.w.t.Fatalf("token: %d %s", status, body)
	}
	return got
}

// post sends a form, or nothing, to an environment's address at the verifier.
func (w *world) post(env settings.Environment, endpoint string, form url.Values, header http.Header) (int, []byte, http.Header) {
	w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(http.MethodPost, w.server.URL+"/.curfew/"+endpoint, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = env.Host()
	if header != nil {
		r.Header = header
	}
	if form != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, text, answer.Header
}

func basic(id, secret string) http.Header {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return r.Header
}

// remote is the application's middleware.
func (w *world) remote(change func(*middleware.RemoteConfig)) *middleware.Remote {
	w.t.Helper()
	c := middleware.RemoteConfig{Verifier: w.server.URL, Origin: w.clinic.Origin, ID: "app", Secret: appSecret, Now: time.Now, Timeout: 20 * time.Second}
	if change != nil {
		change(&c)
	}
	r, err := middleware.NewRemote(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) recorded() []audit.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]audit.Event{}, w.events...)
}

// renewed is the person's cookie after a heartbeat of somebody who does nothing.
func (w *world) renewed(p *person) string {
	w.t.Helper()
	request := engine.Request{Cookie: p.cookie, Method: "POST", URL: w.clinic.Origin + "/.curfew/heartbeat"}
	_, _, err := w.Heartbeat(context.Background(), w.clinic, request)
	var asked *engine.Refusal
	if !errors.As(err, &asked) || asked.Refusal.Error != wire.UseNonce {
		w.t.Fatal(err)
	}
	request.Proofs = []string{p.maker.Token(w.t, proof.Claims{JTI: "j", HTM: "POST", HTU: request.URL, IAT: 1, Nonce: asked.Nonce,
		Heartbeat: &proof.Heartbeat{SID: asked.SID, Seq: asked.Seq + 1, Idle: wire.MaxIdle}})}
	_, cookie, err := w.Heartbeat(context.Background(), w.clinic, request)
	if err != nil {
		w.t.Fatal(err)
	}
	p.cookie = cookie
	return cookie
}
