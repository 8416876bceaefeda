package redis_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// brief are options with bounds that a test can wait for.
func brief(server *redistest.Server) redis.Options {
	o := options(server)
	o.Lease, o.Redis.Timeout = 800*time.Millisecond, 400*time.Millisecond
	return o
}

func lives(t testing.TB, store session.Store, n int) bool {
	got, ok, err := store.Get(t.Context(), numbered(n).ID, start)
	return err == nil && ok && got.State.EndedAt == 0
}

// eventually updates until it is done: on a slow machine the bounds of brief are met by accident.
func eventually(t testing.TB, store session.Store, n int, decide func(session.Session) (session.Session, error)) {
	t.Helper()
	needs.Until(t, "an update", func() bool {
		_, ok, err := store.Update(t.Context(), numbered(n).ID, start, decide)
		return err == nil && ok || errors.Is(err, session.ErrEnded)
	})
}

func created(t testing.TB, store session.Store, n int) {
	t.Helper()
	needs.Until(t, "a creation", func() bool {
		err := store.Create(t.Context(), numbered(n), "sealed", start)
		return err == nil || errors.Is(err, session.ErrExists)
	})
}

// P4: a verifier that hears nothing any more, while all its other connections work, holds an ending up until its lease has run out, and
// then lets nothing through that it remembers.
func TestP4_AVerifierThatIsDeafLetsNothingEndedThrough(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	o := brief(server)
	a := open(t, o)
	o.Redis.Addresses = []string{proxy.Address}
	b := open(t, o)
	for round := range 3 {
		created(t, a, round)
		needs.Until(t, "b to answer from memory", func() bool { return lives(t, b, round) && b.Remembers(numbered(round).ID, start) })
		proxy.Deafen()
		eventually(t, a, round, ending(start+1))
		if got, ok, err := b.Get(t.Context(), numbered(round).ID, start); err == nil && (!ok || got.State.EndedAt == 0) {
			t.Fatalf("a deaf verifier lets an ended session through: %+v, %t", got.State, ok)
		}
		proxy.Heal()
	}
}

// P4: the same for one that is cut off altogether.
func TestP4_AVerifierThatIsCutOffRefuses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	o := brief(server)
	a := open(t, o)
	o.Redis.Addresses = []string{proxy.Address}
	b := open(t, o)
	created(t, a, 1)
	created(t, a, 2)
	needs.Until(t, "b to answer from memory", func() bool { return lives(t, b, 1) && b.Remembers(numbered(1).ID, start) })
	proxy.Cut()
	eventually(t, a, 1, ending(start+1))
	_, _, err := b.Get(t.Context(), numbered(1).ID, start)
	if !errors.Is(err, redisconn.ErrUnreachable) {
		t.Errorf("Get while cut off: %v; want ErrUnreachable", err)
	}
	proxy.Heal()
	needs.Until(t, "b to answer again", func() bool { return lives(t, b, 2) })
	if got, _, err := b.Get(t.Context(), numbered(1).ID, start); err == nil && got.State.EndedAt == 0 {
		t.Errorf("after healing the ended session lives: %+v", got.State)
	}
}

// P4: a verifier that vanished without a word holds an ending up for a lease and no longer.
func TestAVanishedVerifierHoldsNothingUpForLong(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := brief(server)
	a := open(t, o)
	server.Do("HSET", "{"+o.Prefix+"}replicas", strings.Repeat("x", 16), "1 800")
	created(t, a, 1)
	eventually(t, a, 1, ending(start+1))
	needs.Until(t, "the register to be rid of it", func() bool { return server.Do("HGET", "{"+o.Prefix+"}replicas", strings.Repeat("x", 16)) == "" })
	created(t, a, 2)
	eventually(t, a, 2, ending(start+1))
}

