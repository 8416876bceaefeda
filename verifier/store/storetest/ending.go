package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

var users = []check{
	{"ByUser/ListsInOrderOfBeginning", func(f fixture) {
		ada := user("ada")
		third := f.create(sample(1, ada, start+3))
		first := f.create(sample(2, ada, start+1))
		second := f.create(sample(3, ada, start+2))
		second = f.end(second.ID, start+9)
		f.lists(ada, first, second, third)
		f.forget(start+10, start+10, 1)
		f.lists(ada, first, third)
	}},

	{"ByUser/KeepsUsersApart", func(f fixture) {
		all := []session.User{
			{Environment: "a", Issuer: "b", Subject: "c"}, {Environment: "a", Issuer: "b", Subject: "cc"}, {Environment: "a", Issuer: "bc", Subject: "c"},
			{Environment: "ab", Issuer: "c", Subject: "c"}, {Environment: "a2", Issuer: "b", Subject: "c"}, {Environment: "a", Issuer: "b2", Subject: "c"},
		}
		for i, of := range all {
			f.create(sample(uint64(i), of, start))
		}
		for i, of := range all {
			f.lists(of, sample(uint64(i), of, start))
		}
		f.lists(user("nobody"))
		f.end(id(0), start+1)
		for i, of := range all {
			if i > 0 {
				f.lastEnd(of, start+1, 0)
			}
		}
	}},

	{"B1/LastEndIsTheLatest", func(f fixture) {
		ada := user("ada")
		f.lastEnd(ada, start, 0)
		for n := range uint64(3) {
			f.create(sample(n, ada, start))
		}
		f.lastEnd(ada, start, 0)
		f.end(id(1), start+20)
		f.lastEnd(ada, start+20, start+20)
		f.end(id(2), start+10) // another clock, a little behind
		f.lastEnd(ada, start+20, start+20)
		f.lastEnd(user("bob"), start+20, 0)
	}},

	{"B1/LastEndSurvivesForget", func(f fixture) {
		f.create(sample(1, user("ada"), start))
		f.end(id(1), start+20)
		f.forget(start+21, start+21, 1)
		f.lastEnd(user("ada"), start+30, start+20)
	}},

	{"B1/LastEndCountsDeadlinesThatNobodyNoticed", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		ends, _ := s.State.Ends()
		f.lastEnd(s.User, ends-1, 0)
		f.lastEnd(s.User, ends, ends)
		f.lastEnd(s.User, ends+hour, ends)
		f.holds(s)
		f.expire(ends+hour, 10)
		f.lastEnd(s.User, ends+hour, ends)
		f.forget(ends+1, ends+hour, 1)
		f.lastEnd(s.User, ends+hour, ends)
	}},
}

func (f fixture) lists(of session.User, want ...session.Session) {
	f.Helper()
	got, err := f.store.ByUser(f.ctx, of, start)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		f.Fatalf("ByUser: %v, %v; want %v", got, err, want)
	}
}

