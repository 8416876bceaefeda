package loadtest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A server that stands still for two seconds is seen by everybody who was to ask it meanwhile, and not by one: that is what closed loops omit.
func TestOpenLoopOmitsNothing(t *testing.T) {
	for _, underWay := range []int{1, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			result := Open(t.Context(), 1000, 4*time.Second, underWay, 1, func(context.Context, int) error {
				if stands := time.Since(began); stands > time.Second && stands < 3*time.Second {
					time.Sleep(3*time.Second - stands)
				}
				return nil
			})
			if result.Done < 3700 || result.Done > 4300 || result.Unserved+result.Failed > 0 {
				t.Fatalf("%d under way: %s", underWay, result)
			}
			// Half of all were to be sent while it stood, evenly: the median is nearly nothing, three quarters waited up to a second.
			if slow := result.At(75); slow < 900*time.Millisecond || slow > 1100*time.Millisecond {
				t.Errorf("%d under way: three quarters are answered within %s", underWay, slow)
			}
			if longest := result.At(100); longest < 1950*time.Millisecond || longest > 2010*time.Millisecond {
				t.Errorf("%d under way: the longest takes %s", underWay, longest)
			}
			if fast := result.At(45); fast > 5*time.Millisecond {
				t.Errorf("%d under way: nearly half are answered within %s", underWay, fast)
			}
		})
	}
}

// The schedule follows from the seed.
func TestOpenLoopArrivesAtRandomFromASeed(t *testing.T) {
	schedule := func(seed uint64) (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			Open(t.Context(), 100, time.Second, 1, seed, func(context.Context, int) error {
				at = append(at, time.Since(began))
				return nil
			})
		})
		return at
	}
	first, again, other := schedule(1), schedule(1), schedule(2)
	same := func(a, b []time.Duration) bool {
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				return false
			}
		}
		return len(a) == len(b)
	}
	if !same(first, again) || same(first, other) || len(first) < 60 || len(first) > 140 {
		t.Errorf("%d, %d and %d arrivals", len(first), len(again), len(other))
	}
}

func TestClosedLoopDoesEachOnceAndTellsWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := Closed(t.Context(), 4, 100, func(_ context.Context, n int) error {
			time.Sleep(10 * time.Millisecond)
			switch {
			case n%10 == 0:
				return &Refused{Status: 503}
			case n == 1:
				return errors.New("gone")
			}
			return nil
		})
		if result.Done != 89 || result.Refused["status 503, "] != 10 || result.Failed != 1 || result.Last == nil || result.Took != 250*time.Millisecond {
			t.Errorf("%s", result)
		}
	})
}
