package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// silentStore is a store that can stop answering.
type silentStore struct {
	session.Store
	silent atomic.Bool
}

func (s *silentStore) Get(ctx context.Context, id session.ID, now int64) (session.Session, bool, error) {
	if s.silent.Load() {
		return session.Session{}, false, errors.New("no answer")
	}
	return s.Store.Get(ctx, id, now)
}

// sleep passes time in the bubble and by the verifier's clock, a second at a time.
func (w *world) sleep(length int64) {
	for range length / second {
		w.pass(second)
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

// hold holds something open and returns why it was closed: no error while it is open.
func (w *world) hold(e *engine.Engine, b *browser) (closed func() wire.Refusal, release func()) {
	w.t.Helper()
	held, s, release, err := e.Hold(context.Background(), b.env, b.cookie)
	w.must(err)
	if s.ID.String() != b.sid {
		w.t.Fatalf("holds session %s, want %s", s.ID, b.sid)
	}
	return func() wire.Refusal {
		synctest.Wait()
		if held.Err() == nil {
			return wire.Refusal{}
		}
		return w.refusal(context.Cause(held))
	}, release
}

// P1 P4: what is held open is closed when its session ends: at once by this verifier's word, within ten seconds by another's, at the very
// deadline, and when the store cannot say.
func TestP1_WhatIsHeldIsClosedWithItsSession(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(*world, *silentStore, *browser)
		within int64 // at the latest; nothing is closed before end
		want   wire.Refusal
	}{
		"signed out here": {func(w *world, _ *silentStore, b *browser) { w.must(b.signOut()) }, 0, wire.Refusal{Error: wire.SessionEnded, Reason: wire.SignedOut}},
		"at another replica": {func(w *world, store *silentStore, b *browser) {
			_, err := w.over(store).SignOut(context.Background(), b.env, b.signOutRequest(), false)
			w.must(err)
		}, 10 * second, wire.Refusal{Error: wire.SessionEnded, Reason: wire.SignedOut}},
		"the store is silent": {func(_ *world, store *silentStore, _ *browser) { store.silent.Store(true) }, 10 * second, wire.Refusal{Error: wire.Unavailable}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			store := &silentStore{Store: w.store}
			w.Engine = w.over(store)
			b, other := w.signedIn(clinic), w.at(bank, amara, "")
			closed, release := w.hold(w.Engine, b)
			defer release()
			theirs, leave := w.hold(w.Engine, other)
			defer leave()
			w.sleep(65 * second)
			if got := closed(); got.Error != "" {
				t.Fatalf("%s: closed before the end: %+v", name, got)
			}
			c.end(w, store, b)
			w.sleep(c.within)
			if got := closed(); got.Error != c.want.Error || got.Reason != c.want.Reason {
				t.Errorf("%s: %+v", name, got)
			}
			if got := theirs(); c.want.Error != wire.Unavailable && got.Error != "" {
				t.Errorf("%s: closed of another session: %+v", name, got)
			}
		})
	}
}

// P1 D6: it is closed at the deadline, to the second, wherever activity has moved it meanwhile.
func TestP1_WhatIsHeldEndsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn(clinic)
		closed, release := w.hold(w.Engine, b)
		defer release()
		for range 3 { // fourteen minutes after the sign-in somebody is still there
			w.sleep(4 * minute)
			_, err := b.send(b.beat(0))
			w.must(err)
		}
		w.sleep(2 * minute)
		ends := b.state().State
		for range 4 { // heartbeats of nobody keep the cookie fresh, and nothing else
			_, err := b.send(b.beat(w.now - ends.Active))
			w.must(err)
			w.sleep(3 * minute)
		}
		at, _ := ends.Ends()
		w.sleep(at - w.now - second)
		if got := closed(); got.Error != "" {
			t.Fatalf("closed a second before the deadline: %+v", got)
		}
		w.sleep(second)
		if got := closed(); got.Reason != wire.Inactivity {
			t.Errorf("at the deadline: %+v", got)
		}
	})
}

// D4 D5: without heartbeats it is closed when the cookie that opened it is stale; with them it stays, and is closed within a renewal
// interval and a look after the last.
func TestD4_WhatIsHeldNeedsHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		silent, heard := w.signedIn(clinic), w.signedIn(clinic)
		first, release := w.hold(w.Engine, silent)
		defer release()
		second_, leave := w.hold(w.Engine, heard)
		defer leave()
		w.sleep(4 * minute)
		_, err := heard.send(heard.beat(0))
		w.must(err)
		w.sleep(minute - second)
		if got := first(); got.Error != "" {
			t.Fatalf("closed before the cookie is stale: %+v", got)
		}
		w.sleep(second)
		if got := first(); got.Error != wire.StaleCookie {
			t.Errorf("five minutes without a heartbeat: %+v", got)
		}
		if got := second_(); got.Error != "" {
			t.Errorf("closed in spite of a heartbeat: %+v", got)
		}
		w.sleep(4*minute + 10*second)
		if got := second_(); got.Error != wire.StaleCookie {
			t.Errorf("five minutes after the last heartbeat: %+v", got)
		}
	})
}

// P6 P8: who is not let through holds nothing, and one session cannot hold without bound.
func TestP8_HoldingIsRefusedAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn(clinic)
		refused := func(env settings.Environment, cookie string) wire.Code {
			t.Helper()
			_, _, _, err := w.Hold(context.Background(), env, cookie)
			return w.refusal(err).Error
		}
		for name, c := range map[string]struct {
			env    settings.Environment
			cookie string
		}{"no cookie": {clinic, ""}, "a forged one": {clinic, b.cookie + "x"}, "another environment's": {bank, b.cookie}} {
			if got := refused(c.env, c.cookie); got != wire.NoSession {
				t.Errorf("%s: %s", name, got)
			}
		}
		var all []func()
		for range engine.MaxHolds {
			_, release := w.hold(w.Engine, b)
			all = append(all, release)
		}
		if got := refused(clinic, b.cookie); got != wire.TooMany {
			t.Errorf("one too many: %s", got)
		}
		watch, err := w.Watch(context.Background(), clinic, b.cookie)
		w.must(err) // the page itself still hears
		watch.Stop()
		all[0]()
		synctest.Wait()
		_, release := w.hold(w.Engine, b)
		for _, release := range append(all, release) {
			release()
		}
		w.pass(5 * minute)
		if got := refused(clinic, b.cookie); got != wire.StaleCookie {
			t.Errorf("a stale cookie: %s", got)
		}
		b.takeNonce()
		w.must(b.signOut())
		if got := refused(clinic, b.cookie); got != wire.SessionEnded {
			t.Errorf("after the end: %s", got)
		}
	})
}
