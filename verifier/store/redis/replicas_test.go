package redis_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

const (
	start  = int64(1_800_000_000_000)
	minute = int64(60_000)
)

// numbered is the n-th session; every user has one.
func numbered(n int) session.Session {
	settings := policy.Defaults()
	settings.InactivityTimeout = 30 * time.Minute
	s := session.Session{
		User:  session.User{Environment: "crm", Issuer: "https://login.example", Subject: fmt.Sprintf("subject-%09d", n)},
		Check: session.Check{At: start, Next: start + 3_600_000}, Provider: fmt.Sprintf("sid-%d", n),
		State: deadline.Begin(settings, start),
	}
	binary.BigEndian.PutUint64(s.ID[8:], uint64(n))
	return s
}

func ending(at int64) func(session.Session) (session.Session, error) {
	return stepping(deadline.End{Reason: wire.SignedOut}, at)
}
func acting(at int64) func(session.Session) (session.Session, error) {
	return stepping(deadline.Report{At: at}, at)
}

func stepping(event deadline.Event, at int64) func(session.Session) (session.Session, error) {
	return func(s session.Session) (session.Session, error) {
		s.Seq++
		s.State = deadline.Step(s.State, event, at)
		return s, nil
	}
}

func create(t testing.TB, store session.Store, n int) session.Session {
	t.Helper()
	s := numbered(n)
	if err := store.Create(t.Context(), s, "sealed", start); err != nil {
		t.Fatal(err)
	}
	return s
}

func update(t testing.TB, store session.Store, n int, decide func(session.Session) (session.Session, error)) session.Session {
	t.Helper()
	got, ok, err := store.Update(t.Context(), numbered(n).ID, start, decide)
	if err != nil || !ok {
		t.Fatalf("Update: %t, %v", ok, err)
	}
	return got
}

// remembers makes a store answer from memory for a session, and fails where it does not come to that.
func remembers(t testing.TB, server *redistest.Server, store session.Store, n int) {
	t.Helper()
	needs.Until(t, "an answer from memory", func() bool {
		if got, ok, err := store.Get(t.Context(), numbered(n).ID, start); err != nil || !ok || got.State.EndedAt != 0 {
			t.Fatalf("Get: %+v, %t, %v", got.State, ok, err)
		}
		before := calls(server, "get")
		store.Get(t.Context(), numbered(n).ID, start)
		return calls(server, "get") == before
	})
}