// P7: what was acknowledged survives kill -9 of Redis, and while it is away nothing is let through that could have ended.
func TestP7_RedisKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := brief(server)
	both := replicas(t, o, 2)
	const rounds, workers = 2, 4
	for round := range rounds {
		var mu sync.Mutex
		acknowledged := map[int]int64{} // 0: created, else its end
		enough := make(chan bool, workers)
		var all sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for worker := range workers {
			all.Go(func() {
				for n := round*100_000 + worker; ctx.Err() == nil; n += workers {
					store := both[n%2]
					if store.Create(ctx, numbered(n), "sealed", start) != nil {
						continue
					}
					mu.Lock()
					acknowledged[n] = 0
					if len(acknowledged) == 100 {
						enough <- true
					}
					mu.Unlock()
					if _, _, err := store.Update(ctx, numbered(n).ID, start+int64(n), ending(start+int64(n))); err == nil {
						mu.Lock()
						acknowledged[n] = start + int64(n)
						mu.Unlock()
					}
				}
			})
		}
		<-enough
		server.Kill()
		needs.Until(t, "refusal", func() bool {
			_, _, err := both[0].Get(t.Context(), numbered(round*100_000).ID, start)
			return errors.Is(err, redisconn.ErrUnreachable) && errors.Is(both[1].Ready(t.Context()), redisconn.ErrUnreachable)
		})
		stop()
		all.Wait()
		server.Restart()
		for n, end := range acknowledged {
			var got session.Session
			var ok bool
			needs.Until(t, "an answer", func() (answered bool) {
				var err error
				got, ok, err = both[n%2].Get(t.Context(), numbered(n).ID, start)
				return err == nil
			})
			if !ok || end != 0 && got.State.EndedAt != end {
				t.Fatalf("session %d: %t, ended at %d; acknowledged %d", n, ok, got.State.EndedAt, end)
			}
		}
		needs.Until(t, "readiness", func() bool { return both[0].Ready(t.Context()) == nil && both[1].Ready(t.Context()) == nil })
	}
}

// P1: no memory outlives what it is of.
func TestRedisRestartedEmptySignsEverybodyOut(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*redistest.Server){
		"restarted without its files": (*redistest.Server).RestartEmpty,
		"emptied":                     func(s *redistest.Server) { s.Do("FLUSHALL") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			both := replicas(t, brief(server), 2)
			created(t, both[0], 1)
			needs.Until(t, "an answer from memory", func() bool { return lives(t, both[1], 1) && both[1].Remembers(numbered(1).ID, start) })
			lose(server)
			for _, store := range both {
				needs.Until(t, "the session to be gone", func() bool {
					_, ok, err := store.Get(t.Context(), numbered(1).ID, start)
					return err == nil && !ok
				})
				for range 100 {
					if lives(t, store, 1) {
						t.Fatal("a session that Redis has lost lives again")
					}
				}
			}
			created(t, both[0], 2)
			needs.Until(t, "memory to be used again", func() bool { return lives(t, both[1], 2) && both[1].Remembers(numbered(2).ID, start) })
		})
	}
}

// P4 P7: Redis that stands still answers nobody, everything is bounded, and it goes on by itself.
func TestRedisPaused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	store := open(t, brief(server))
	created(t, store, 1)
	server.Pause()
	needs.Until(t, "refusal", func() bool {
		_, _, err := store.Get(t.Context(), numbered(1).ID, start)
		return errors.Is(err, redisconn.ErrUnreachable)
	})
	if _, _, err := store.Update(t.Context(), numbered(1).ID, start, acting(start)); !errors.Is(err, redisconn.ErrUnreachable) {
		t.Errorf("Update while Redis stands still: %v", err)
	}
	if err := store.Ready(t.Context()); !errors.Is(err, redisconn.ErrUnreachable) {
		t.Errorf("Ready while Redis stands still: %v", err)
	}
	server.Resume()
	needs.Until(t, "recovery", func() bool { return lives(t, store, 1) && store.Ready(t.Context()) == nil })
	eventually(t, store, 1, ending(start+1))
	if lives(t, store, 1) {
		t.Error("an ended session lives")
	}
}

