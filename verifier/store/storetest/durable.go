package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// OpenIn opens the store that lives in dir, or a new one where there is none.
type OpenIn func(t testing.TB, dir string) session.Store

// RunDurable proves what of the contract outlives a Close: everything. What outlives a kill only a store's own tests can
// show.
func RunDurable(t *testing.T, open OpenIn) {
	for _, c := range durable {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			f := fixture{t, t.Context(), open(t, dir)}
			reopen := func() fixture {
				t.Helper()
				if err := f.store.Close(); err != nil {
					t.Fatalf("Close: %v", err)
				}
				f.store = open(t, dir)
				return f
			}
			defer func() { f.store.Close() }()
			c.prove(f, reopen)
		})
	}
	t.Run("Model", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			dir := t.TempDir()
			store := open(t, dir)
			defer func() { store.Close() }()
			run(rt, store, func() session.Store { store = open(t, dir); return store })
		})
	})
}

var durable = []struct {
	name  string
	prove func(f fixture, reopen func() fixture)
}{
	{"P7/Creation", func(f fixture, reopen func() fixture) {
		s := sample(1, user("ada"), start)
		s.Client = policy.OutlookAddIn
		s.Name, s.Seq, s.State.Settings.AnyActivityStays = "Å\x00'\xff", 1<<63+5, true
		if err := f.store.Create(f.ctx, s, "a.b.c", start); err != nil {
			f.Fatal(err)
		}
		f = reopen()
		f.holds(s)
		f.secrets(s.ID, "a.b.c", true)
		f.lists(s.User, s)
		f.count(start, 1)
	}},

	{"A9/ClientsOfEveryKind", func(f fixture, reopen func() fixture) {
		all := []session.Session{f.create(sample(0, user("ada"), start))}
		for i, client := range policy.Clients() {
			s := sample(uint64(i+1), user("ada"), start)
			s.Client = client
			all = append(all, f.create(s))
		}
		f = reopen()
		for _, s := range all {
			f.holds(s)
			f.update(s.ID, start, func(s session.Session) session.Session { s.AuthTime++; return s })
		}
		f = reopen()
		for _, s := range all {
			s.AuthTime++
			f.holds(s)
		}
	}},

	{"P7/SettingsAndActivity", func(f fixture, reopen func() fixture) {
		f.create(sample(1, user("ada"), start))
		other := settings()
		other.SessionTimeout, other.InactivityTimeout = 2*time.Hour, 10*time.Minute
		f.step(id(1), start+minute, deadline.Change{Settings: other})
		want := f.update(id(1), start+2*minute, func(s session.Session) session.Session {
			s.Seq = 77
			return stepping(deadline.Report{At: start + 2*minute}, start+2*minute)(s)
		})
		f = reopen()
		f.holds(want)
		if got := f.expire(start+12*minute, 9); len(got) != 1 || got[0].State.EndedAt != start+12*minute {
			f.Fatalf("Expire after reopening: %v; want the session at its deadline", got)
		}
	}},

	{"A5/PolicyChecks", func(f fixture, reopen func() fixture) {
		s := endless(1)
		s.Check.Stay = true
		f.create(s)
		capped := endless(2)
		capped.Check = session.Check{At: start, Bypassed: true}
		f.create(capped)
		f.create(endless(3))
		f.silent(id(3), start+hour)
		f = reopen()
		f.holds(s)
		f.holds(capped)
		f.count(start+1000*24*hour, 2)
		f.ends(start+1000*24*hour, start+hour, wire.PolicyCheckOverdue, id(3))
		checked := f.update(s.ID, start+hour, func(s session.Session) session.Session {
			s.Check.At, s.Check.Next, s.Check.Stay = start+hour, start+2*hour, false
			return s
		})
		silent := f.silent(capped.ID, start+2*hour)
		f = reopen()
		f.holds(checked)
		f.holds(silent)
		silent = f.step(capped.ID, start+hour, deadline.Confirmed{})
		f = reopen()
		f.holds(silent)
		f.ends(start+1000*24*hour, 0, "")
	}},

	{"P7/SecretsAsSetLast", func(f fixture, reopen func() fixture) {
		for n := range uint64(3) {
			if err := f.store.Create(f.ctx, sample(n, user("ada"), start), "first", start); err != nil {
				f.Fatal(err)
			}
		}
		f.seal(id(1), "second")
		f.seal(id(2), "")
		f.end(id(1), start+1)
		f = reopen()
		f.secrets(id(0), "first", true)
		f.secrets(id(1), "second", true)
		f.secrets(id(2), "", true)
		f.unsealable(id(1), true, session.ErrEnded)
		f.seal(id(0), "third")
		f = reopen()
		f.secrets(id(0), "third", true)
	}},

	// Changes of one session that arrive together go into one write: none may swallow another.
	{"P7/ChangesBesideNewSecrets", func(f fixture, reopen func() fixture) {
		const rounds = 20
		want := map[uint64]session.Session{}
		for n := range uint64(rounds) {
			f.create(sample(n, user("ada"), start))
			var all sync.WaitGroup
			all.Go(func() {
				if ok, err := f.store.SetSecrets(f.ctx, id(n), "new", start); !ok || err != nil {
					f.Errorf("SetSecrets: %t, %v", ok, err)
				}
			})
			for worker := range 8 {
				all.Go(func() {
					_, _, err := f.store.Update(f.ctx, id(n), start, func(s session.Session) (session.Session, error) {
						s.Seq++
						if worker%2 == 0 {
							s.AuthTime++
						}
						if worker == 0 {
							s.Name, s.Provider, s.Check.Stay = "other", "other", true
						}
						return s, nil
					})
					if err != nil {
						f.Errorf("Update: %v", err)
					}
				})
			}
			all.Wait()
			want[n], _ = f.get(id(n))
		}
		f = reopen()
		for n, s := range want {
			if s.Seq != 8 || s.AuthTime != start/1000+4 || s.Provider != "other" || !s.Check.Stay {
				f.Errorf("session %d is %+v; want all changes", n, s)
			}
			f.holds(s)
			f.secrets(s.ID, "new", true)
		}
	}},

	{"P7/WhatCloseInterrupts", func(f fixture, reopen func() fixture) {
		const workers = 6
		var all sync.WaitGroup
		store, done := f.store, make([]uint64, workers) // how many sessions and marks each was told of
		busy := make(chan bool, 2*workers)
		for worker := range uint64(workers) {
			all.Go(func() {
				defer func() { busy <- true }()
				for n := worker; ; n += workers {
					for _, call := range []func() error{
						func() error { return store.Create(f.ctx, sample(n, user("ada"), start), "old", start) },
						func() error { _, err := store.SetSecrets(f.ctx, id(n), "new", start); return err },
						func() error {
							_, _, err := store.Mark(f.ctx, key(fmt.Sprint(n)), start+hour, start)
							return err
						},
					} {
						if err := call(); errors.Is(err, session.ErrClosed) {
							return
						} else if err != nil {
							f.Errorf("while the store is closed: %v; want ErrClosed", err)
							return
						}
					}
					if done[worker]++; done[worker] == 5 {
						busy <- true
					}
				}
			})
		}
		for range workers {
			<-busy
		}
		again := reopen()
		all.Wait()
		for worker := range uint64(workers) {
			for round := range done[worker] {
				n := worker + round*workers
				again.holds(sample(n, user("ada"), start))
				again.secrets(id(n), "new", true)
				again.marked(fmt.Sprint(n), start, start)
			}
		}
		if err := store.Ready(f.ctx); !errors.Is(err, session.ErrClosed) {
			f.Errorf("Ready of the closed store: %v; want ErrClosed", err)
		}
	}},

	{"B5/ByProvider", func(f fixture, reopen func() fixture) {
		stays := f.create(under("sid", sample(1, user("ada"), start)))
		f.create(under("sid", sample(2, user("bob"), start+1)))
		moves := f.update(id(2), start+1, func(s session.Session) session.Session { return under("other", s) })
		f = reopen()
		f.atProvider("sid", stays)
		f.atProvider("other", moves)
	}},

	{"P7/Marks", func(f fixture, reopen func() fixture) {
		f.mark("a", start+100, start, start, true)
		f.mark("b", start+200, start+1, start+1, true)
		f.mark("b", start+300, start+2, start+1, false)
		f = reopen()
		f.marked("a", start+99, start)
		f.unmarked("a", start+100)
		f.mark("b", start+300, start+199, start+1, false)
		f.mark("a", start+300, start+100, start+100, true)
		f.forget(start, start+200, 0)
		f = reopen()
		f.marked("a", start+200, start+100)
		f.mark("b", start+300, start+200, start+200, true)
	}},

	{"P4/EndingsOfEveryReason", func(f fixture, reopen func() fixture) {
		var all []session.Session
		for n, reason := range wire.Reasons() {
			f.create(sample(uint64(n), user("ada"), start))
			all = append(all, f.step(id(uint64(n)), start+int64(n)+1, deadline.End{Reason: reason}))
		}
		f = reopen()
		for _, s := range all {
			f.holds(s)
			_, _, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) { return s, nil })
			if !errors.Is(err, session.ErrEnded) {
				f.Errorf("Update after reopening: %v; want ErrEnded", err)
			}
		}
		f.lastEnd(user("ada"), start+hour, start+int64(len(all)))
		f.count(start, 0)
		if got := f.expire(start+9*hour, 10); len(got) != 0 {
			f.Errorf("Expire returned ended sessions: %v", got)
		}
	}},

	{"P7/ExpiryIsReturnedOnce", func(f fixture, reopen func() fixture) {
		for n := range uint64(3) {
			f.create(sample(n, user("ada"), start))
		}
		if got := f.expire(start+hour, 2); len(got) != 2 {
			f.Fatalf("Expire found %d; want 2", len(got))
		}
		f = reopen()
		if got := f.expire(start+hour, 9); len(got) != 1 || got[0].State.EndedAt != start+hour/2 {
			f.Fatalf("Expire after reopening: %v; want the third session, as of its deadline", got)
		}
	}},

	{"B1/LastEndAfterForget", func(f fixture, reopen func() fixture) {
		f.create(sample(1, user("ada"), start))
		f.create(sample(2, user("bob"), start))
		f.end(id(1), start+20)
		f.forget(start+21, start+21, 1)
		f = reopen()
		f.lacks(id(1))
		f.lastEnd(user("ada"), start+21, start+20)
		f.lastEnd(user("bob"), start+21, 0)
		f.lastEnd(user("bob"), start+hour, start+hour/2)
		f.create(sample(1, user("ada"), start+22))
		f.secrets(id(1), "", true)
	}},
}