// calls is how often a server has run a command.
func calls(server *redistest.Server, command string) int {
	found := regexp.MustCompile(`cmdstat_` + command + `:calls=(\d+)`).FindStringSubmatch(server.Do("INFO", "commandstats"))
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

func replicas(t testing.TB, o redis.Options, n int) []*redis.Store {
	t.Helper()
	all := make([]*redis.Store, n)
	for i := range all {
		all[i] = open(t, o)
	}
	return all
}

// P4, B6: what one verifier has ended is refused by every other at the very next request, though they answer from memory.
func TestP4_EndedHereIsEndedEverywhereAtTheNextRequest(t *testing.T) {
	t.Parallel()
	endedEverywhere(t, options(redistest.Start(t)), 800)
}

func endedEverywhere(t *testing.T, o redis.Options, sessions int) {
	all := replicas(t, o, 3)
	var fromMemory atomic.Int64
	var workers sync.WaitGroup
	var next atomic.Int64
	for range 16 {
		workers.Go(func() {
			for n := int(next.Add(1)); n <= sessions && !t.Failed(); n = int(next.Add(1)) {
				s := numbered(n)
				if err := all[n%3].Create(t.Context(), s, "", start); err != nil {
					t.Errorf("Create: %v", err)
					return
				}
				var known atomic.Bool
				var watchers sync.WaitGroup
				for _, store := range all {
					store.Get(t.Context(), s.ID, start)
					if store.Remembers(s.ID, start) {
						fromMemory.Add(1)
					}
					watchers.Go(func() { // somebody's requests, before, while and after it ends
						for range 20 {
							wasKnown := known.Load()
							got, ok, err := store.Get(t.Context(), s.ID, start)
							if err != nil || !ok || wasKnown && got.State.EndedAt == 0 {
								t.Errorf("after the end: %+v, %t, %v", got.State, ok, err)
								return
							}
							if got.State.EndedAt != 0 {
								known.Store(true) // one refusal, and nobody lets it through again
							}
						}
					})
				}
				if _, _, err := all[(n+1)%3].Update(t.Context(), s.ID, start+1, ending(start+1)); err != nil {
					t.Errorf("Update: %v", err)
				}
				known.Store(true)
				for _, store := range all {
					if got, ok, err := store.Get(t.Context(), s.ID, start); err != nil || !ok || got.State.EndedAt == 0 {
						t.Errorf("the next request: %+v, %t, %v", got.State, ok, err)
					}
				}
				watchers.Wait()
			}
		})
	}
	workers.Wait()
	if got := fromMemory.Load(); got < int64(sessions) {
		t.Errorf("only %d of %d sessions were in memory when they ended: the test proves nothing", got, 3*sessions)
	}
}

// The verifier's budget: a heartbeat is one round trip and one script, a check none.
func TestOneRoundTripAHeartbeatAndNoneACheck(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	store := open(t, options(server))
	create(t, store, 1)
	remembers(t, server, store, 1)
	gets, scripts, writes := calls(server, "get"), calls(server, "evalsha"), calls(server, "setrange")
	for i := range int64(100) {
		update(t, store, 1, acting(start+i))
		if got, _, err := store.Get(t.Context(), numbered(1).ID, start); err != nil || got.Seq != uint64(i+1) {
			t.Fatalf("Get after heartbeat %d: %+v, %v", i, got, err)
		}
	}
	// the store's own renewals are scripts too, with no write of a record
	if g, s, w := calls(server, "get")-gets, calls(server, "evalsha")-scripts, calls(server, "setrange")-writes; g != 0 || s < 99 || s > 200 || w != 100 {
		t.Errorf("100 heartbeats and checks: %d GET, %d EVALSHA, %d SETRANGE; want 0, about 100, 100", g, s, w)
	}
}

// P1: a verifier whose memory is behind neither refuses a session that lives nor lets one through that does not.
func TestP1_AnOutdatedMemoryIsNeverWrong(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	both := replicas(t, options(server), 2)
	a, b := both[0], both[1]
	create(t, a, 1)
	remembers(t, server, b, 1)
	extended := update(t, a, 1, acting(start+20*minute)) // nobody is told of activity
	if got, _, err := b.Get(t.Context(), numbered(1).ID, start+30*minute); err != nil || got != extended {
		t.Errorf("after the deadline that b remembers: %+v, %v; want the activity that a accepted", got.State, err)
	}
	create(t, a, 2)
	remembers(t, server, b, 2)
	tight := update(t, a, 2, func(s session.Session) (session.Session, error) {
		settings := s.State.Settings
		settings.InactivityTimeout = 5 * time.Minute
		return stepping(deadline.Change{Settings: settings}, start)(s)
	})
	if got, _, err := b.Get(t.Context(), numbered(2).ID, start); err != nil || got != tight {
		t.Errorf("after the settings were tightened: %+v, %v; want %+v", got.State, err, tight.State)
	}
	if expired, err := a.Expire(t.Context(), start+50*minute, 10); err != nil || len(expired) != 2 {
		t.Fatalf("Expire: %v, %v", expired, err)
	}
	for n := 1; n <= 2; n++ { // b's clock is behind
		if got, ok, err := b.Get(t.Context(), numbered(n).ID, start); err != nil || !ok || got.State.EndedAt == 0 {
			t.Errorf("after another verifier expired session %d: %+v, %v", n, got.State, err)
		}
	}
	if _, _, err := b.Update(t.Context(), numbered(1).ID, start, acting(start)); !errors.Is(err, session.ErrEnded) {
		t.Errorf("Update of what expired elsewhere: %v", err)
	}
}

// Several verifiers on one session, all at once: nothing is lost and nothing doubled.
func TestLosesNoneOfManyVerifiersUpdates(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	all := replicas(t, options(server), 3)
	create(t, all[0], 1)
	var workers sync.WaitGroup
	var seen sync.Map
	for _, store := range all {
		for range 3 {
			workers.Go(func() {
				for range 100 {
					got, _, err := store.Update(t.Context(), numbered(1).ID, start, acting(start))
					if err != nil {
						t.Errorf("Update: %v", err)
						return
					}
					if _, twice := seen.LoadOrStore(got.Seq, true); twice {
						t.Errorf("two updates made number %d", got.Seq)
					}
				}
			})
		}
	}
	workers.Wait()
	if got, _, err := all[1].Get(t.Context(), numbered(1).ID, start+31*minute); err != nil || got.Seq != 900 {
		t.Errorf("after 900 updates: %d, %v", got.Seq, err)
	}
}

// Each session once among all verifiers.
func TestExpireAndForgetShareTheWork(t *testing.T) {
	t.Parallel()
	const sessions = 500
	server := redistest.Start(t)
	all := replicas(t, options(server), 3)
	for n := range sessions {
		create(t, all[n%3], n)
	}
	var workers sync.WaitGroup
	var seen sync.Map
	var expired, forgotten atomic.Int64
	for _, store := range all {
		workers.Go(func() {
			for {
				some, err := store.Expire(t.Context(), start+31*minute, 40)
				if err != nil {
					t.Errorf("Expire: %v", err)
				}
				for _, s := range some {
					if _, twice := seen.LoadOrStore(s.ID, true); twice || s.State.EndedAt != start+30*minute {
						t.Errorf("a session was returned twice, or ended at +%d", s.State.EndedAt-start)
					}
					expired.Add(1)
				}
				if len(some) < 40 {
					break
				}
			}
		})
	}
	workers.Wait()
	for _, store := range all {
		workers.Go(func() {
			n, err := store.Forget(t.Context(), start+60*minute, start)
			if err != nil {
				t.Errorf("Forget: %v", err)
			}
			forgotten.Add(int64(n))
		})
	}
	workers.Wait()
	if expired.Load() != sessions || forgotten.Load() != sessions {
		t.Errorf("%d expired and %d forgotten; want %d", expired.Load(), forgotten.Load(), sessions)
	}
	left := server.Do("KEYS", "*:i:*") + server.Do("KEYS", "*}s:*") + server.Do("KEYS", "*}x:*") + server.Do("KEYS", "*}p:*") + server.Do("KEYS", "*}ended")
	if left != "" {
		t.Errorf("forgotten sessions left keys behind: %q", left)
	}
}
