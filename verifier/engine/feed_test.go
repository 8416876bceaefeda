package engine

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
)

func endingOf(n byte, environment string) session.Session {
	return session.Session{ID: session.ID{n}, User: session.User{Environment: environment}}
}

func newFeeds() *Engine { return &Engine{feeds: feeds{of: map[string]map[*Feed]struct{}{}}} }

// settling begins to settle and says whether it has.
func settling(e *Engine, environment string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Settle(context.Background(), environment)
	}()
	synctest.Wait()
	return done
}

func over(done <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// B6, P4: an ending is not acknowledged before every process that keeps verdicts of its environment has taken note of it.
func TestB6_EndingsWaitForWhoeverKeepsVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFeeds()
		a, _ := e.OpenFeed("clinic", "app")
		b, _ := e.OpenFeed("clinic", "app")
		other, _ := e.OpenFeed("bank", "app")
		defer a.Drop()
		defer b.Drop()
		defer other.Drop()
		e.feeds.tell(endingOf(1, "clinic"))
		if !over(settling(e, "bank")) {
			t.Error("another environment waits")
		}
		done, all := settling(e, "clinic"), settling(e, "")
		for _, feed := range []*Feed{a, b} {
			if over(done) || over(all) {
				t.Fatal("acknowledged although somebody has not heard")
			}
			ended, next, lost, ok := feed.Next(t.Context(), 0)
			if !ok || lost || next != 1 || len(ended) != 1 || ended[0] != (session.ID{1}) {
				t.Fatalf("%v %d %t %t", ended, next, lost, ok)
			}
			if over(done) {
				t.Fatal("acknowledged when it was told, and not when it was heard")
			}
			go feed.Next(t.Context(), next)
		}
		if !over(done) || !over(all) {
			t.Error("everybody has heard, and it is not acknowledged")
		}
		// A lost answer is told again.
		e.feeds.tell(endingOf(2, "clinic"))
		for range 2 {
			if ended, next, _, ok := a.Next(t.Context(), 1); !ok || next != 2 || len(ended) != 1 || ended[0] != (session.ID{2}) {
				t.Errorf("%v %d %t", ended, next, ok)
			}
		}
	})
}

// P4: a process that is gone holds nobody up for longer than its lease, and one that was silent for so long must begin anew.
func TestP4_ALeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFeeds()
		feed, _ := e.OpenFeed("clinic", "app")
		e.Presume("clinic")
		began := time.Now()
		for range 5 { // each question renews the lease, and waits for its hold
			if _, _, _, ok := feed.Next(t.Context(), 0); !ok {
				t.Fatal("dropped while it asks")
			}
		}
		if held := time.Since(began); held != 5*FeedHold {
			t.Errorf("five questions took %s", held)
		}
		e.feeds.tell(endingOf(1, "clinic"))
		told := time.Now()
		<-settling(e, "clinic")
		if waited := time.Since(told); waited != Lease {
			t.Errorf("acknowledged after %s, want %s", waited, Lease)
		}
		if _, _, _, ok := feed.Next(t.Context(), 0); ok {
			t.Error("a feed goes on after its lease")
		}
		if len(e.feeds.of) != 0 {
			t.Errorf("left: %v", e.feeds.of)
		}
		// Somebody who waits for the acknowledgement may give up.
		late, _ := e.OpenFeed("clinic", "app")
		defer late.Drop()
		e.feeds.tell(endingOf(2, "clinic"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e.Settle(ctx, "clinic")
		if ctx.Err() == nil {
			t.Error("acknowledged although nobody has heard")
		}
	})
}

