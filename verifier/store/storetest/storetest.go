// Package storetest is the one suite that every session.Store must pass: Run for the contract, RunDurable for what must
// survive, Bench for what it costs. It judges a store by its answers only.
package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// Open opens a fresh, empty store for one test. The suite closes it.
type Open func(testing.TB) session.Store

// Run proves the contract of session.Store, sentence by sentence. Run it with the race detector.
func Run(t *testing.T, open Open) {
	for _, group := range [][]check{creating, reading, updating, sealing, users, providers, scanning, ending, checking, marking, living} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				c.prove(fixture{t, t.Context(), opened(t, open)})
			})
		}
	}
	t.Run("Model", func(t *testing.T) { checkModel(t, open) })
}

// check is one sentence of the contract.
type check struct {
	name  string
	prove func(fixture)
}

type fixture struct {
	*testing.T
	ctx   context.Context
	store session.Store
}

func opened(t testing.TB, open Open) session.Store {
	store := open(t)
	t.Cleanup(func() {
		if err := store.Close(); err != nil && !errors.Is(err, session.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return store
}

// start is when every test begins, in milliseconds since the epoch.
const start = int64(1_800_000_000_000)

const (
	minute = int64(time.Minute / time.Millisecond)
	hour   = 60 * minute
)

func settings() policy.Settings {
	return policy.Settings{
		SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute,
		InactivityTimeout: 30 * time.Minute, InactivityWarning: 2 * time.Minute,
	}
}

func id(n uint64) (id session.ID) {
	binary.BigEndian.PutUint64(id[:], n*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func user(subject string) session.User {
	return session.User{Environment: "crm", Issuer: "https://login.example/tenant", Subject: subject}
}

// sample is a session of the size that providers make them: a pairwise subject, an address, a UUID.
func sample(n uint64, of session.User, began int64) session.Session {
	s := session.Session{
		ID: id(n), User: of, Name: "ada.lovelace@mail.example",
		AuthTime: began / 1000, Provider: providerID(n),
		Check: session.Check{At: began / 1000 * 1000, Next: began/1000*1000 + hour},
		State: deadline.Begin(settings(), began),
	}
	binary.BigEndian.PutUint64(s.Key[:], n)
	s.Key[31] = 1
	return s
}

// providerID is a provider's own session ID, as long as a UUID and as scattered.
func providerID(n uint64) string {
	of := id(n)
	return fmt.Sprintf("%x-%x-%x-%x-%x", of[:4], of[4:6], of[6:8], of[8:10], of[10:])
}

// create adds a session and gives it back.
func (f fixture) create(s session.Session) session.Session {
	f.Helper()
	if err := f.store.Create(f.ctx, s, "", s.State.Began); err != nil {
		f.Fatalf("Create: %v", err)
	}
	return s
}

func (f fixture) get(id session.ID) (session.Session, bool) {
	f.Helper()
	s, ok, err := f.store.Get(f.ctx, id, start)
	if err != nil {
		f.Fatalf("Get: %v", err)
	}
	return s, ok
}

// holds fails unless the store has exactly this session.
func (f fixture) holds(want session.Session) {
	f.Helper()
	if got, ok := f.get(want.ID); !ok || got != want {
		f.Fatalf("the store holds\n%+v, %t; want\n%+v", got, ok, want)
	}
}

func (f fixture) lacks(id session.ID) {
	f.Helper()
	if got, ok := f.get(id); ok {
		f.Fatalf("the store holds %+v; want no such session", got)
	}
}

// update must succeed.
func (f fixture) update(id session.ID, now int64, decide func(session.Session) session.Session) session.Session {
	f.Helper()
	got, ok, err := f.store.Update(f.ctx, id, now, func(s session.Session) (session.Session, error) { return decide(s), nil })
	if err != nil || !ok {
		f.Fatalf("Update: ok %t, %v", ok, err)
	}
	return got
}

func (f fixture) step(id session.ID, now int64, event deadline.Event) session.Session {
	f.Helper()
	return f.update(id, now, stepping(event, now))
}

func (f fixture) end(id session.ID, now int64) session.Session {
	f.Helper()
	return f.step(id, now, deadline.End{Reason: wire.SignedOut})
}

func stepping(event deadline.Event, now int64) func(session.Session) session.Session {
	return func(s session.Session) session.Session {
		s.State = deadline.Step(s.State, event, now)
		return s
	}
}

func (f fixture) expire(now int64, limit int) []session.Session {
	f.Helper()
	ended, err := f.store.Expire(f.ctx, now, limit)
	if err != nil {
		f.Fatalf("Expire: %v", err)
	}
	return ended
}

func (f fixture) forget(before, now int64, want int) {
	f.Helper()
	if n, err := f.store.Forget(f.ctx, before, now); err != nil || n != want {
		f.Fatalf("Forget dropped %d, %v; want %d", n, err, want)
	}
}

func (f fixture) lastEnd(of session.User, now, want int64) {
	f.Helper()
	if got, err := f.store.LastEnd(f.ctx, of, now); err != nil || got != want {
		f.Fatalf("LastEnd of %q is %d, %v; want %d", of.Subject, got, err, want)
	}
}

func (f fixture) count(now int64, want int) {
	f.Helper()
	if got, err := f.store.Count(f.ctx, now); err != nil || got != want {
		f.Fatalf("Count is %d, %v; want %d", got, err, want)
	}
}
