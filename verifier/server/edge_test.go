package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
	"github.com/curfew-project/curfew/verifier/session"
)

const edgeConfig = `
trusted_proxies: [192.0.2.1]
max_connections: 16
rate_limits: {address: 1, address_burst: 30, session: 1, session_burst: 10}
environments:
  - {id: records, origin: "http://localhost:1", provider: {issuer: "http://127.0.0.1:1", client_id: c}}
`

// edgeWorld is a verifier at a standing clock, asked without a network: so an address can be anybody's.
type edgeWorld struct {
	*Server
	t   *testing.T
	now atomic.Int64 // milliseconds
	log *log
}

func newEdgeWorld(t *testing.T, config string) *edgeWorld {
	t.Helper()
	w := &edgeWorld{t: t}
	w.now.Store(1_800_000_000_000)
	w.Server, w.log = newServerAt(t, func() time.Time { return time.UnixMilli(w.now.Load()) }, config)
	return w
}

func (w *edgeWorld) pass(d time.Duration) { w.now.Add(d.Milliseconds()) }

// tab is a page of a session, at an address.
type tab struct {
	*edgeWorld
	prooftest.Maker
	cookie, id, address string
	seq                 uint64
	nonce               string
}

func (w *edgeWorld) signedIn(subject, address string) *tab {
	w.t.Helper()
	env, ok := w.site.Environment(&http.Request{Host: "localhost:1"})
	if !ok {
		w.t.Fatal("there is no environment")
	}
	key := prooftest.New(w.t)
	s, cookie, err := w.engine.Begin(w.t.Context(), env, engine.SignIn{
		Who:          session.Identity{Issuer: "http://127.0.0.1:1", Subject: subject, AuthTime: w.now.Load()/1000 - 5, IDToken: "t"},
		RefreshToken: "r", Key: session.Thumbprint(key.Thumbprint()),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return &tab{edgeWorld: w, Maker: key, cookie: cookie, id: s.ID.String(), address: address}
}

func (w *edgeWorld) do(r *http.Request, address string) (*httptest.ResponseRecorder, wire.Refusal) {
	w.t.Helper()
	r.RemoteAddr = address
	answer := httptest.NewRecorder()
	w.Public().ServeHTTP(answer, r)
	var refusal wire.Refusal
	if answer.Code >= 400 && strings.HasPrefix(answer.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(answer.Body.Bytes(), &refusal); err != nil {
			w.t.Fatalf("%d: %q", answer.Code, answer.Body)
		}
	}
	return answer, refusal
}

func (w *edgeWorld) request(method, path string) *http.Request {
	return httptest.NewRequest(method, "http://localhost:1"+path, nil)
}

// send sends a heartbeat with a proof by a key, or none.
func (p *tab) send(key *prooftest.Maker) wire.Refusal {
	p.t.Helper()
	r := p.request("POST", "/.curfew/heartbeat")
	r.AddCookie(&http.Cookie{Name: "curfew", Value: p.cookie})
	if key != nil {
		r.Header.Set(wire.HeaderProof, key.Token(p.t, proof.Claims{JTI: "jti", HTM: "POST", HTU: "http://localhost:1/.curfew/heartbeat", IAT: 1, Nonce: p.nonce,
			Heartbeat: &proof.Heartbeat{SID: p.id, Seq: p.seq}}))
	}
	answer, refusal := p.do(r, p.address)
	if answer.Code == http.StatusTooManyRequests && (answer.Header().Get("Retry-After") == "" || refusal.RetryAfter <= 0 || refusal.Error != wire.TooMany) {
		p.t.Errorf("429 with %v and %+v", answer.Header(), refusal)
	}
	if answer.Code == http.StatusOK {
		var reply wire.Reply
		if err := json.Unmarshal(answer.Body.Bytes(), &reply); err != nil {
			p.t.Fatal(err)
		}
		p.nonce, p.seq = reply.Nonce, reply.Seq+1
	} else if refusal.Nonce != "" {
		p.nonce, p.seq = refusal.Nonce, refusal.Seq+1
	}
	return refusal
}

// beat is a heartbeat as the agent makes it: once more when it is given a nonce.
func (p *tab) beat() wire.Refusal {
	p.t.Helper()
	if refusal := p.send(nil); refusal.Error != wire.UseNonce {
		return refusal
	}
	return p.send(&p.Maker)
}

func (w *edgeWorld) count(code wire.Code) int {
	w.t.Helper()
	if err := w.journal.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	found, err := w.ledger.Audit().Search(w.t.Context(), audit.Query{Kinds: []audit.Kind{audit.Refused}, Limit: audit.MaxLimit})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, e := range found {
		if e.Code == code {
			n++
		}
	}
	return n
}

// An office has one address. Somebody in it who uses up what the address may ask for takes nothing from the sessions there.
func TestP8_ALivingSessionIsNotStarvedByItsNeighbours(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	const office = "203.0.113.7:4711"
	colleagues := []*tab{w.signedIn("ada", office), w.signedIn("ben", "203.0.113.7:9")}
	refused := 0
	for range 500 {
		if _, refusal := w.do(w.request("GET", "/.curfew/sign-in"), office); refusal.Error == wire.TooMany {
			refused++
		}
	}
	if refused != 470 {
		t.Fatalf("%d of 500 sign-in pages were refused; want all but the burst of 30", refused)
	}
	for _, p := range colleagues {
		for minute := range 5 {
			if refusal := p.beat(); refusal.Error != "" {
				t.Errorf("minute %d: a heartbeat of a neighbour was refused: %+v", minute, refusal)
			}
		}
	}
	if _, refusal := w.do(w.request("GET", "/.curfew/sign-in"), "198.51.100.1:1"); refusal.Error != "" {
		t.Errorf("at another address: %+v", refusal)
	}
	if n := w.count(wire.TooMany); n == 0 || n > 250 {
		t.Errorf("the audit has %d of 470 refusals; want some, and not every one", n)
	}
	if status, text := w.ask(t, "/metrics"); status != 200 || !strings.Contains(text, `curfew_events_total{code="too_many",environment="records",kind="refused",reason=""} 470`) {
		t.Errorf("the metrics do not have 470 refusals: %d", status)
	}
	w.pass(31 * time.Second)
	if _, refusal := w.do(w.request("GET", "/.curfew/sign-in"), office); refusal.Error != "" {
		t.Errorf("half a minute later: %+v", refusal)
	}
}

// Whoever has copied the cookie and not the key can use up neither the heartbeats at another address nor, at the same one, those that
// the session's own key makes.
func TestP8_AStolenCookieDoesNotStarveItsSession(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	victim := w.signedIn("ada", "203.0.113.7:4711")
	if refusal := victim.beat(); refusal.Error != "" {
		t.Fatalf("%+v", refusal)
	}
	forger := prooftest.New(t)
	for _, at := range []string{"198.51.100.66:1", "203.0.113.7:666"} {
		thief := *victim
		thief.address = at
		limited := 0
		for n := range 100 {
			if refusal := thief.send(&forger); refusal.Error == wire.TooMany {
				limited++
			}
			if n < 50 {
				thief.send(nil)
			}
			w.do(w.request("GET", "/.curfew/sign-in"), at)
		}
		if limited < 85 {
			t.Errorf("%d of 100 requests of a thief at %s were limited", limited, at)
		}
		if refusal := victim.beat(); refusal.Error != "" {
			t.Errorf("after a thief at %s: the session's own heartbeat was refused: %+v", at, refusal)
		}
	}
	// Nor do a page's own requests use up its heartbeats.
	for range 100 {
		r := w.request("GET", "/.curfew/sessions")
		r.AddCookie(&http.Cookie{Name: "curfew", Value: victim.cookie})
		w.do(r, victim.address)
	}
	w.pass(2 * time.Second)
	if refusal := victim.beat(); refusal.Error != "" {
		t.Errorf("after many pages: %+v", refusal)
	}
	// And even the key is held to the rate.
	limited := 0
	for range 100 {
		if victim.send(&victim.Maker).Error == wire.TooMany {
			limited++
		}
	}
	if limited < 70 {
		t.Errorf("%d of 100 heartbeats at one moment were limited", limited)
	}
}

// A reverse proxy asks check for every request of everybody, and a refusal would be an error of the application.
func TestP8_CheckIsNeverLimited(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	p := w.signedIn("ada", "192.0.2.1:1")
	for _, cookie := range []string{p.cookie, "nonsense"} {
		for n := range 300 {
			r := w.request("GET", "/.curfew/check")
			r.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
			if answer, _ := w.do(r, p.address); answer.Code == http.StatusTooManyRequests {
				t.Fatalf("check %d with cookie %.8s was limited", n, cookie)
			}
		}
	}
}

// Clients are told apart by what a trusted proxy says of them; one that is not trusted is one client, and the log says so once.
func TestP8_ClientsBehindAProxyAreToldApart(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	ask := func(proxy, client string) wire.Code {
		r := w.request("GET", "/.curfew/sign-in")
		r.Header.Set("X-Forwarded-For", client)
		_, refusal := w.do(r, proxy)
		return refusal.Error
	}
	for range 100 {
		ask("192.0.2.1:80", "198.51.100.66")
	}
	if code := ask("192.0.2.1:80", "198.51.100.66"); code != wire.TooMany {
		t.Errorf("the one who asks too often gets %q", code)
	}
	if code := ask("192.0.2.1:80", "198.51.100.67"); code != "" {
		t.Errorf("another one behind the same proxy gets %q", code)
	}
	if w.log.has(t, "proxy_not_trusted") {
		t.Error("a trusted proxy is not trusted")
	}
	for n := range 100 {
		ask("192.0.2.2:80", fmt.Sprintf("198.51.100.%d", n))
	}
	if code := ask("192.0.2.2:80", "198.51.100.200"); code != wire.TooMany {
		t.Errorf("who makes up addresses gets %q", code)
	}
	if !w.log.has(t, "proxy_not_trusted.* address=192.0.2.2") {
		t.Error("the log does not tell of the proxy that is not trusted")
	}
	// Of IPv6, half an address is anybody's own.
	for n := range 100 {
		w.do(w.request("GET", "/.curfew/sign-in"), fmt.Sprintf("[2001:db8:1:2::%x]:80", n+1))
	}
	if _, refusal := w.do(w.request("GET", "/.curfew/sign-in"), "[2001:db8:1:2:ffff::1]:80"); refusal.Error != wire.TooMany {
		t.Errorf("another address of the same network gets %+v", refusal)
	}
	if _, refusal := w.do(w.request("GET", "/.curfew/sign-in"), "[2001:db8:1:3::1]:80"); refusal.Error != "" {
		t.Errorf("another network gets %+v", refusal)
	}
}

// A provider ends sessions from one address. What it says rightly never counts; who says it wrongly has to wait.
func TestB5_LogoutTokensAreLimitedOnlyWhenTheyAreWrong(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	codes := map[int]int{}
	for range 40 {
		r := httptest.NewRequest("POST", "http://localhost:1/.curfew/backchannel-logout", strings.NewReader("logout_token=nonsense"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, _ := w.do(r, "198.51.100.66:1")
		codes[answer.Code]++
	}
	if codes[400] != 40 {
		t.Errorf("wrong tokens: %v", codes)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	slow := w.edge.before(w.site, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-release
	}))
	right := w.edge.before(w.site, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) }))
	ask := func(handler http.Handler, address string) int {
		r := w.request("POST", "/.curfew/backchannel-logout")
		r.RemoteAddr = address
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		return answer.Code
	}
	// Somebody else at the provider's address was wrong too often; a right token still counts, a few at a time.
	if code := ask(right, "198.51.100.66:2"); code != http.StatusOK {
		t.Errorf("a right token where others were wrong: %d", code)
	}
	for range mostDoubted {
		go ask(slow, "198.51.100.66:3")
		<-begun
	}
	if code := ask(right, "198.51.100.66:2"); code != http.StatusTooManyRequests {
		t.Errorf("one more at once: %d", code)
	}
	for n := range 1000 {
		if code := ask(right, "198.51.100.1:1"); code != http.StatusOK {
			t.Fatalf("right token %d of another address: %d", n, code)
		}
	}
	close(release)
}

