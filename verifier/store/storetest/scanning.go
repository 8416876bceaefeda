package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// inside gives a session another environment.
func inside(environment string, s session.Session) session.Session {
	s.User.Environment = environment
	return s
}

var scanning = []check{
	{"Scan/VisitsEachOfAnEnvironmentOnce", func(f fixture) {
		var crm, erp []session.Session
		for n := range uint64(300) {
			crm = append(crm, f.create(sample(n, user("ada"), start)))
			erp = append(erp, f.create(inside("erp", sample(1000+n, user("ada"), start))))
		}
		f.scans("crm", crm...)
		f.scans("erp", erp...)
		f.scans("", append(crm, erp...)...)
	}},

	{"Scan/KeepsEnvironmentsApart", func(f fixture) {
		all := map[string]session.Session{}
		for i, environment := range []string{"a", "ab", "A", "a2", "%", "a%", "*", "a*", "[a]"} {
			all[environment] = f.create(inside(environment, sample(uint64(i), user("ada"), start)))
		}
		for environment, s := range all {
			f.scans(environment, s)
		}
		f.scans("nowhere")
	}},

	{"Scan/OfAnEmptyStoreVisitsNone", func(f fixture) { f.scans("") }},

	{"Scan/VisitsLivingAndEndedButNotForgotten", func(f fixture) {
		living := f.create(sample(1, user("ada"), start))
		f.create(sample(2, user("bob"), start))
		ended := f.end(id(2), start+2)
		f.scans("crm", living, ended)
		late := f.expire(start+hour/2, 10)
		if len(late) != 1 || late[0].ID != living.ID {
			f.Fatalf("Expire: %v; want session 1", late)
		}
		f.scans("crm", ended, late[0])
		f.forget(start+3, start+hour, 1)
		f.scans("crm", late[0])
		f.scans("", late[0])
	}},

	{"Scan/LeavesTimeToTheCaller", func(f fixture) {
		s := f.create(sample(1, user("ada"), start))
		if got := f.scan("crm", start+1000*hour); len(got) != 1 || got[s.ID] != s {
			f.Fatalf("Scan after the deadline: %v; want the session as it was left", got)
		}
	}},

	{"Scan/SeesWhatUpdateLeft", func(f fixture) {
		s := sample(1, user("ada"), start)
		s.Client = policy.Tablet
		f.create(s)
		f.scans("crm", f.update(s.ID, start+1, func(s session.Session) session.Session {
			s.Seq, s.Name, s.Provider = 9, "Ada", "other"
			return stepping(deadline.Report{At: start + 1}, start+1)(s)
		}))
	}},

	{"Scan/StopsWhenVisitSaysSo", func(f fixture) {
		for n := range uint64(40) {
			f.create(sample(n, user("ada"), start))
		}
		for _, most := range []int{1, 2, 39} {
			visits := 0
			err := f.store.Scan(f.ctx, "crm", start, func(session.Session) bool { visits++; return visits < most })
			if err != nil || visits != most {
				f.Errorf("Scan that is to stop after %d visits made %d, %v", most, visits, err)
			}
		}
	}},

	{"Scan/EndsWithItsContext", func(f fixture) {
		for n := range uint64(40) {
			f.create(sample(n, user("ada"), start))
		}
		ctx, cancel := context.WithCancel(f.ctx)
		defer cancel()
		err := f.store.Scan(ctx, "", start, func(session.Session) bool { cancel(); return true })
		if !errors.Is(err, context.Canceled) {
			f.Fatalf("Scan whose context ended meanwhile: %v; want context.Canceled", err)
		}
	}},

	// While somebody looks at a session, others work on it and on all others.
	{"Scan/KeepsNobodyWaiting", func(f fixture) {
		for n := range uint64(300) {
			f.create(sample(n, user("ada"), start))
		}
		visiting, done := make(chan session.ID), make(chan bool)
		var all sync.WaitGroup
		all.Go(func() {
			first := true
			err := f.store.Scan(f.ctx, "", start, func(s session.Session) bool {
				if first {
					visiting <- s.ID
					<-done
				}
				first = false
				return true
			})
			if err != nil {
				f.Errorf("Scan: %v", err)
			}
		})
		visited := <-visiting
		for n := range uint64(300) {
			f.step(id(n), start+1, deadline.Report{At: start + 1})
		}
		f.end(visited, start+2)
		f.create(sample(1000, user("bob"), start))
		f.expire(start+2*hour, 1000)
		f.forget(start+3*hour, start+3*hour, 301)
		close(done)
		all.Wait()
	}},

	// Sessions that are there all the time are visited once, whatever comes and goes around them; nothing is visited twice, and
	// nothing that Get does not show.
	{"Scan/WhileSessionsComeAndGo", func(f fixture) {
		const stay, workers = 200, 4
		for n := range uint64(stay) {
			f.create(sample(n, user("ada"), start))
		}
		var stop atomic.Bool
		var all sync.WaitGroup
		for worker := range uint64(workers) {
			all.Go(func() {
				for n := uint64(stay) + worker; !stop.Load(); n += workers {
					if err := f.store.Create(f.ctx, sample(n, user("bob"), start), "", start); err != nil {
						f.Errorf("Create: %v", err)
						return
					}
					_, ok, err := f.store.Update(f.ctx, id(n), start+1, func(s session.Session) (session.Session, error) {
						return stepping(deadline.End{Reason: wire.SignedOut}, start+1)(s), nil
					})
					if !ok || err != nil {
						f.Errorf("Update: %t, %v", ok, err)
						return
					}
					if n%8 == 0 {
						if _, err := f.store.Forget(f.ctx, start+2, start+2); err != nil {
							f.Errorf("Forget: %v", err)
							return
						}
					}
				}
			})
		}
		for range 10 {
			seen := f.scan("crm", start)
			for n := range uint64(stay) {
				if _, ok := seen[id(n)]; !ok {
					f.Errorf("Scan missed session %d, which was there all the time", n)
				}
			}
		}
		stop.Store(true)
		all.Wait()
	}},
}

