package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

const (
	second = int64(1000)
	minute = 60 * second
	start  = int64(1_800_000_000_000)
)

var times = policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute,
	InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}

var (
	checks = settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: 24 * time.Hour, Absence: 90 * 24 * time.Hour}
	clinic = settings.Environment{ID: "clinic", Origin: "https://records.example", Settings: times, Check: checks}
	bank   = settings.Environment{ID: "bank", Origin: "https://bank.example", Settings: times, Check: checks}
)

// world is an engine over the real embedded store, with a clock that the test sets.
type world struct {
	t testing.TB
	*engine.Engine
	store session.Store

	mu     sync.Mutex
	now    int64
	events []audit.Event
	asked  []session.ID // for policy checks
	check  func(session.ID)
}

// Ask carries a policy check out at once, in the way that the test chose.
func (w *world) Ask(_ settings.Environment, id session.ID, _ int64) <-chan struct{} {
	done := make(chan struct{})
	defer close(done)
	w.mu.Lock()
	w.asked = append(w.asked, id)
	check := w.check
	w.mu.Unlock()
	if check != nil {
		check(id)
	}
	return done
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: start}
	store, err := embedded.Open(context.Background(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.store = store
	w.Engine = w.over(store)
	return w
}

// over makes an engine over a store, as a second replica or after a restart.
func (w *world) over(store session.Store) *engine.Engine { return w.make(store, false) }

// replica makes another engine over the same store, which shares its used proofs or does not.
func (w *world) replica(sharedProofs bool) *engine.Engine { return w.make(w.store, sharedProofs) }

func (w *world) make(store session.Store, sharedProofs bool) *engine.Engine {
	w.t.Helper()
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := engine.New(engine.Config{
		Store: store, Ring: ring, Random: rand.Reader, Checks: w, Renewal: policy.MaxCookieRenewal, Replicated: sharedProofs,
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return time.UnixMilli(w.now)
		},
		Record: func(e audit.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) pass(length int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += length
}

func (w *world) recorded(kind audit.Kind) []audit.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []audit.Event
	for _, e := range w.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// browser is a browser with one key, and what its page remembers.
type browser struct {
	w       *world
	env     settings.Environment
	maker   prooftest.Maker
	cookie  string
	sid     string
	nonce   string
	nonceAt int64
	seq     uint64
}

func (w *world) browser(env settings.Environment) *browser {
	w.t.Helper()
	return &browser{w: w, env: env, maker: prooftest.New(w.t)}
}

func (b *browser) thumbprint() session.Thumbprint { return b.maker.Thumbprint() }

var amara = session.Identity{Issuer: "https://login.example", Subject: "amara", Name: "Dr Amara", AuthTime: start/1000 - 60, IDToken: "hint"}

// back is a sign-in that has just come back from the provider to this browser.
func (b *browser) back(who session.Identity) engine.SignIn {
	return engine.SignIn{Who: who, Key: b.thumbprint(), Replaced: b.cookie, RefreshToken: "refresh-1"}
}

func (b *browser) signIn(who session.Identity) {
	b.w.t.Helper()
	b.finish(b.back(who))
}

func (b *browser) finish(in engine.SignIn) {
	b.w.t.Helper()
	s, cookie, err := b.w.Begin(context.Background(), b.env, in)
	if err != nil {
		b.w.t.Fatalf("sign-in: %v", err)
	}
	b.cookie, b.sid, b.seq = cookie, s.ID.String(), 0
}

// signedIn is a browser of amara with a living session and a nonce.
func (w *world) signedIn(env settings.Environment) *browser {
	w.t.Helper()
	b := w.browser(env)
	b.signIn(amara)
	b.takeNonce()
	return b
}

func (b *browser) takeNonce() {
	b.w.t.Helper()
	_, _, err := b.w.Heartbeat(context.Background(), b.env, engine.Request{Cookie: b.cookie, Method: "POST", URL: b.url("heartbeat")})
	refusal := b.w.refusal(err)
	if refusal.Error != wire.UseNonce || refusal.SID != b.sid {
		b.w.t.Fatalf("a heartbeat without a proof: %+v", refusal)
	}
	b.nonce, b.nonceAt = refusal.Nonce, b.w.now
}

func (b *browser) url(endpoint string) string { return b.env.Origin + "/.curfew/" + endpoint }

func (w *world) refusal(err error) wire.Refusal {
	w.t.Helper()
	var refused *engine.Refusal
	if !errors.As(err, &refused) {
		w.t.Fatalf("no typed refusal: %v", err)
	}
	return refused.Refusal
}

func (b *browser) beat(idle int64) *proof.Heartbeat {
	b.seq++
	return &proof.Heartbeat{SID: b.sid, Seq: b.seq, Idle: idle, Age: b.w.now - b.nonceAt}
}

func (b *browser) token(endpoint string, beat *proof.Heartbeat) string {
	b.w.t.Helper()
	return b.maker.Token(b.w.t, proof.Claims{JTI: "jti", HTM: "POST", HTU: b.url(endpoint), IAT: 1, Nonce: b.nonce, Heartbeat: beat})
}

// send sends a heartbeat and keeps what the answer says.
func (b *browser) send(beat *proof.Heartbeat) (wire.Reply, error) {
	b.w.t.Helper()
	return b.sendTo(b.w.Engine, b.token("heartbeat", beat))
}

func (b *browser) sendTo(e *engine.Engine, token string) (wire.Reply, error) {
	reply, cookie, err := e.Heartbeat(context.Background(), b.env, engine.Request{
		Cookie: b.cookie, Proofs: []string{token}, Method: "POST", URL: b.url("heartbeat"),
	})
	if err == nil {
		b.cookie, b.nonce, b.nonceAt = cookie, reply.Nonce, b.w.now
	}
	return reply, err
}

func (b *browser) check() error {
	_, err := b.w.Check(context.Background(), b.env, b.cookie)
	return err
}

func (b *browser) state() session.Session {
	b.w.t.Helper()
	id, err := session.ParseID(b.sid)
	if err != nil {
		b.w.t.Fatal(err)
	}
	s, ok, err := b.w.store.Get(context.Background(), id, b.w.now)
	if err != nil || !ok {
		b.w.t.Fatalf("session %s: %v, %v", b.sid, ok, err)
	}
	return s
}