var ending = []check{
	{"Expire/EndsExactlyAtTheDeadline", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		f.create(sample(2, user("ada"), start+hour))
		ends, reason := s.State.Ends()
		if got := f.expire(ends-1, 10); len(got) != 0 {
			f.Fatalf("Expire before the deadline: %v; want nothing", got)
		}
		want := s
		want.State.EndedAt, want.State.Reason = ends, reason
		if got := f.expire(ends+7, 10); len(got) != 1 || got[0] != want {
			f.Fatalf("Expire: %v; want one ended as of its deadline %d: %v", got, ends, want)
		}
		f.holds(want)
		if got := f.expire(ends+7, 10); len(got) != 0 {
			f.Fatalf("Expire returned %v twice", got)
		}
	}},

	{"Expire/FindsTheDeadlineItself", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		ends, _ := s.State.Ends()
		if got := f.expire(ends, 10); len(got) != 1 {
			f.Fatalf("Expire at the deadline found %d sessions; want 1", len(got))
		}
	}},

	{"Expire/GivesTheReason", func(f fixture) {
		idle := f.create(sample(1, user("ada"), start))
		absolute := sample(2, user("ada"), start)
		absolute.State.Settings.InactivityTimeout = 0
		f.create(absolute)
		for _, got := range f.expire(start+9*hour, 10) {
			want, at := wire.SessionTimeout, start+8*hour
			if got.ID == idle.ID {
				want, at = wire.Inactivity, start+hour/2
			}
			if got.State.Reason != want || got.State.EndedAt != at {
				f.Errorf("session ended as %s at +%d; want %s at +%d", got.State.Reason, got.State.EndedAt-start, want, at-start)
			}
		}
	}},

	{"Expire/FollowsDeadlinesThatMove", func(f fixture) {
		later := f.create(sample(1, user("ada"), start))
		sooner := f.create(sample(2, user("bob"), start))
		f.step(later.ID, start+20*minute, deadline.Report{At: start + 20*minute})
		tight := settings()
		tight.InactivityTimeout = 5 * time.Minute
		sooner = f.step(sooner.ID, start+minute, deadline.Change{Settings: tight})
		ends, _ := sooner.State.Ends()
		if got := f.expire(ends, 10); len(got) != 1 || got[0].ID != sooner.ID || got[0].State.EndedAt != ends {
			f.Fatalf("Expire after tightening: %v; want the tightened session at %d", got, ends)
		}
		if got := f.expire(start+50*minute-1, 10); len(got) != 0 {
			f.Fatalf("Expire ended an active session: %v", got)
		}
		if got := f.expire(start+50*minute, 10); len(got) != 1 || got[0].State.EndedAt != start+50*minute {
			f.Fatalf("Expire: %v; want the active session, half an hour after its activity", got)
		}
	}},

	{"Expire/SaysWhetherThereAreMore", func(f fixture) {
		for n := range uint64(25) {
			f.create(sample(n, user("ada"), start+int64(n)))
		}
		for _, want := range []int{10, 10, 5, 0} {
			if got := f.expire(start+hour, 10); len(got) != want {
				f.Fatalf("Expire found %d sessions; want %d", len(got), want)
			}
		}
		if got := f.expire(start+hour, 0); len(got) != 0 {
			f.Fatalf("Expire with limit 0 found %d sessions", len(got))
		}
	}},

	{"Expire/LeavesOutWhatEndedOtherwise", func(f fixture) {
		f.create(sample(1, user("ada"), start))
		f.create(sample(2, user("ada"), start))
		f.end(id(1), start+1)
		noticed := f.step(id(2), start+hour, deadline.Tick{})
		if noticed.State.EndedAt != start+hour/2 {
			f.Fatalf("Tick left %+v", noticed.State)
		}
		if got := f.expire(start+9*hour, 10); len(got) != 0 {
			f.Fatalf("Expire found %v; want nothing", got)
		}
	}},

	{"Expire/ReturnsEachSessionOnceAmongAll", func(f fixture) {
		const sessions = 200
		var creators, all sync.WaitGroup
		for n := range uint64(sessions) {
			creators.Go(func() {
				if err := f.store.Create(f.ctx, sample(n, user("ada"), start), "", start); err != nil {
					f.Errorf("Create: %v", err)
				}
			})
		}
		creators.Wait()
		var seen sync.Map
		var expired, noticed counter
		for range 4 {
			all.Go(func() {
				for {
					ended, err := f.store.Expire(f.ctx, start+hour, 7)
					if err != nil {
						f.Errorf("Expire: %v", err)
						return
					}
					for _, s := range ended {
						if s.State.EndedAt != start+hour/2 {
							f.Errorf("a session ended at +%d; want its deadline", s.State.EndedAt-start)
						}
						if _, twice := seen.LoadOrStore(s.ID, true); twice {
							f.Error("a session was returned twice")
						}
						expired.add()
					}
					if len(ended) < 7 {
						return
					}
				}
			})
		}
		for n := range uint64(sessions / 4) { // heartbeats that come at the same time and notice by themselves
			all.Go(func() {
				_, _, err := f.store.Update(f.ctx, id(n), start+hour, func(s session.Session) (session.Session, error) {
					return stepping(deadline.Tick{}, start+hour)(s), nil
				})
				if err == nil {
					if _, twice := seen.LoadOrStore(id(n), true); twice {
						f.Error("a session was ended by Update and by Expire")
					}
					noticed.add()
				}
			})
		}
		all.Wait()
		if expired.n+noticed.n != sessions {
			f.Fatalf("%d sessions expired and %d were noticed; want %d in all", expired.n, noticed.n, sessions)
		}
	}},

	{"Forget/DropsOnlyWhatEndedBefore", func(f fixture) {
		for n := range uint64(4) {
			f.create(sample(n, user("ada"), start))
		}
		f.end(id(0), start+10)
		f.end(id(1), start+20)
		f.forget(start+10, start+30, 0)
		f.forget(start+20, start+30, 1)
		f.lacks(id(0))
		f.forget(start+1000*hour, start+1000*hour, 1) // sessions 2 and 3 are past their deadlines, but nobody noticed
		f.lacks(id(1))
		f.holds(sample(2, user("ada"), start))
		if got := f.expire(start+1000*hour, 10); len(got) != 2 {
			f.Fatalf("Expire found %d sessions after Forget; want 2", len(got))
		}
	}},

	{"Forget/FreesTheID", func(f fixture) {
		f.create(sample(1, user("ada"), start))
		f.end(id(1), start+10)
		f.forget(start+11, start+11, 1)
		_, ok, err := f.store.Update(f.ctx, id(1), start+11, func(s session.Session) (session.Session, error) { return s, nil })
		if ok || err != nil {
			f.Fatalf("Update of a forgotten session: ok %t, %v; want none", ok, err)
		}
		next := f.create(sample(1, user("bob"), start+12))
		f.holds(next)
		f.lists(user("ada"))
		f.lists(user("bob"), next)
	}},

	{"Count/CountsTheLiving", func(f fixture) {
		f.count(start, 0)
		for n := range uint64(20) {
			f.create(sample(n, user("ada"), start+int64(n)*minute))
		}
		f.count(start, 20)
		f.end(id(19), start)
		f.count(start, 19)
		f.count(start+hour/2-1, 19)
		f.count(start+hour/2, 18)
		f.count(start+hour/2+4*minute, 14)
		f.step(id(10), start+5*minute, deadline.Report{At: start + 39*minute})
		f.count(start+1000*hour, 0)
		f.expire(start+hour/2+4*minute, 3)
		f.count(start+hour/2+4*minute, 14)
		f.count(start, 16)
	}},
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}
