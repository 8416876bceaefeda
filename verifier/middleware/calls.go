package middleware

import (
	"context"
	"sync"

	"github.com/curfew-project/curfew/shared/wire"
)

// calls lets requests for the same thing share an answer. One that comes while a question is under way must not take its answer, which may
// be from before an ending: it waits for the next question, with all others that came meanwhile. So each key has at most one question
// under way and one to come.
type calls struct {
	mu sync.Mutex
	of map[cacheKey]*queue
}

type queue struct{ running, next *call }

type call struct {
	done    chan struct{}
	verdict wire.Verdict
	err     error
}

// do waits for the answer to a question that is asked after the call of do, by this one or another.
func (c *calls) do(ctx context.Context, key cacheKey, ask func() (wire.Verdict, error)) (wire.Verdict, error) {
	mine := c.join(key, ask)
	select {
	case <-mine.done:
		return mine.verdict, mine.err
	case <-ctx.Done():
		return wire.Verdict{}, ctx.Err()
	}
}

func (c *calls) join(key cacheKey, ask func() (wire.Verdict, error)) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[cacheKey]*queue{}
	}
	q := c.of[key]
	switch {
	case q == nil:
		q = &queue{running: &call{done: make(chan struct{})}}
		c.of[key] = q
		go c.run(key, q, ask)
		return q.running
	case q.next == nil:
		q.next = &call{done: make(chan struct{})}
	}
	return q.next
}

func (c *calls) run(key cacheKey, q *queue, ask func() (wire.Verdict, error)) {
	for {
		now := q.running
		now.verdict, now.err = ask()
		close(now.done)
		if !c.more(key, q) {
			return
		}
	}
}

// more goes on to the next question, if there is one.
func (c *calls) more(key cacheKey, q *queue) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.next == nil {
		delete(c.of, key)
		return false
	}
	q.running, q.next = q.next, nil
	return true
}
