package policycheck_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/session"
)

// A rotated refresh token replaces the old one, which the provider takes for stolen when it comes again.
func TestA5_Rotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		o := w.of["clinic"]
		o.set(func() { o.rotate = true })
		id := r.signIn(clinic, "amara", false)
		for range 5 {
			r.check(clinic, id)
		}
		if reason := r.reason(id); reason != "" || r.counted(policycheck.Confirmed) != 5 {
			t.Errorf("ended for %q, counted %v", reason, r.counts)
		}
		seen := map[string]bool{}
		for _, token := range o.sent {
			if seen[token] {
				t.Errorf("%s was sent twice", token)
			}
			seen[token] = true
		}
	})
}

// P7: what a crash leaves between the provider's answer and our verdict is the rotated token, so the user is not signed out.
func TestA5P7_ACrashAfterTheRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		o := w.of["clinic"]
		id := r.signIn(clinic, "amara", false)
		r.check(clinic, id) // so that the keys are known
		after := t.TempDir()
		crashed, never := make(chan struct{}), make(chan struct{})
		defer close(never)
		// The provider comes back with other keys, so that they are fetched after the token was rotated and before the ID token is
		// judged: that is when the machine stops. What is on the disk then is all that is left.
		o.newKey()
		o.set(func() {
			o.rotate = true
			o.before = func() {
				copyAll(t, after, w.dir)
				close(crashed)
				<-never
			}
		})
		s, _ := r.session(id)
		time.Sleep(time.Duration(s.Check.Next-time.Now().UnixMilli()) * time.Millisecond)
		r.Ask(clinic, id, 0)
		<-crashed
		o.set(func() { o.before = nil })

		again := w.replica(over(w.open(after)))
		again.check(clinic, id)
		if reason := again.reason(id); reason != "" || again.counted(policycheck.Confirmed) != 1 {
			t.Errorf("after the crash the session ended for %q; counted %v; sent %v", reason, again.counts, o.sent)
		}
	})
}

func copyAll(t *testing.T, to, from string) {
	entries, err := os.ReadDir(from)
	if err != nil || len(entries) == 0 {
		t.Errorf("nothing to copy in %s: %v", from, err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, entry.Name()), text, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// A verifier that is stopped finishes what is under way, so that no rotated token is lost, and sends away who waits.
func TestA5P7_ShutdownFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica(at(100, 2))
		o := w.of["clinic"]
		o.set(func() { o.rotate, o.takes = true, 4*time.Second })
		ids := r.many(clinic, 10)
		time.Sleep(time.Hour)
		all := r.beat(clinic, ids...)
		time.Sleep(time.Second)
		r.stop()
		select {
		case <-r.ended:
			t.Fatal("Run returned with checks under way")
		case <-time.After(time.Second):
		}
		<-r.ended
		if n := len(o.requests()); n != 2 || r.counted(policycheck.Confirmed) != 2 {
			t.Errorf("%d requests, counted %v", n, r.counts)
		}
		for _, done := range all {
			<-done
		}
		<-r.Ask(clinic, ids[9], 0)
		if q := r.Queues(); q[0].Waiting != 0 {
			t.Errorf("queue %+v", q)
		}

		o.set(func() { o.takes = 0 })
		next := w.replica()
		for _, id := range ids {
			next.check(clinic, id)
			next.check(clinic, id)
			if reason := next.reason(id); reason != "" {
				t.Errorf("after the restart session %s ended for %s", id, reason)
			}
		}
	})
}

// flaky is a store that cannot keep secrets for a while.
type flaky struct {
	session.Store
	failures atomic.Int32
}

var errFlaky = errors.New("the store is away")

func (f *flaky) SetSecrets(ctx context.Context, id session.ID, sealed session.Sealed, now int64) (bool, error) {
	if f.failures.Add(-1) >= 0 {
		return false, errFlaky
	}
	return f.Store.SetSecrets(ctx, id, sealed, now)
}

// A rotated token is kept as soon as the store is back.
func TestA5P7_TheStoreIsAwayForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.of["clinic"]
		o.set(func() { o.rotate = true })
		store := &flaky{Store: w.store}
		r := w.replica(over(store))
		id := r.signIn(clinic, "amara", false)
		store.failures.Store(5)
		r.check(clinic, id)
		r.check(clinic, id)
		if reason := r.reason(id); reason != "" || r.counted(policycheck.Confirmed) != 2 {
			t.Errorf("ended for %q, counted %v", reason, r.counts)
		}
		// A store that stays away ends nothing here; the check is told apart from an answer, and its session gets a deadline.
		store.failures.Store(1 << 30)
		r.check(clinic, id)
		if s, _ := r.session(id); r.reason(id) != "" || r.counted(policycheck.StoreFailed) != 1 || s.State.CheckBy == 0 || r.log.count(errFlaky.Error()) == 0 {
			t.Errorf("ended for %q, counted %v, deadline %d", r.reason(id), r.counts, s.State.CheckBy)
		}
	})
}
