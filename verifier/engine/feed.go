package engine

import (
	"context"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
)

// A Feed tells one process of an application about every ending of an environment, so that it may keep verdicts for a while. The process
// has a lease: until it has said that it took note of an ending, or its lease is over, the ending is not acknowledged to whoever asked
// for it (Settle). So an ending counts at the next request there too (B6, P4), whatever the network does.
type Feed struct {
	in          *feeds
	environment string
	client      string // whose process it is

	// Guarded by in.mu.
	said    uint64       // the number of the last ending
	heard   uint64       // up to which the process has taken note
	pending []session.ID // those after heard, the last one being number said
	lost    bool         // more than fit: the process must forget everything
	dropped bool
	retired bool          // another one took its place: its lease is waited for, and not renewed
	turn    uint64        // of the last question: who asked longer ago has a lower one
	moved   chan struct{} // closed, and made anew, when heard or dropped changes
	wake    chan struct{} // has something when there is an ending to tell
	lease   *time.Timer
}

const (
	// Lease is how long a process may use what it keeps after it last asked. No ending waits longer than this to be acknowledged.
	Lease = 3 * time.Second
	// FeedHold is how long a question waits for an ending. It leaves a process two seconds to ask again.
	FeedHold = time.Second

	// MaxFeeds is how many processes can be told of the endings of one environment, and MaxClientFeeds how many of one service.
	MaxFeeds       = 256
	MaxClientFeeds = 64
	maxPending     = 10_000 // endings of one feed; what is more makes the process forget everything
)

type feeds struct {
	mu    sync.Mutex
	of    map[string]map[*Feed]struct{} // by environment
	turns uint64
}

// OpenFeed begins to tell a process of a service about the endings of an environment. It has its first lease. Where the service has
// MaxClientFeeds, the one that has not asked for longest gives way. ok is false when there are MaxFeeds, and where nobody is told because
// nobody may keep anything (FeedLease).
func (e *Engine) OpenFeed(environment, client string) (feed *Feed, ok bool) {
	if e.shared {
		return nil, false
	}
	return e.feeds.open(environment, client)
}

// Presume counts a process that nobody has heard of yet: before a restart one may have been given a lease.
func (e *Engine) Presume(environment string) { e.OpenFeed(environment, "") }

func (f *feeds) open(environment, client string) (*Feed, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	asking, its, itsAsking := 0, 0, 0
	var oldest *Feed
	for feed := range f.of[environment] {
		mine := feed.client == client
		if mine {
			its++
		}
		if feed.retired {
			continue
		}
		asking++
		if mine {
			itsAsking++
			if oldest == nil || feed.turn < oldest.turn {
				oldest = feed
			}
		}
	}
	full := itsAsking >= MaxClientFeeds
	if its >= MaxFeeds || asking >= MaxFeeds && !full {
		return nil, false
	}
	if full {
		// Its process may use what it keeps until its lease is over, so endings wait for that all the same.
		oldest.retired, oldest.pending = true, nil
	}
	if f.of[environment] == nil {
		f.of[environment] = map[*Feed]struct{}{}
	}
	f.turns++
	feed := &Feed{in: f, environment: environment, client: client, turn: f.turns, moved: make(chan struct{}), wake: make(chan struct{}, 1)}
	feed.lease = time.AfterFunc(Lease, feed.Drop)
	f.of[environment][feed] = struct{}{}
	return feed, true
}

// Drop ends the feed: nothing waits for it any more. It happens by itself when the lease is over.
func (f *Feed) Drop() {
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	f.drop()
}

// Over reports whether nobody is told any more.
func (f *Feed) Over() bool {
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	return f.dropped || f.retired
}

func (f *Feed) drop() {
	if f.dropped {
		return
	}
	f.dropped, f.pending = true, nil
	f.lease.Stop()
	close(f.moved)
	delete(f.in.of[f.environment], f)
	if len(f.in.of[f.environment]) == 0 {
		delete(f.in.of, f.environment)
	}
}

// Next takes note that the process has heard everything up to a number, waits up to FeedHold for endings that it has not, and renews
// the lease. lost says that there are others that are not listed. ok is false when the feed was dropped, or ctx ended.
func (f *Feed) Next(ctx context.Context, heard uint64) (ended []session.ID, next uint64, lost, ok bool) {
	if !f.note(heard) {
		return nil, 0, false, false
	}
	hold := time.NewTimer(FeedHold)
	defer hold.Stop()
	select {
	case <-f.wake:
	case <-hold.C:
	case <-ctx.Done():
		return nil, 0, false, false
	}
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	if f.dropped || f.retired || !f.lease.Stop() {
		return nil, 0, false, false
	}
	f.lease.Reset(Lease)
	f.in.turns++
	f.turn = f.in.turns
	ended = append(ended, f.pending...)
	return ended, f.said, f.lost, true
}

// note drops what was heard.
func (f *Feed) note(heard uint64) bool {
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	if f.retired {
		return false
	}
	if f.dropped || heard > f.said || heard < f.heard {
		f.drop()
		return false
	}
	if heard > f.heard {
		f.lost = f.lost && heard < f.said
		keep := min(len(f.pending), int(f.said-heard))
		f.pending = f.pending[len(f.pending)-keep:]
		f.heard = heard
		close(f.moved)
		f.moved = make(chan struct{})
	}
	if f.heard < f.said {
		f.nudge() // an answer was lost on its way
	}
	return true
}

func (f *Feed) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// tell tells every feed of the session's environment.
func (f *feeds) tell(s session.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for feed := range f.of[s.User.Environment] {
		feed.said++
		if feed.retired {
			continue
		}
		if len(feed.pending) >= maxPending {
			feed.pending, feed.lost = nil, true
		}
		if !feed.lost {
			feed.pending = append(feed.pending, s.ID)
		}
		feed.nudge()
	}
}

// FeedLease is for how long a process may use what it keeps, from when it asked; 0: it must keep nothing, because other verifiers end
// sessions too and do not wait for it. Then there are no feeds.
func (e *Engine) FeedLease() time.Duration {
	if e.shared {
		return 0
	}
	return Lease
}

// Settle waits until every process that keeps verdicts of an environment, or with an empty one of any, has taken note of the endings so far, or
// its lease is over. It is called before an ending is acknowledged, and takes no longer than Lease.
func (e *Engine) Settle(ctx context.Context, environment string) {
	e.feeds.mu.Lock()
	upTo := map[*Feed]uint64{}
	for id, all := range e.feeds.of {
		for feed := range all {
			if environment == "" || id == environment {
				upTo[feed] = feed.said
			}
		}
	}
	e.feeds.mu.Unlock()
	for feed, number := range upTo {
		feed.wait(ctx, number)
	}
}

func (f *Feed) wait(ctx context.Context, number uint64) {
	for {
		f.in.mu.Lock()
		done, moved := f.dropped || f.heard >= number, f.moved
		f.in.mu.Unlock()
		if done {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}
