package engine_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// watchedStore tells when a session's own record has been read.
type watchedStore struct {
	session.Store
	read chan struct{}
}

func (s *watchedStore) Update(ctx context.Context, id session.ID, now int64, decide func(session.Session) (session.Session, error)) (session.Session, bool, error) {
	defer func() {
		select {
		case s.read <- struct{}{}:
		default:
		}
	}()
	return s.Store.Update(ctx, id, now, decide)
}

// elsewhere is a world on Redis with a second verifier.
func elsewhere(t *testing.T) (w *world, there *engine.Engine, store *watchedStore) {
	server := redistest.Start(t)
	open := func() session.Store {
		s, err := redis.Open(t.Context(), redis.Options{
			Redis: redisconn.Options{Addresses: []string{server.Address}, Timeout: 20 * time.Second}, // machines that test are slow
			Clock: time.Now, Random: rand.Reader, Lease: 10 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	w = newWorld(t)
	w.store = open()
	w.Engine = w.replica(true)
	store = &watchedStore{open(), make(chan struct{}, 1)}
	return w, w.make(store, true), store
}

// lagging has a browser's heartbeats come to the first verifier until the second one, which answers from memory, does not know the last.
func (w *world) lagging(b *browser, store session.Store) {
	w.t.Helper()
	id := b.state().ID
	needs.Until(w.t, "an answer from memory", func() bool {
		_, err := b.send(b.beat(0))
		w.must(err)
		s, ok, err := store.Get(w.t.Context(), id, w.now)
		w.must(err)
		return ok && s.Seq < b.seq
	})
}

// P2, D4: what is held open at one verifier stays while heartbeats come to another, though it answers from memory; without them it is
// closed with its cookie, also where it first has to learn of a heartbeat from before.
func TestP2_HeartbeatsElsewhereKeepWhatIsHeld(t *testing.T) {
	t.Parallel()
	w, there, store := elsewhere(t)
	heard, silent := w.signedIn(clinic), w.signedIn(clinic)
	w.lagging(heard, store)
	w.lagging(silent, store)
	w.pass(5*minute - 50)
	heard.takeNonce()
	hold := func(b *browser) context.Context {
		t.Helper()
		held, _, release, err := there.Hold(t.Context(), clinic, b.cookie)
		w.must(err)
		t.Cleanup(release)
		return held
	}
	first := hold(heard)
	<-store.read // when it was opened
	_, err := heard.send(heard.beat(0))
	w.must(err)
	w.pass(50)
	select {
	case <-store.read:
	case <-first.Done():
		t.Fatal("closed without a look at the record:", w.refusal(context.Cause(first)))
	case <-time.After(needs.Patience):
		t.Fatal("nobody looked whether the cookie is stale")
	}
	ended := heard.state()
	ended.State.EndedAt, ended.State.Reason = w.now, wire.SignedOut
	there.Hear(ended)
	select {
	case <-first.Done():
	case <-time.After(needs.Patience):
		t.Fatal("open after its session's end")
	}
	if got := w.refusal(context.Cause(first)); got.Error != wire.SessionEnded {
		t.Errorf("a heartbeat at another verifier: %+v", got)
	}

	w.pass(-50)
	second := hold(silent)
	w.pass(50)
	select {
	case <-second.Done():
	case <-time.After(needs.Patience):
		t.Fatal("open although no heartbeat has come")
	}
	if got := w.refusal(context.Cause(second)); got.Error != wire.StaleCookie {
		t.Errorf("no heartbeat: %+v", got)
	}
}

// P2: an application in another process, which follows what is open by verdicts, learns of heartbeats at any verifier; for a mere request
// nobody asks Redis.
func TestP2_VerdictsOnWhatIsOpenCountHeartbeatsElsewhere(t *testing.T) {
	t.Parallel()
	w, there, store := elsewhere(t)
	b := w.signedIn(clinic)
	w.lagging(b, store)
	if j, err := there.Judge(t.Context(), clinic, b.cookie, false); err != nil || len(store.read) != 0 {
		t.Errorf("a request: seq %d, %v; the record was read %d times", j.Session.Seq, err, len(store.read))
	}
	if j, err := there.Judge(t.Context(), clinic, b.cookie, true); err != nil || j.Session.Seq != b.seq {
		t.Errorf("what is open: seq %d, want %d; %v", j.Session.Seq, b.seq, err)
	}
	w.pass(5 * minute)
	j, err := there.Judge(t.Context(), clinic, b.cookie, true)
	if got := w.refusal(err); got.Error != wire.StaleCookie || j.Session.Seq != b.seq || j.Lasts == 0 {
		t.Errorf("with a stale cookie: %+v, %+v", got, j)
	}
}
