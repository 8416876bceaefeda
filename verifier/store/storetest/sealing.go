package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

var sealing = []check{
	{"Secrets/FindsWhatCreateWasGiven", func(f fixture) {
		s := sample(1, user("ada"), start)
		secrets := session.Sealed(strings.Repeat("e30.", session.MaxSealed/4))
		if err := f.store.Create(f.ctx, s, secrets, start); err != nil {
			f.Fatal(err)
		}
		f.create(sample(2, user("ada"), start))
		f.secrets(id(1), secrets, true)
		f.secrets(id(2), "", true)
		f.secrets(id(3), "", false)
		f.end(s.ID, start+1)
		f.secrets(id(1), secrets, true)
		f.forget(start+2, start+2, 1)
		f.secrets(id(1), "", false)
	}},

	{"Secrets/OfAForgottenIDAreNotThoseOfItsNextSession", func(f fixture) {
		if err := f.store.Create(f.ctx, sample(1, user("ada"), start), "hers", start); err != nil {
			f.Fatal(err)
		}
		f.end(id(1), start+1)
		f.forget(start+2, start+2, 1)
		f.create(sample(1, user("bob"), start+3))
		f.secrets(id(1), "", true)
	}},

	{"SetSecrets/ReplacesThem", func(f fixture) {
		for n, first := range []session.Sealed{"", "first"} {
			s := sample(uint64(n), user("ada"), start)
			if err := f.store.Create(f.ctx, s, first, start); err != nil {
				f.Fatal(err)
			}
			for _, next := range []session.Sealed{"second", "\x00'\xff", "", session.Sealed(strings.Repeat("x", session.MaxSealed)), "third", "third"} {
				f.seal(s.ID, next)
				f.secrets(s.ID, next, true)
			}
			f.holds(s)
		}
	}},

	{"SetSecrets/LeavesOthersAlone", func(f fixture) {
		for n := range uint64(3) {
			if err := f.store.Create(f.ctx, sample(n, user("ada"), start), session.Sealed(fmt.Sprint(n)), start); err != nil {
				f.Fatal(err)
			}
		}
		f.seal(id(1), "other")
		for n, want := range []session.Sealed{"0", "other", "2"} {
			f.secrets(id(uint64(n)), want, true)
		}
	}},

	{"SetSecrets/OfNoSession", func(f fixture) {
		f.unsealable(id(1), false, nil)
		f.create(sample(1, user("ada"), start))
		f.end(id(1), start+1)
		f.forget(start+2, start+2, 1)
		f.unsealable(id(1), false, nil)
		f.create(sample(1, user("ada"), start+3))
		f.secrets(id(1), "", true)
	}},

	{"SetSecrets/OfAnEndedSessionKeepsItsOld", func(f fixture) {
		for n, end := range []func(session.ID){
			func(of session.ID) { f.end(of, start+1) },
			func(session.ID) { f.expire(start+hour, 10) },
		} {
			if err := f.store.Create(f.ctx, sample(uint64(n), user("ada"), start), "old", start); err != nil {
				f.Fatal(err)
			}
			f.seal(id(uint64(n)), "newer")
			end(id(uint64(n)))
			f.unsealable(id(uint64(n)), true, session.ErrEnded)
			f.secrets(id(uint64(n)), "newer", true)
		}
	}},

	{"SetSecrets/RefusesWhatCannotBeKept", func(f fixture) {
		if err := f.store.Create(f.ctx, sample(1, user("ada"), start), "old", start); err != nil {
			f.Fatal(err)
		}
		if _, err := f.store.SetSecrets(f.ctx, id(1), session.Sealed(strings.Repeat("x", session.MaxSealed+1)), start); !errors.Is(err, session.ErrInvalid) {
			f.Errorf("SetSecrets of one byte too many: %v; want ErrInvalid", err)
		}
		f.secrets(id(1), "old", true)
	}},

	// Many writers, heartbeats and a sign-out at once: the secrets are always one writer's, and what a writer was told holds.
	{"SetSecrets/WhateverIsInFlight", func(f fixture) {
		for round := range uint64(10) {
			s := sample(round, user("ada"), start)
			if err := f.store.Create(f.ctx, s, "old", start); err != nil {
				f.Fatal(err)
			}
			var all sync.WaitGroup
			var kept sync.Map
			kept.Store(session.Sealed("old"), true)
			for writer := range 8 {
				all.Go(func() {
					for try := range 5 {
						next := session.Sealed(strings.Repeat(fmt.Sprintf("%d.%d ", writer, try), 200))
						switch ok, err := f.store.SetSecrets(f.ctx, s.ID, next, start); {
						case err == nil && ok:
							kept.Store(next, true)
						case !ok || !errors.Is(err, session.ErrEnded):
							f.Errorf("SetSecrets: ok %t, %v; want true and nil or ErrEnded", ok, err)
						}
						if got, ok, err := f.store.Secrets(f.ctx, s.ID, start); len(got) != len(next) && got != "old" || !ok || err != nil {
							f.Errorf("Secrets: %d bytes, %t, %v; want those of one writer", len(got), ok, err)
						}
					}
				})
				all.Go(func() {
					_, _, err := f.store.Update(f.ctx, s.ID, start+5, func(s session.Session) (session.Session, error) {
						return stepping(deadline.Report{At: start + 5}, start+5)(s), nil
					})
					if err != nil && !errors.Is(err, session.ErrEnded) {
						f.Errorf("Update: %v", err)
					}
				})
			}
			all.Go(func() { f.end(s.ID, start+10) })
			all.Wait()
			got, _, err := f.store.Secrets(f.ctx, s.ID, start)
			if _, known := kept.Load(got); !known || err != nil {
				f.Fatalf("Secrets: %.20q, %v; want what a SetSecrets that succeeded was given", got, err)
			}
			if ended, _ := f.get(s.ID); ended.State.EndedAt != start+10 || ended.State.Reason != wire.SignedOut {
				f.Fatalf("the session is %+v; want it ended", ended.State)
			}
		}
	}},
}

func (f fixture) secrets(id session.ID, want session.Sealed, exists bool) {
	f.Helper()
	if got, ok, err := f.store.Secrets(f.ctx, id, start); got != want || ok != exists || err != nil {
		f.Fatalf("Secrets: %d bytes, %.20q, %t, %v; want %d, %.20q, %t", len(got), got, ok, err, len(want), want, exists)
	}
}

// seal must succeed.
func (f fixture) seal(id session.ID, secrets session.Sealed) {
	f.Helper()
	if ok, err := f.store.SetSecrets(f.ctx, id, secrets, start); !ok || err != nil {
		f.Fatalf("SetSecrets: ok %t, %v", ok, err)
	}
}

func (f fixture) unsealable(id session.ID, exists bool, want error) {
	f.Helper()
	if ok, err := f.store.SetSecrets(f.ctx, id, "too late", start); ok != exists || !errors.Is(err, want) {
		f.Fatalf("SetSecrets: ok %t, %v; want %t, %v", ok, err, exists, want)
	}
}