// Each once, even when the answer of Redis was lost on its way.
func TestExpiriesWhoseAnswersWereLostAreReturned(t *testing.T) {
	t.Parallel()
	const sessions = 30
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	o := options(server)
	o.Redis.Addresses = []string{proxy.Address}
	store := open(t, o)
	for n := range sessions + 1 {
		create(t, store, n)
	}
	update(t, store, sessions, ending(start)) // from now on the server has the script
	proxy.Swallow("}ended")
	if ended, err := store.Expire(t.Context(), start+40*minute, 100); !errors.Is(err, redisconn.ErrUnreachable) {
		t.Fatalf("Expire whose answer is lost: %v, %v", ended, err)
	}
	proxy.Heal()
	if got := server.Do("ZCARD", "{"+o.Prefix+":000}due"); got != "0" {
		t.Fatalf("the server still has %s sessions due in a partition: nothing was lost on its way", got)
	}
	var ended []session.Session
	needs.Until(t, "Expire to succeed", func() (done bool) {
		var err error
		ended, err = store.Expire(t.Context(), start+40*minute, 100)
		return err == nil
	})
	seen := map[session.ID]bool{}
	for _, s := range ended {
		if seen[s.ID] || s.State.EndedAt != start+30*minute {
			t.Errorf("session %s is there twice, or ended at +%d", s.ID, s.State.EndedAt-start)
		}
		seen[s.ID] = true
	}
	if len(seen) != sessions {
		t.Errorf("%d sessions were returned; want %d", len(seen), sessions)
	}
	if again, err := store.Expire(t.Context(), start+40*minute, 100); err != nil || len(again) != 0 {
		t.Errorf("Expire returned %d again, %v", len(again), err)
	}
}

// P4: who may not hear any more works on, by asking, and says so.
func TestAVerifierThatMayNotHearIsNotReady(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "ada", "on", "nopass", "+@all", "~*", "&*")
	o := brief(server)
	o.Lease, o.Redis.Username, o.Redis.PasswordFile = 200*time.Millisecond, "ada", filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(o.Redis.PasswordFile, []byte("any"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := open(t, o)
	created(t, store, 1)
	server.Do("ACL", "SETUSER", "ada", "resetchannels")
	needs.Until(t, "the store to say that it is deaf", func() bool {
		err := store.Ready(t.Context())
		return errors.Is(err, redis.ErrDeaf) && errors.Is(err, redisconn.ErrDenied)
	})
	needs.Until(t, "an answer of Redis", func() bool { return lives(t, store, 1) })
	if store.Remembers(numbered(1).ID, start) {
		t.Error("a deaf verifier answers from memory")
	}
	server.Do("ACL", "SETUSER", "ada", "allchannels")
	needs.Until(t, "readiness", func() bool { return store.Ready(t.Context()) == nil })
}

// P7: full memory refuses sign-ins, loses nothing and lets sessions be used and ended.
func TestRedisFull(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory", "6mb")
	store := open(t, options(server))
	n := 0
	var err error
	for ; err == nil; n++ {
		err = store.Create(t.Context(), numbered(n), session.Sealed(strings.Repeat("x", session.MaxSealed)), start)
	}
	if !errors.Is(err, redisconn.ErrFull) || n < 10 {
		t.Fatalf("Create in a full Redis: %v after %d", err, n)
	}
	n--
	needs.Until(t, "a small session to be too much", func() bool {
		if err = store.Create(t.Context(), numbered(n), "", start); err == nil {
			n++
		} else if !errors.Is(err, redisconn.ErrFull) {
			t.Fatalf("Create in a full Redis: %v", err)
		}
		err = store.Ready(t.Context())
		return err != nil
	})
	if !errors.Is(err, redisconn.ErrFull) || !strings.Contains(err.Error(), "maxmemory") {
		t.Errorf("Ready of a full Redis: %v", err)
	}
	for i := range n {
		update(t, store, i, acting(start+1))
		if got, ok, err := store.Get(t.Context(), numbered(i).ID, start); err != nil || !ok || got.Seq != 1 {
			t.Fatalf("session %d of a full Redis: %+v, %t, %v", i, got, ok, err)
		}
	}
	update(t, store, 0, ending(start+2))
	if lives(t, store, 0) {
		t.Error("an ended session lives")
	}
	if expired, err := store.Expire(t.Context(), start+60*minute, 100_000); err != nil || len(expired) != n-1 {
		t.Errorf("Expire in a full Redis: %d, %v; want %d", len(expired), err, n-1)
	}
	if _, _, err := store.Mark(t.Context(), session.NewKey("a"), start+1, start); !errors.Is(err, redisconn.ErrFull) {
		t.Errorf("Mark in a full Redis: %v", err)
	}
	if gone, err := store.Forget(t.Context(), start+100*minute, start); err != nil || gone != n {
		t.Errorf("Forget in a full Redis: %d, %v; want %d", gone, err, n)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready when there is room again: %v", err)
	}
	if err := store.Create(t.Context(), numbered(0), "", start); err != nil {
		t.Errorf("Create when there is room again: %v", err)
	}
}
