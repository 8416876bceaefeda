package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// P1: a verifier is waited for by its own lease, however brief that of the one that waits is.
func TestP1_LeasesMayDiffer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	o := options(server)
	o.Lease = 4 * time.Second
	long := o
	long.Redis.Addresses = []string{proxy.Address}
	deaf := open(t, long)
	o.Lease = 500 * time.Millisecond
	other := open(t, o)
	created(t, other, 1)
	remembers(t, server, deaf, 1)
	proxy.Deafen()
	eventually(t, other, 1, ending(start+1))
	if deaf.Remembers(numbered(1).ID, start+2) {
		t.Error("an ending was acknowledged while another verifier answers from memory")
	}
}

// P1: what a verifier remembers that the register has lost is not used any more when an ending is acknowledged: here a replica was promoted
// that had not heard of it, and the master that had is gone.
func TestP1_ARegisterThatLostAName(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := master.Replica()
	o := options(master)
	o.Durability, o.Lease = redis.DurabilityOperator, 3*time.Second
	seed := open(t, o)
	created(t, seed, 1)
	seed.Close() // nobody is in the register
	inStep(t, master, replica)
	replica.Do("REPLICAOF", "NO", "ONE")
	forgotten := open(t, o)
	remembers(t, master, forgotten, 1)
	master.Pause()
	defer master.Resume()
	o.Redis.Addresses = []string{replica.Address}
	other := open(t, o)
	eventually(t, other, 1, ending(start+1))
	if forgotten.Remembers(numbered(1).ID, start+2) {
		t.Error("an ending was acknowledged while a verifier that the register has lost answers from memory")
	}
}

// P1, P4: while a verifier that answers from memory does not confirm a change, nobody is told of it: not by trying it again, and not by a list.
func TestP4_WhatIsNotConfirmedIsToldToNobody(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := options(server)
	o.Lease = 300 * time.Millisecond
	store := open(t, o)
	created(t, store, 1)
	created(t, store, 2)
	register, name := "{"+o.Prefix+"}replicas", strings.Repeat("x", 16)
	silent := make(chan struct{})
	var renewing sync.WaitGroup
	renewing.Go(func() { // it renews, and confirms nothing
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			server.Try("HSET", register, name, fmt.Sprint(n, " 300"))
			select {
			case <-silent:
				return
			case <-tick.C:
			}
		}
	})
	needs.Until(t, "the silent verifier to be there", func() bool { return server.Do("HGET", register, name) != "" })
	tighten := func(s session.Session) (session.Session, error) { // the same whenever it is tried
		settings := s.State.Settings
		settings.InactivityTimeout = 10 * time.Minute
		s.State = deadline.Step(s.State, deadline.Change{Settings: settings}, start)
		return s, nil
	}
	try := func(n int, decide func(session.Session) (session.Session, error)) error {
		_, _, err := store.Update(t.Context(), numbered(n).ID, start, decide)
		return err
	}
	needs.Until(t, "an ending that is not confirmed", func() bool { return errors.Is(try(1, ending(start+1)), redis.ErrUnconfirmed) })
	needs.Until(t, "a change that is not confirmed", func() bool { return errors.Is(try(2, tighten), redis.ErrUnconfirmed) })
	lists := map[string]func() error{
		"the change again": func() error { return try(2, tighten) },
		"ByUser":           func() error { _, err := store.ByUser(t.Context(), numbered(1).User, start); return err },
		"ByProvider": func() error {
			_, err := store.ByProvider(t.Context(), "crm", "https://login.example", "sid-1", start)
			return err
		},
		"Scan": func() error { return store.Scan(t.Context(), "", start, func(session.Session) bool { return true }) },
	}
	var all sync.WaitGroup
	for name, list := range lists {
		all.Go(func() {
			if err := list(); !errors.Is(err, redis.ErrUnconfirmed) {
				t.Errorf("%s: %v; want %v", name, err, redis.ErrUnconfirmed)
			}
		})
	}
	all.Wait()
	close(silent)
	renewing.Wait()
	for name, list := range lists {
		needs.Until(t, name, func() bool { return list() == nil })
	}
}

// P5, P6: what is remembered against replay outlasts a verifier whose clock is ahead.
func TestP6_AClockAheadForgetsNoMark(t *testing.T) {
	t.Parallel()
	store := open(t, options(redistest.Start(t)))
	key := session.NewKey("logout")
	if _, first, err := store.Mark(t.Context(), key, start+minute, start); err != nil || !first {
		t.Fatalf("Mark: %t, %v", first, err)
	}
	if _, err := store.Forget(t.Context(), start, start+minute+minute/2); err != nil {
		t.Fatal(err)
	}
	if _, marked, err := store.Marked(t.Context(), key, start+minute-1); err != nil || !marked {
		t.Errorf("a mark in force, after a verifier whose clock is half a minute ahead forgot: %t, %v", marked, err)
	}
}
