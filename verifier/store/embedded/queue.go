package embedded

import (
	"context"
	"sync"

	"github.com/curfew-project/curfew/verifier/session"
)

// queue is what waits for the writer. Its lock is taken after a shard's, never before.
type queue struct {
	mu     sync.Mutex
	open   *batch    // collects changes that somebody waits for
	lazy   []*record // with the dirty flag: activity that nobody waits for; a record without the flag is written already
	flush  bool      // somebody waits for lazy too
	closed bool
	wake   chan struct{} // holds one token when the writer should look
}

// batch is one transaction. err is valid when done is closed.
type batch struct {
	ops     []op
	errands []errand
	done    chan struct{}
	err     error
}

// errand is something that only the file knows and that is not tried again when the transaction fails: nothing of it
// stays in memory.
type errand func(context.Context, *writer) error

// op is one durable change. It names a record and not values: the writer writes what the record holds when it comes to it.
type op struct {
	kind    opKind
	record  *record
	secrets session.Sealed // of a creation or a sealing
}

type opKind uint8

const (
	creation opKind = iota
	change
	sealing // a change, and secrets that replace those in the file
	removal
)

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// wait returns when the batch is durable or has failed, or ctx ends. A nil batch is durable.
func (b *batch) wait(ctx context.Context) error {
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) init() {
	q.open, q.wake = newBatch(), make(chan struct{}, 1)
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// add puts a change into the open batch. The caller holds the record's shard. A record that waits in that batch already
// is not put there twice, unless there is more to write than what the record holds.
func (q *queue) add(change op) (*batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, session.ErrClosed
	}
	if change.kind == sealing || change.kind == removal || change.record.pending != q.open {
		q.open.ops = append(q.open.ops, change)
		change.record.pending = q.open
		q.signal()
	}
	return q.open, nil
}

// run puts an errand into the open batch.
func (q *queue) run(some errand) (*batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, session.ErrClosed
	}
	q.open.errands = append(q.open.errands, some)
	q.signal()
	return q.open, nil
}

// addLazy notes a record whose activity is to be written later. The caller holds its shard.
func (q *queue) addLazy(r *record) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return session.ErrClosed
	}
	if !r.is(dirty) {
		r.flags |= dirty
		q.lazy = append(q.lazy, r)
		if len(q.lazy) == 1 {
			q.signal()
		}
	}
	return nil
}

// hurry asks for the lazy list to be written with the open batch.
func (q *queue) hurry() (*batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, session.ErrClosed
	}
	q.flush = true
	q.signal()
	return q.open, nil
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// take hands the open batch over and begins another.
func (q *queue) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.open
	q.open = newBatch()
	return taken
}

// takeLazy hands the lazy list over.
func (q *queue) takeLazy() []*record {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.lazy
	q.lazy = nil
	return taken
}

// putBack puts changes that could not be written in front of those that came since, and gives the batch they are in now.
func (q *queue) putBack(ops []op) *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open.ops = append(ops, q.open.ops...)
	return q.open
}

// look says what there is to do.
func (q *queue) look() (waited, lazy, flush, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	flush, q.flush = q.flush, false
	return len(q.open.ops)+len(q.open.errands) > 0, len(q.lazy) > 0, flush, q.closed
}
