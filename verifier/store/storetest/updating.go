package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

var updating = []check{
	{"Update/ChangesAllButIdentity", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		want := s
		want.Name, want.Provider, want.AuthTime, want.Seq = "Ada", "", 7, 9
		want.State.Active += 3
		want.State.Settings.SessionTimeout = 2 * time.Hour
		want.Check = session.Check{At: start + 1000, Next: start + 2000, Stay: true}
		want.State.CheckBy, want.State.Lapses = start+3000, start+100*hour
		want.State.SessionFloor, want.State.InactivityFloor = start+4, start+5
		got := f.update(s.ID, start+1, func(seen session.Session) session.Session {
			if seen != s {
				f.Errorf("decide saw %+v; want %+v", seen, s)
			}
			return want
		})
		if got != want {
			f.Fatalf("Update returned %+v; want %+v", got, want)
		}
		f.holds(want)
	}},

	{"Update/WithoutAChangeChangesNothing", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		if got := f.update(s.ID, start, func(s session.Session) session.Session { return s }); got != s {
			f.Fatalf("Update returned %+v; want %+v", got, s)
		}
		f.holds(s)
	}},

	{"Update/OfNoSessionDoesNotDecide", func(f fixture) {
		_, ok, err := f.store.Update(f.ctx, id(1), start, func(s session.Session) (session.Session, error) {
			f.Error("decide ran without a session")
			return s, nil
		})
		if ok || err != nil {
			f.Fatalf("Update: ok %t, %v; want false, nil", ok, err)
		}
	}},

	{"Update/PassesAnErrorOnAndChangesNothing", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		refused := errors.New("refused")
		_, ok, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) {
			s.Seq, s.State.EndedAt, s.State.Reason = 5, start, wire.SignedOut
			return s, refused
		})
		if !ok || !errors.Is(err, refused) {
			f.Fatalf("Update: ok %t, %v; want true and decide's own error", ok, err)
		}
		f.holds(s)
		f.lastEnd(s.User, start+1, 0)
	}},

	{"Update/RefusesAnotherIdentity", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		for name, change := range map[string]func(*session.Session){
			"ID":          func(s *session.Session) { s.ID = id(2) },
			"environment": func(s *session.Session) { s.User.Environment = "other" },
			"issuer":      func(s *session.Session) { s.User.Issuer = "https://evil.example" },
			"subject":     func(s *session.Session) { s.User.Subject = "bob" },
			"key":         func(s *session.Session) { s.Key[0] ^= 1 },
			"client":      func(s *session.Session) { s.Client = policy.Phone },
			"beginning":   func(s *session.Session) { s.State.Began++ },
		} {
			_, ok, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) {
				change(&s)
				return s, nil
			})
			if !ok || !errors.Is(err, session.ErrIdentity) {
				f.Errorf("Update of the %s: ok %t, %v; want ErrIdentity", name, ok, err)
			}
			f.holds(s)
		}
		f.lacks(id(2))
	}},

	{"Update/RefusesWhatCannotBeKept", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		for name, change := range map[string]func(*session.Session){
			"a long name":       func(s *session.Session) { s.Name = strings.Repeat("x", session.MaxName+1) },
			"half a second":     func(s *session.Session) { s.State.CheckBy = start + 1 },
			"a wrong bypass":    func(s *session.Session) { s.Check.Bypassed = true },
			"an end, no reason": func(s *session.Session) { s.State.EndedAt = start },
			"an unknown reason": func(s *session.Session) { s.State.EndedAt, s.State.Reason = start, "bored" },
		} {
			_, ok, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) {
				change(&s)
				return s, nil
			})
			if !ok || !errors.Is(err, session.ErrInvalid) {
				f.Errorf("Update to %s: ok %t, %v; want ErrInvalid", name, ok, err)
			}
			f.holds(s)
		}
	}},

	{"P4/NothingChangesAnEndedSession", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		ended := f.end(s.ID, start+1)
		got, ok, err := f.store.Update(f.ctx, s.ID, start+2, func(s session.Session) (session.Session, error) {
			f.Error("decide ran for an ended session")
			s.State.EndedAt, s.State.Reason = 0, ""
			return s, nil
		})
		if got != ended || !ok || !errors.Is(err, session.ErrEnded) {
			f.Fatalf("Update of an ended session: %+v, %t, %v; want it and ErrEnded", got, ok, err)
		}
		f.holds(ended)
	}},

	{"Update/LosesNoneOfManyAtOnce", func(f fixture) {
		const workers, each = 8, 50
		s := f.create(sample(1, user("ada"), start))
		var all sync.WaitGroup
		var seen sync.Map
		for range workers {
			all.Go(func() {
				for range each {
					got, _, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) {
						s.Seq++
						s.State.Active++
						return s, nil
					})
					if err != nil {
						f.Errorf("Update: %v", err)
					}
					if _, twice := seen.LoadOrStore(got.Seq, true); twice {
						f.Errorf("two updates returned sequence number %d", got.Seq)
					}
				}
			})
		}
		all.Wait()
		if got, _ := f.get(s.ID); got.Seq != workers*each || got.State.Active != start+workers*each {
			f.Fatalf("sequence number %d and activity %d after %d updates", got.Seq, got.State.Active-start, workers*each)
		}
	}},

	// Many sign-outs and heartbeats in flight: one ending wins, everybody sees that one and no other, and after the first
	// answer that says ended no answer says living.
	{"P4/EndedStaysEndedWhateverIsInFlight", func(f fixture) {
		for round := range uint64(20) {
			s := f.create(sample(round, user("ada"), start))
			var all sync.WaitGroup
			var won atomic.Int32
			var known atomic.Bool
			for worker, reason := range []wire.Reason{wire.SignedOut, wire.EndedByAdmin, wire.EndedByProvider, wire.UserMismatch} {
				all.Go(func() {
					at := start + 10 + int64(worker)
					got, _, err := f.store.Update(f.ctx, s.ID, at, func(s session.Session) (session.Session, error) {
						return stepping(deadline.End{Reason: reason}, at)(s), nil
					})
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, session.ErrEnded) {
						f.Errorf("Update: %v; want nil or ErrEnded", err)
					}
					if got.State.EndedAt == 0 {
						f.Error("an ending left the session living")
					}
					known.Store(true)
				})
				all.Go(func() {
					for range 20 {
						wasKnown := known.Load()
						_, _, err := f.store.Update(f.ctx, s.ID, start+5, func(s session.Session) (session.Session, error) {
							s.Seq++
							return stepping(deadline.Report{At: start + 5}, start+5)(s), nil
						})
						if wasKnown && !errors.Is(err, session.ErrEnded) {
							f.Errorf("Update after the end: %v; want ErrEnded", err)
						}
						wasKnown = known.Load()
						if got, ok, err := f.store.Get(f.ctx, s.ID, start); wasKnown && (err != nil || !ok || got.State.EndedAt == 0) {
							f.Errorf("Get after the end: %+v, %t, %v; want an ended session", got.State, ok, err)
						}
					}
				})
			}
			all.Wait()
			if won.Load() != 1 {
				f.Fatalf("%d endings won; want 1", won.Load())
			}
			if _, _, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) { return s, nil }); !errors.Is(err, session.ErrEnded) {
				f.Fatalf("Update of the ended session: %v; want ErrEnded", err)
			}
		}
	}},
}
