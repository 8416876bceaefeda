package audit

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Journal keeps events in a Store without making those who record them wait: it holds them in memory, up to a number, and writes
// together what came within GatherFor. What is recorded and not yet written is lost when the process is killed; Flush is for those who
// must know. It is safe for concurrent use.
type Journal struct {
	store   Store
	log     *slog.Logger
	dropped func(n int)
	grace   time.Duration
	forward *forward
	wake    chan struct{} // there is something to write
	hurry   chan struct{} // somebody waits for it

	mu       sync.Mutex
	queue    queue
	durable  uint64        // of what the queue added, what the store has
	progress chan struct{} // closed, and made anew, when durable grows or the journal stops
	failure  error         // of the last try, or nil
	stopped  bool
}

// JournalOptions are what can be chosen about a Journal. The zero value is good.
type JournalOptions struct {
	// Capacity is how many events may wait: 1 or more. 0 means DefaultCapacity. They may take 512 bytes each on average. Events that
	// find no room are counted, and an event of kind Lost takes their place in the chain.
	Capacity int
	// Log gets failures to write and recoveries from them. nil means none.
	Log *slog.Logger
	// Forward gets each event as a line of JSON when it is recorded, also one that the store cannot keep: for those who collect what
	// the process writes. Lines that it takes too slowly are left out, and the log says how many. nil means nobody.
	Forward io.Writer
	// Dropped is told how many events were lost. It must not block. nil means nobody.
	Dropped func(n int)
	// Grace is how long Run may go on writing when its context has ended. 0 means DefaultGrace.
	Grace time.Duration
}

const (
	DefaultCapacity = 1 << 16
	DefaultGrace    = 5 * time.Second
	GatherFor       = 100 * time.Millisecond // an event waits so long for others at most
)

// ErrStopped is the error of Flush for events that nobody will write any more.
var ErrStopped = errors.New("the audit's journal has stopped")

// NewJournal makes a journal in front of a store. It writes nothing until Run.
func NewJournal(store Store, o JournalOptions) *Journal {
	if o.Capacity <= 0 {
		o.Capacity = DefaultCapacity
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dropped == nil {
		o.Dropped = func(int) {}
	}
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	return &Journal{store: store, log: o.Log, dropped: o.Dropped, grace: o.Grace, forward: newForward(o.Forward, o.Log),
		queue: queue{capacity: o.Capacity}, progress: make(chan struct{}), wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// Record is a Recorder. An event that no chain can have is refused: it is logged and counted as lost.
func (j *Journal) Record(e Event) {
	e = e.tidy()
	if err := e.check(); err != nil {
		j.log.Error("audit_event_invalid", "error", err)
		j.dropped(1)
		return
	}
	j.forward.put(e)
	j.mu.Lock()
	kept := !j.stopped && j.queue.put(e)
	firstLost := !kept && j.queue.lost == 1
	j.mu.Unlock()
	if !kept {
		j.dropped(1)
		if firstLost {
			j.log.Error("audit_events_lost", "meaning", "too many wait to be written; curfew_audit_dropped_total says how many were lost")
		}
		return
	}
	signal(j.wake)
}

// Forwarded sends events to Forward only: for those that the store got in another way.
func (j *Journal) Forwarded(events ...Event) {
	for _, e := range events {
		j.forward.put(e.tidy())
	}
}

// Flush waits until everything that was recorded before it was called is durable. When the context ends before, it returns the store's
// error beside the context's; ErrStopped is in the tree when nobody writes any more.
func (j *Journal) Flush(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for target := j.queue.upTo(); j.durable < target; {
		if j.stopped {
			return errors.Join(ErrStopped, j.failure)
		}
		progress := j.progress
		j.mu.Unlock()
		signal(j.hurry)
		select {
		case <-progress:
			j.mu.Lock()
		case <-ctx.Done():
			j.mu.Lock()
			return errors.Join(ctx.Err(), j.failure)
		}
	}
	return nil
}

// Pending is how many events wait to be written.
func (j *Journal) Pending() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.queue.taken + len(j.queue.events)
}

// Ready is why the store did not take the last events, or nil.
func (j *Journal) Ready() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
