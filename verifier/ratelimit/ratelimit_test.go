package ratelimit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/verifier/ratelimit"
)

var start = time.UnixMilli(1_800_000_000_000)

func key(l *ratelimit.Limiter, name string) ratelimit.Key { return l.Key([]byte(name)) }

// taken is how many of n tries at one moment get something.
func taken(l *ratelimit.Limiter, name string, limit ratelimit.Limit, now time.Time, n int) (got int) {
	for range n {
		if _, ok := l.Take(key(l, name), limit, now); ok {
			got++
		}
	}
	return got
}

func TestABurstAndThenTheRate(t *testing.T) {
	l, limit := ratelimit.New(), ratelimit.Limit{Rate: 10, Burst: 30}
	if got := taken(l, "a", limit, start, 100); got != 30 {
		t.Errorf("%d at once; want the burst, 30", got)
	}
	wait, ok := l.Take(key(l, "a"), limit, start)
	if ok || wait != 100*time.Millisecond {
		t.Errorf("then: %v, %t; want to wait 100ms", wait, ok)
	}
	if _, ok := l.Left(key(l, "a"), limit, start.Add(wait-time.Microsecond)); ok {
		t.Error("there is something before the wait is over")
	}
	if _, ok := l.Take(key(l, "a"), limit, start.Add(wait)); !ok {
		t.Error("there is nothing after the wait")
	}
	if got := taken(l, "a", limit, start.Add(wait+2*time.Second), 100); got != 20 {
		t.Errorf("%d two seconds later; want 20", got)
	}
	if got := taken(l, "a", limit, start.Add(time.Hour), 100); got != 30 {
		t.Errorf("%d after a long pause; want the burst, 30", got)
	}
}

// Whatever somebody does, others have what is theirs.
func TestP8_WhoIsOverTheLimitTakesNothingFromOthers(t *testing.T) {
	l, limit := ratelimit.New(), ratelimit.Limit{Rate: 1, Burst: 20}
	for n := range 300 {
		taken(l, fmt.Sprint("attacker ", n), limit, start, 50)
	}
	starved := 0
	for n := range 2000 {
		if got := taken(l, fmt.Sprint("user ", n), limit, start, 20); got < 20 {
			starved++
		}
	}
	// One in 48,000 is to be expected; the hash is random.
	if starved > 3 {
		t.Errorf("%d of 2000 users were refused because of 300 attackers", starved)
	}
}

// A clock that is set back must not refuse anybody for as long as it was set back.
func TestAClockThatIsSetBackRefusesNobody(t *testing.T) {
	l, limit := ratelimit.New(), ratelimit.Limit{Rate: 1, Burst: 5}
	taken(l, "a", limit, start, 10)
	if got := taken(l, "a", limit, start.Add(-time.Hour), 10); got != 5 {
		t.Errorf("%d an hour earlier; want 5", got)
	}
}

// Nobody gets more than the burst and the rate, in any order of pauses.
func TestP8_NobodyGetsMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := ratelimit.Limit{Rate: float64(rapid.IntRange(1, 1000).Draw(t, "rate")), Burst: float64(rapid.IntRange(1, 50).Draw(t, "burst"))}
		l, now, got := ratelimit.New(), start, 0
		k := key(l, "a")
		for range rapid.IntRange(1, 200).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "pause")) * time.Microsecond)
			wait, ok := l.Take(k, limit, now)
			if ok {
				got++
			} else if _, then := l.Left(k, limit, now.Add(wait)); !then {
				t.Fatalf("there is nothing after the wait of %v", wait)
			}
		}
		most := limit.Burst + limit.Rate*now.Sub(start).Seconds()*1.002 // intervals are whole microseconds
		if float64(got) > most+1e-6 {
			t.Fatalf("%d in %v; allowed: %.3f", got, now.Sub(start), most)
		}
	})
}

func TestManyAtOnceGetNoMoreThanTheLimit(t *testing.T) {
	l, limit := ratelimit.New(), ratelimit.Limit{Rate: 1, Burst: 500}
	var got atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { got.Add(int64(taken(l, "a", limit, start, 200))) })
	}
	all.Wait()
	if n := got.Load(); n > 500 || n < 200 {
		t.Errorf("%d; want at most 500, and not far less", n)
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	l, limit, name := ratelimit.New(), ratelimit.Limit{Rate: 1e6, Burst: 1e6}, []byte("198.51.100.1")
	if n := testing.AllocsPerRun(100, func() { l.Take(l.Key(name), limit, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