// scan gives the sessions that are visited, and fails when one is visited twice.
func (f fixture) scan(environment string, now int64) map[session.ID]session.Session {
	f.Helper()
	seen := map[session.ID]session.Session{}
	err := f.store.Scan(f.ctx, environment, now, func(s session.Session) bool {
		if _, twice := seen[s.ID]; twice {
			f.Errorf("Scan visited %s twice", s.ID)
		}
		seen[s.ID] = s
		return true
	})
	if err != nil {
		f.Fatalf("Scan of %q: %v", environment, err)
	}
	return seen
}

// scans fails unless exactly these sessions are visited.
func (f fixture) scans(environment string, want ...session.Session) {
	f.Helper()
	seen := f.scan(environment, start)
	for _, s := range want {
		if got, ok := seen[s.ID]; !ok || got != s {
			f.Errorf("Scan of %q visited\n%+v, %t; want\n%+v", environment, got, ok, s)
		}
	}
	if len(seen) != len(want) {
		f.Errorf("Scan of %q visited %d sessions; want %d", environment, len(seen), len(want))
	}
}

// compareScan compares what Scan visits with the model.
func (m *machine) compareScan(rt *rapid.T, environment string) {
	visits := 0
	err := m.store.Scan(m.ctx, environment, m.now, func(s session.Session) bool {
		visits++
		if want, known := m.sessions[s.ID]; !known || s != want {
			rt.Errorf("Scan of %q visited\n%+v; want\n%+v, %t", environment, s, want, known)
		}
		return true
	})
	want := m.list(func(s session.Session) bool { return environment == "" || s.User.Environment == environment })
	if err != nil || visits != len(want) {
		rt.Fatalf("Scan of %q made %d visits, %v; want %d", environment, visits, err, len(want))
	}
}
