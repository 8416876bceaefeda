package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// latest is the last second that a policy check may be at.
const latest = int64(1<<32-1) * 1000

var creating = []check{
	{"Create/AddsASession", func(f fixture) { f.holds(f.create(sample(1, user("ada"), start))) }},

	{"Create/KeepsEveryField", func(f fixture) {
		s := sample(1, session.User{Environment: strings.Repeat("e", session.MaxEnvironment), Issuer: strings.Repeat("i", session.MaxIssuer),
			Subject: strings.Repeat("s", session.MaxSubject)}, start)
		s.Name = "\x00'\"\xff" + strings.Repeat("å", 126)
		s.Provider = strings.Repeat("p", session.MaxProvider)
		s.Client, s.Seq = policy.CanvasApp, 1<<64-1
		s.State.SessionFloor, s.State.InactivityFloor, s.State.Active = start+1, start+2, start+3
		s.State.Settings.AnyActivityStays = true
		s.Check = session.Check{At: latest, Next: latest - 1000, Stay: true}
		s.State.CheckBy, s.State.Lapses = latest-2000, latest-1000
		f.holds(f.create(s))
		bare := sample(2, user("bob"), start)
		bare.Name, bare.Provider, bare.AuthTime = "", "", 0
		bare.Check, bare.State.Settings.SessionTimeout = session.Check{Bypassed: true}, 0
		f.holds(f.create(bare))
	}},

	{"Create/RefusesATakenID", func(f fixture) {
		first := f.create(sample(1, user("ada"), start))
		if err := f.store.Create(f.ctx, sample(1, user("bob"), start), "", start); !errors.Is(err, session.ErrExists) {
			f.Fatalf("Create of a living session's ID: %v; want ErrExists", err)
		}
		f.holds(first)
		ended := f.end(first.ID, start+1)
		if err := f.store.Create(f.ctx, sample(1, user("bob"), start), "", start); !errors.Is(err, session.ErrExists) {
			f.Fatalf("Create of an ended session's ID: %v; want ErrExists", err)
		}
		f.holds(ended)
	}},

	{"Create/OneOfManyTakesAnID", func(f fixture) {
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				switch err := f.store.Create(f.ctx, sample(1, user(strings.Repeat("x", i+1)), start), "", start); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, session.ErrExists):
					f.Errorf("Create: %v; want nil or ErrExists", err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			f.Fatalf("%d of 16 took the same ID; want 1", won.Load())
		}
	}},

	{"Create/RefusesWhatCannotBeKept", func(f fixture) {
		for name, change := range map[string]func(*session.Session, *session.Sealed){
			"no environment": func(s *session.Session, _ *session.Sealed) { s.User.Environment = "" },
			"no issuer":      func(s *session.Session, _ *session.Sealed) { s.User.Issuer = "" },
			"no subject":     func(s *session.Session, _ *session.Sealed) { s.User.Subject = "" },
			"long environment": func(s *session.Session, _ *session.Sealed) {
				s.User.Environment = strings.Repeat("x", session.MaxEnvironment+1)
			},
			"long issuer": func(s *session.Session, _ *session.Sealed) { s.User.Issuer = strings.Repeat("x", session.MaxIssuer+1) },
			"long subject": func(s *session.Session, _ *session.Sealed) {
				s.User.Subject = strings.Repeat("x", session.MaxSubject+1)
			},
			"long name":     func(s *session.Session, _ *session.Sealed) { s.Name = strings.Repeat("x", session.MaxName+1) },
			"long provider": func(s *session.Session, _ *session.Sealed) { s.Provider = strings.Repeat("x", session.MaxProvider+1) },
			"long secrets": func(_ *session.Session, s *session.Sealed) {
				*s = session.Sealed(strings.Repeat("x", session.MaxSealed+1))
			},
			"an unknown client": func(s *session.Session, _ *session.Sealed) { s.Client = "fridge" },
			"half milliseconds": func(s *session.Session, _ *session.Sealed) { s.State.Settings.SessionTimeout += time.Microsecond },
			"half a second":     func(s *session.Session, _ *session.Sealed) { s.Check.At++ },
			"a late check":      func(s *session.Session, _ *session.Sealed) { s.State.CheckBy = latest + 1000 },
			"no next check":     func(s *session.Session, _ *session.Sealed) { s.Check.Next = 0 },
			"a reason, no end":  func(s *session.Session, _ *session.Sealed) { s.State.Reason = wire.SignedOut },
			"an end, no reason": func(s *session.Session, _ *session.Sealed) { s.State.EndedAt = start },
			"an unknown reason": func(s *session.Session, _ *session.Sealed) { s.State.EndedAt, s.State.Reason = start, "bored" },
		} {
			s, secrets := sample(1, user("ada"), start), session.Sealed("")
			change(&s, &secrets)
			if err := f.store.Create(f.ctx, s, secrets, start); !errors.Is(err, session.ErrInvalid) {
				f.Errorf("Create with %s: %v; want ErrInvalid", name, err)
			}
			f.lacks(s.ID)
		}
		ended := sample(1, user("ada"), start)
		ended.State.EndedAt, ended.State.Reason = start, wire.SignedOut
		if err := f.store.Create(f.ctx, ended, "", start); !errors.Is(err, session.ErrEnded) {
			f.Errorf("Create of an ended session: %v; want ErrEnded", err)
		}
		f.lacks(ended.ID)
		f.lastEnd(user("ada"), start+hour, 0)
	}},
}

var reading = []check{
	{"Get/FindsNothingWhereNothingIs", func(f fixture) {
		f.create(sample(1, user("ada"), start))
		f.lacks(id(2))
		f.lacks(session.ID{})
	}},

	{"Get/FindsEndedSessions", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		ended := f.end(s.ID, start+5)
		if ended.State.EndedAt != start+5 || ended.State.Reason != wire.SignedOut {
			f.Fatalf("Update returned %+v; want ended at %d as signed out", ended.State, start+5)
		}
		f.holds(ended)
	}},

	{"Get/LeavesTimeToTheCaller", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		got, ok, err := f.store.Get(f.ctx, s.ID, start+1000*hour)
		if err != nil || !ok || got != s {
			f.Fatalf("Get after the deadline: %+v, %t, %v; want the session as it was left", got, ok, err)
		}
	}},
}
