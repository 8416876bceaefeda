package loadtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// NewTarget is a target with so many connections that none is waited for.
func NewTarget(origin string, connections int, bases ...string) *Target {
	return &Target{Origin: origin, Bases: bases, Client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		MaxIdleConns: 0, MaxIdleConnsPerHost: connections, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}}}
}

func hostOf(origin string) (string, bool) {
	_, host, ok := strings.Cut(origin, "://")
	return host, ok
}

// Result is what came of a load.
type Result struct {
	Done     int64          // answered as wanted
	Refused  map[string]int // by status and code
	Failed   int64          // no sound answer
	Last     error          // the last failure
	Took     time.Duration
	Latency  *hdrhistogram.Histogram // of those that were answered as wanted, in microseconds
	Unserved int64                   // open loop: arrivals that were still waiting for a free connection at the end
}

// Rate is how many were answered as wanted each second.
func (r Result) Rate() float64 { return float64(r.Done) / r.Took.Seconds() }

// At is a quantile of the latency, from 0 to 100.
func (r Result) At(quantile float64) time.Duration {
	return time.Duration(r.Latency.ValueAtQuantile(quantile)) * time.Microsecond
}

func (r Result) String() string {
	text := fmt.Sprintf("%d in %s, %.0f a second; latency 50 %% %s, 90 %% %s, 99 %% %s, 99.9 %% %s, longest %s", r.Done, r.Took.Round(time.Millisecond), r.Rate(),
		r.At(50), r.At(90), r.At(99), r.At(99.9), time.Duration(r.Latency.Max())*time.Microsecond)
	for what, n := range r.Refused {
		text += fmt.Sprintf("; %d refused with %s", n, what)
	}
	if r.Failed > 0 {
		text += fmt.Sprintf("; %d failed, the last with %v", r.Failed, r.Last)
	}
	if r.Unserved > 0 {
		text += fmt.Sprintf("; %d never sent", r.Unserved)
	}
	return text
}

// longest is the longest latency that is told apart.
const longest = 2 * time.Minute

// tally collects what workers measure.
type tally struct {
	mu sync.Mutex
	Result
}

func newTally() *tally {
	return &tally{Result: Result{Refused: map[string]int{}, Latency: hdrhistogram.New(1, longest.Microseconds(), 3)}}
}

func (t *tally) take(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var refused *Refused
	switch {
	case err == nil:
		t.Done++
		t.Latency.RecordValue(min(max(took, time.Microsecond), longest).Microseconds())
	case errors.As(err, &refused):
		t.Result.Refused[refused.Error()]++
	default:
		t.Failed++
		t.Last = err
	}
}

// Do is one request of the nth arrival.
type Do func(ctx context.Context, n int) error

// Closed keeps so many requests under way, each worker's next as soon as it has the answer to its last, until total are done: it finds how much
// can be done. How long answers take says little then, because a slow server is asked less often.
func Closed(ctx context.Context, workers, total int, do Do) Result {
	t := newTally()
	var all sync.WaitGroup
	began := time.Now()
	for worker := range workers {
		all.Go(func() {
			for n := worker; n < total && ctx.Err() == nil; n += workers {
				from := time.Now()
				err := do(ctx, n)
				t.take(time.Since(from), err)
			}
		})
	}
	all.Wait()
	t.Took = time.Since(began)
	return t.Result
}

// Open lets requests arrive at a rate a second, at random moments from a seed (a Poisson process), whether or not those before have been answered.
// Latency is measured from the moment at which a request was meant to be sent: what waits because the server, or this program, is behind
// counts. At most so many are under way at once, which should be more than are ever needed.
func Open(ctx context.Context, rate float64, length time.Duration, underWay int, seed uint64, do Do) Result {
	t := newTally()
	dice := rand.New(rand.NewPCG(seed, 0))
	type arrival struct {
		n    int
		when time.Time
	}
	expected := int(rate*length.Seconds()*1.2) + 1000
	arrivals := make(chan arrival, expected) // nobody who arrives waits for room in it
	var all sync.WaitGroup
	began := time.Now()
	for range underWay {
		all.Go(func() {
			for a := range arrivals {
				if ctx.Err() != nil {
					t.mu.Lock()
					t.Unserved++
					t.mu.Unlock()
					continue
				}
				err := do(ctx, a.n)
				t.take(time.Since(a.when), err)
			}
		})
	}
	next := began
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		next = next.Add(time.Duration(-math.Log(1-dice.Float64()) / rate * float64(time.Second)))
		if next.Sub(began) > length {
			break
		}
		if wait := time.Until(next); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		arrivals <- arrival{n, next}
	}
	close(arrivals)
	all.Wait()
	t.Took = time.Since(began)
	return t.Result
}