// P8: what a process has not heard is bounded, and what it says it heard is checked.
func TestP8_FeedsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFeeds()
		var all []*Feed
		for n := range MaxFeeds {
			feed, ok := e.OpenFeed("clinic", strconv.Itoa(n/MaxClientFeeds))
			if !ok {
				t.Fatal("refused")
			}
			all = append(all, feed)
		}
		if _, ok := e.OpenFeed("clinic", "app"); ok {
			t.Error("one too many")
		}
		for range maxPending + 1 {
			e.feeds.tell(endingOf(1, "clinic"))
		}
		feed := all[0]
		ended, next, lost, ok := feed.Next(t.Context(), 0)
		if !ok || !lost || len(ended) != 0 || next != maxPending+1 {
			t.Fatalf("%d listed, next %d, lost %t, %t", len(ended), next, lost, ok)
		}
		// One that came after the answer is lost with them; then all is well again.
		e.feeds.tell(endingOf(2, "clinic"))
		if _, next, lost, _ = feed.Next(t.Context(), next); !lost || next != maxPending+2 {
			t.Errorf("next %d, lost %t", next, lost)
		}
		done := settling(e, "clinic")
		feed.note(next)
		e.feeds.tell(endingOf(3, "clinic"))
		ended, next, lost, _ = feed.Next(t.Context(), next)
		if lost || len(ended) != 1 || ended[0] != (session.ID{3}) {
			t.Errorf("%v, lost %t", ended, lost)
		}
		for name, heard := range map[string]uint64{"the future": next + 1, "the past": next - 2} {
			bad, again := all[1], all[2]
			if name == "the past" {
				bad = again
				if _, n, _, _ := bad.Next(t.Context(), 0); n != next {
					t.Fatal(n)
				}
				bad.note(next)
			}
			if _, _, _, ok := bad.Next(t.Context(), heard); ok {
				t.Errorf("one that has heard %s goes on", name)
			}
		}
		for _, feed := range all {
			feed.Drop()
		}
		if !over(done) {
			t.Error("nobody is left, and it is not acknowledged")
		}
	})
}

// P4: where several verifiers end sessions, no application keeps verdicts, so nobody is told and nothing waits.
func TestP4_NothingIsKeptWhereSeveralVerifiersEndSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFeeds()
		if e.FeedLease() != Lease {
			t.Error("no lease")
		}
		e.shared = true
		if e.FeedLease() != 0 {
			t.Error("a lease although others end sessions")
		}
		if _, ok := e.OpenFeed("clinic", "app"); ok {
			t.Error("a feed although nothing may be kept")
		}
		e.Presume("clinic")
		e.feeds.tell(endingOf(1, "clinic"))
		if !over(settling(e, "clinic")) {
			t.Error("an ending waits for nobody")
		}
	})
}

// P8, P4: a service that opens feeds without end takes no room from others, and the feed that gives way is one that nobody asks for; but
// endings wait for its lease.
func TestP8_FeedsOfOneServiceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFeeds()
		asking, _ := e.OpenFeed("clinic", "app")
		left, _ := e.OpenFeed("clinic", "app")
		theirs, _ := e.OpenFeed("clinic", "other")
		asking.Next(t.Context(), 0)
		began := time.Now()
		for range MaxClientFeeds - 1 { // one more than there is room for
			if _, ok := e.OpenFeed("clinic", "app"); !ok {
				t.Fatal("refused")
			}
		}
		if !left.Over() || asking.Over() || theirs.Over() {
			t.Fatalf("over: the one that nobody asks for %t, the one that asks %t, the other service's %t", left.Over(), asking.Over(), theirs.Over())
		}
		e.feeds.tell(endingOf(1, "clinic"))
		for feed := range e.feeds.of["clinic"] {
			if feed != left {
				feed.note(1)
			}
		}
		done := settling(e, "clinic")
		if _, _, _, ok := left.Next(t.Context(), 1); ok || over(done) {
			t.Errorf("a feed that gave way goes on: %t; acknowledged before its lease is over: %t", ok, over(done))
		}
		if <-done; time.Since(began) > Lease {
			t.Errorf("acknowledged after %s", time.Since(began))
		}
		opened := 0
		for range 10 * MaxFeeds {
			if _, ok := e.OpenFeed("clinic", "app"); ok {
				opened++
			}
		}
		if n := len(e.feeds.of["clinic"]); n > MaxFeeds+1 || opened == 0 {
			t.Errorf("%d feeds, %d of them just opened", n, opened)
		}
		if _, ok := e.OpenFeed("clinic", "third"); !ok {
			t.Error("one service has taken the others' room")
		}
	})
}