// P2: an application asks about each of its users' requests from one address; only wrong secrets count.
func TestP2_ServicesAreLimitedOnlyWhenTheyAreWrong(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	right := w.edge.before(w.site, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, endpoint := range []string{"introspect", "verdict", "endings"} {
		for n := range 200 {
			r, answer := w.request("POST", "/.curfew/"+endpoint), httptest.NewRecorder()
			r.RemoteAddr = "198.51.100.1:1"
			if right.ServeHTTP(answer, r); answer.Code != http.StatusOK {
				t.Fatalf("%s: question %d: %d", endpoint, n, answer.Code)
			}
		}
		codes := map[int]int{}
		for range 60 {
			r := w.request("POST", "/.curfew/"+endpoint)
			r.SetBasicAuth("made-up", "secret")
			answer, _ := w.do(r, "198.51.100.77:1")
			codes[answer.Code]++
		}
		if codes[429] < 30 || codes[200] != 0 {
			t.Errorf("%s: wrong secrets: %v", endpoint, codes)
		}
	}
}

// B4: who has copied a cookie and is behind the same address cannot keep its user from signing out.
func TestB4_CopiedCookieDoesNotBlockTheSignOut(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	user := w.signedIn("amara", "198.51.100.7:1")
	post := func(key *prooftest.Maker) wire.Refusal {
		r := w.request("POST", "/.curfew/sign-out")
		r.AddCookie(&http.Cookie{Name: "curfew", Value: user.cookie})
		if key != nil {
			r.Header.Set(wire.HeaderProof, key.Token(t, proof.Claims{JTI: "jti", HTM: "POST", HTU: "http://localhost:1/.curfew/sign-out", IAT: 1, Nonce: "old"}))
		}
		_, refusal := w.do(r, user.address)
		return refusal
	}
	thief := prooftest.New(t)
	for range 100 {
		post(&thief)
		post(nil)
	}
	if refusal := post(&thief); refusal.Error != wire.TooMany {
		t.Fatalf("the thief gets %+v", refusal)
	}
	if refusal := post(&user.Maker); refusal.Error == wire.TooMany {
		t.Errorf("the user gets %+v", refusal)
	}
}

// Event streams leave half of the connections to everybody else.
func TestP8_EventStreamsAreBounded(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	begun, release := make(chan struct{}), make(chan struct{})
	handler := w.edge.before(w.site, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-release
	}))
	open := func() *httptest.ResponseRecorder {
		r, answer := w.request("GET", "/.curfew/events"), httptest.NewRecorder()
		r.RemoteAddr = "198.51.100.1:1"
		handler.ServeHTTP(answer, r)
		return answer
	}
	for range 8 {
		go open()
		<-begun
	}
	if answer := open(); answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") == "" {
		t.Errorf("the ninth of 16 connections: %d %v", answer.Code, answer.Header())
	}
	close(release)
}

// Nobody sends more than anybody needs to.
func TestP8_BodiesAreBounded(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	read := -1
	handler := w.edge.before(w.site, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text := make([]byte, 1<<20)
		for read = 0; ; {
			n, err := r.Body.Read(text)
			if read += n; err != nil {
				break
			}
		}
		if _, bounded := r.Context().Deadline(); !bounded {
			t.Error("the request has all the time in the world")
		}
	}))
	r := httptest.NewRequest("POST", "http://localhost:1/.curfew/sign-in", strings.NewReader(strings.Repeat("x", 1<<20)))
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if read != mostBody {
		t.Errorf("%d bytes of a body were read; want %d", read, mostBody)
	}
}
