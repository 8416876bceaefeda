package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// under gives a session the provider's own session ID.
func under(sid string, s session.Session) session.Session {
	s.Provider = sid
	return s
}

var providers = []check{
	{"B5/ByProviderListsInOrderOfBeginning", func(f fixture) {
		third := f.create(under("sid", sample(1, user("ada"), start+3)))
		first := f.create(under("sid", sample(2, user("bob"), start+1)))
		second := f.create(under("sid", sample(3, user("ada"), start+2)))
		f.create(sample(4, user("ada"), start))
		f.atProvider("sid", first, second, third)
		second = f.end(second.ID, start+9)
		f.atProvider("sid", first, second, third)
		f.expire(first.State.Began+hour/2, 10)
		first, _ = f.get(first.ID)
		f.atProvider("sid", first, second, third)
		f.forget(start+10, start+10, 1)
		f.atProvider("sid", first, third)
	}},

	{"B5/ByProviderKeepsProvidersApart", func(f fixture) {
		all := [][3]string{
			{"a", "b", "c"}, {"a", "b", "cc"}, {"a", "b", "C"}, {"a", "bc", "c"}, {"ab", "c", "c"}, {"a2", "b", "c"}, {"a", "b2", "c"}, {"a", "b", "%"},
		}
		for i, of := range all {
			f.create(under(of[2], sample(uint64(i), session.User{Environment: of[0], Issuer: of[1], Subject: "s"}, start)))
		}
		for i, of := range all {
			got, err := f.store.ByProvider(f.ctx, of[0], of[1], of[2], start)
			if err != nil || len(got) != 1 || got[0].ID != id(uint64(i)) {
				f.Errorf("ByProvider of %q: %v, %v; want session %d", of, got, err, i)
			}
		}
		f.atProvider("sid")
	}},

	{"B5/ByProviderOfNoIDFindsNone", func(f fixture) {
		f.create(under("", sample(1, user("ada"), start)))
		f.atProvider("")
	}},

	{"B5/ByProviderFollowsUpdates", func(f fixture) {
		s := f.create(under("first", sample(1, user("ada"), start)))
		for _, sid := range []string{"second", "", "first", "third"} {
			before := s.Provider
			s = f.update(s.ID, start, func(s session.Session) session.Session { return under(sid, s) })
			if before != "" {
				f.atProvider(before)
			}
			if sid != "" {
				f.atProvider(sid, s)
			}
		}
		s = f.update(s.ID, start+1, func(s session.Session) session.Session { // what is found is as current as what Get finds
			s.Seq++
			return stepping(deadline.Report{At: start + 1}, start+1)(s)
		})
		f.atProvider("third", s)
		s = f.update(s.ID, start+2, func(s session.Session) session.Session {
			return under("fourth", stepping(deadline.End{Reason: wire.EndedByProvider}, start+2)(s))
		})
		f.atProvider("third")
		f.atProvider("fourth", s)
	}},

	{"B5/ByProviderOfAForgottenIDIsNotThatOfItsNextSession", func(f fixture) {
		f.create(under("old", sample(1, user("ada"), start)))
		f.end(id(1), start+1)
		f.forget(start+2, start+2, 1)
		f.atProvider("old")
		next := f.create(under("new", sample(1, user("ada"), start+3)))
		f.atProvider("old")
		f.atProvider("new", next)
	}},

	{"B5/ByProviderSeesWhatWasAcknowledgedAndNothingHidden", func(f fixture) {
		const workers, each = 8, 10
		sees := func(sid string, s session.Session) {
			got, err := f.store.ByProvider(f.ctx, s.User.Environment, s.User.Issuer, sid, start)
			if err != nil || !slices.ContainsFunc(got, func(other session.Session) bool { return other.ID == s.ID }) {
				f.Errorf("ByProvider finds %d sessions, %v; want among them one that was acknowledged", len(got), err)
			}
			for _, s := range got {
				if _, ok, err := f.store.Get(f.ctx, s.ID, start); !ok || err != nil {
					f.Errorf("ByProvider shows a session that Get does not: %t, %v", ok, err)
				}
			}
		}
		var all sync.WaitGroup
		for worker := range uint64(workers) {
			all.Go(func() {
				for n := worker; n < workers*each; n += workers {
					s := under("shared", sample(n, user("ada"), start+int64(n)))
					if err := f.store.Create(f.ctx, s, "", start); err != nil {
						f.Errorf("Create: %v", err)
					}
					sees("shared", s)
					own := fmt.Sprint("own ", n)
					if _, _, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) { return under(own, s), nil }); err != nil {
						f.Errorf("Update: %v", err)
					}
					sees(own, s)
					if _, _, err := f.store.Update(f.ctx, s.ID, start, func(s session.Session) (session.Session, error) {
						return stepping(deadline.End{Reason: wire.EndedByProvider}, start+hour)(s), nil
					}); err != nil && !errors.Is(err, session.ErrEnded) {
						f.Errorf("Update: %v", err)
					}
					sees(own, s)
				}
			})
		}
		all.Wait()
		f.atProvider("shared")
	}},
}

// atProvider fails unless exactly these sessions are found in the environment and at the issuer of every user of the suite.
func (f fixture) atProvider(sid string, want ...session.Session) {
	f.Helper()
	of := user("any")
	got, err := f.store.ByProvider(f.ctx, of.Environment, of.Issuer, sid, start)
	if err != nil || !slices.Equal(got, want) {
		f.Fatalf("ByProvider of %q: %v, %v; want %v", sid, got, err, want)
	}
}
