package policycheck

import (
	"container/heap"
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// queue is the sessions that wait for one issuer: whose end is nearest comes first, and of those that have none who came first.
type queue struct {
	issuer  string
	limiter *rate.Limiter
	slots   chan struct{} // holds one for each check under way
	most    int
	now     func() time.Time
	log     *slog.Logger
	count   func(string, Outcome)
	closed  <-chan struct{}
	wake    chan struct{} // told that somebody has come

	mu      sync.Mutex
	targets map[string]*target // by environment ID
	known   map[session.ID]*entry
	waiting waiting
	turns   uint64
	stopped bool
}

// target is whom to ask for the sessions of one environment.
type target struct {
	provider *provider.Provider
	env      settings.Environment // as it was when somebody last asked
	breaker  breaker
	loud     map[string]time.Time // when the operator was last told of something
}

// entry is one session that waits or whose check is under way.
type entry struct {
	id    session.ID
	of    *target
	asked time.Time
	by    int64 // when the session ends without an answer, in milliseconds since the epoch; math.MaxInt64: it does not
	turn  uint64
	done  chan struct{}
	taken bool // it is its turn
	again bool // somebody asked since then
}

// waiting is a heap.
type waiting []*entry

func (w waiting) Len() int      { return len(w) }
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }

func (w waiting) Less(i, j int) bool {
	return w[i].by < w[j].by || w[i].by == w[j].by && w[i].turn < w[j].turn
}

func (w *waiting) Push(entering any) { *w = append(*w, entering.(*entry)) }

func (w *waiting) Pop() any {
	last := len(*w) - 1
	leaving := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return leaving
}

// turn is a session whose turn it is.
type turn struct {
	*entry
	what action
	why  engine.Failure // with spare
}

func newQueue(c Config, issuer string, closed <-chan struct{}) *queue {
	return &queue{
		issuer: issuer, limiter: rate.NewLimiter(rate.Limit(c.Rate), 1), slots: make(chan struct{}, c.Concurrency),
		most: c.Most, now: c.Now, log: c.Log, count: c.Count, closed: closed, wake: make(chan struct{}, 1),
		targets: map[string]*target{}, known: map[session.ID]*entry{},
	}
}

func (q *queue) ask(env settings.Environment, id session.ID, by int64) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	of := q.targets[env.ID]
	if of == nil {
		return q.closed
	}
	of.env = env
	if there := q.known[id]; there != nil {
		there.again = there.taken
		return there.done
	}
	if q.stopped || len(q.waiting) >= q.most {
		return q.closed
	}
	return q.add(id, of, by).done
}

// serve has a provider answer for an environment. What is known of one that answered already stays known.
func (q *queue) serve(id string, p *provider.Provider) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if of := q.targets[id]; of == nil || of.provider != p {
		q.targets[id] = &target{provider: p, loud: map[string]time.Time{}}
	}
}

// drop forgets an environment. Its sessions that wait still have their turn.
func (q *queue) drop(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.targets, id)
}

// add puts a session into the queue; by is 0 when it does not end without an answer.
func (q *queue) add(id session.ID, of *target, by int64) *entry {
	if by == 0 {
		by = math.MaxInt64
	}
	q.turns++
	comes := &entry{id: id, of: of, asked: q.now(), by: by, turn: q.turns, done: make(chan struct{})}
	q.known[id] = comes
	heap.Push(&q.waiting, comes)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return comes
}

// run is the only one that takes from the queue.
func (q *queue) run(ctx context.Context, e *engine.Engine) {
	var underWay sync.WaitGroup
	defer q.stop()
	defer underWay.Wait()
	for {
		select {
		case q.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if !q.await(ctx) {
			return
		}
		// The limiter comes before the claim, which is good for a minute only, and the last look at how the provider fares after it.
		paced := !q.resting()
		if paced && !q.pace(ctx) {
			return
		}
		next, ok := q.take(paced)
		if !ok {
			<-q.slots
			continue
		}
		work := func() {
			q.carryOut(context.WithoutCancel(ctx), e, next)
			<-q.slots
		}
		if next.what == probe {
			work() // what it finds out is for those who come after
		} else {
			underWay.Go(work)
		}
	}
}

// await waits until somebody waits; false means that ctx ended.
func (q *queue) await(ctx context.Context) bool {
	for {
		q.mu.Lock()
		there := len(q.waiting) > 0
		q.mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		if there {
			return true
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return false
		}
	}
}

// resting reports whether the provider of the first in the queue is spared just now.
func (q *queue) resting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting[0].of.breaker.resting(q.now())
}

// pace waits for the limiter; false means that ctx ended.
func (q *queue) pace(ctx context.Context) bool {
	now := q.now()
	return rest(ctx, q.limiter.ReserveN(now, 1).DelayFrom(now))
}

// rest waits for a while; false means that ctx ended. A context and not a timer's channel: receiving from one under the race detector
// in virtual time crashes the runtime of Go 1.26 now and then.
func rest(ctx context.Context, length time.Duration) bool {
	waiting, done := context.WithTimeout(ctx, length)
	defer done()
	<-waiting.Done()
	return ctx.Err() == nil
}

// take takes the first from the queue and decides on its turn. Only the paced may ask; ok is false when the first is now another than
// the one that was not worth pacing.
func (q *queue) take(paced bool) (next turn, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.waiting[0]
	now := q.now()
	resting := first.of.breaker.resting(now)
	if !paced && !resting {
		return turn{}, false
	}
	heap.Pop(&q.waiting)
	first.taken = true
	if resting {
		return turn{entry: first, what: spare, why: first.of.breaker.reason(now)}, true
	}
	return turn{entry: first, what: first.of.breaker.asks()}, true
}

// finish forgets a session whose check has been carried out, and tells who waits for it. Who asked meanwhile may have asked for the
// next one already: whether it is due is seen when it is its turn.
func (q *queue) finish(of *entry) {
	q.mu.Lock()
	delete(q.known, of.id)
	if of.again && !q.stopped {
		q.add(of.id, of.of, 0)
	}
	q.mu.Unlock()
	close(of.done)
}

// stop sends everybody away.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, waits := range q.known {
		close(waits.done)
	}
	q.known, q.waiting, q.stopped = nil, nil, true
}

func (q *queue) look() Queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	seen := Queue{Issuer: q.issuer, Waiting: len(q.waiting)}
	now := q.now()
	for _, waits := range q.waiting {
		seen.Oldest = max(seen.Oldest, now.Sub(waits.asked))
	}
	return seen
}
