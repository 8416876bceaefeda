package redis_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redistest"
)

// P4: a verifier that has slept does not know how long its memory is true: it asks before it answers.
func TestP4_AfterSleepMemoryIsNotUsed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, after := range map[string]func(time.Duration) time.Time{
		"a process that stood still":                     func(slept time.Duration) time.Time { return time.Now().Add(slept) },
		"a machine whose monotonic clock slept with it":  func(slept time.Duration) time.Time { return time.Now().Add(slept).Round(0) },
		"a clock that was set forward while all went on": func(slept time.Duration) time.Time { return time.Now().Round(0).Add(slept) },
	} {
		o := options(server)
		var slept atomic.Int64
		o.Clock = func() time.Time { return after(time.Duration(slept.Load())) }
		store := open(t, o)
		create(t, store, 1)
		remembers(t, server, store, 1)
		slept.Store(int64(time.Minute))
		if store.Remembers(numbered(1).ID, start) {
			t.Errorf("%s: memory is used", name)
		}
		var got session.Session
		if got, _, _ = store.Get(t.Context(), numbered(1).ID, start); got != numbered(1) {
			t.Errorf("%s: Get: %+v", name, got)
		}
		store.Close()
	}
}
