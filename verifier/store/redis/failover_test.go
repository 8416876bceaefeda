package redis_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// P4: when a replica takes over, verifiers follow by themselves, and what the replica had stays as it was.
func TestP4_FailoverToAReplica(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, replicated...)
	two := []*redistest.Server{master.Replica(replicated...), master.Replica(replicated...)} // whichever takes over must have one, too
	sentinel := redistest.Sentinel(t, master, 2)
	o := brief(master)
	o.Redis.Addresses, o.Redis.Sentinel = []string{sentinel.Address}, redistest.SentinelMaster
	both := replicas(t, o, 2)
	for n := range 20 {
		created(t, both[0], n)
		if n%2 == 0 {
			eventually(t, both[1], n, ending(start+1))
		}
	}
	inStep(t, master, two...)
	master.Kill()
	needs.Until(t, "the replica to take over", func() bool {
		return replication(two[0], "role") == "master" || replication(two[1], "role") == "master"
	})
	for _, store := range both {
		needs.Until(t, "the store to follow", func() bool { return store.Ready(t.Context()) == nil })
		for n := range 20 {
			needs.Until(t, "an answer", func() bool {
				got, ok, err := store.Get(t.Context(), numbered(n).ID, start)
				if err == nil && (!ok || (got.State.EndedAt != 0) != (n%2 == 0)) {
					t.Fatalf("session %d after the failover: %+v, %t", n, got.State, ok)
				}
				return err == nil
			})
		}
	}
	eventually(t, both[0], 1, ending(start+1))
	if lives(t, both[1], 1) {
		t.Error("what ended on the new master lives")
	}
	needs.Until(t, "memory to be used again", func() bool { return lives(t, both[1], 3) && both[1].Remembers(numbered(3).ID, start) })
}

// inStep waits until replicas have everything.
func inStep(t *testing.T, master *redistest.Server, replicas ...*redistest.Server) {
	t.Helper()
	for _, replica := range replicas {
		needs.Until(t, "a replica to have everything", func() bool {
			return replication(master, "master_repl_offset") == replication(replica, "slave_repl_offset")
		})
	}
}

// replicated is what is demanded of servers with replicas.
var replicated = []string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"}

// P1, P4: a master whose replica was promoted in its place, as Sentinel does it while a verifier is cut off together with the old one, lets
// nobody through when the new one acknowledges an ending. It hears nothing of that, and its replica falls silent without a word.
func TestP4_TwoMasters(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--min-replicas-to-write", "1", "--min-replicas-max-lag", "5")
	between := redistest.NewProxy(t, master)
	replica := redistest.Start(t, "--replicaof", strings.ReplaceAll(between.Address, ":", " "))
	needs.Until(t, "the replica to be in step", func() bool { return replication(master, "min_slaves_good_slaves") == "1" })
	o := options(master)
	o.Lease = time.Second
	left := open(t, o)
	created(t, left, 1)
	remembers(t, master, left, 1)
	inStep(t, master, replica)
	between.Cut()
	replica.Do("REPLICAOF", "NO", "ONE")
	o.Redis.Addresses = []string{replica.Address}
	other := open(t, o)
	eventually(t, other, 1, ending(start+1))
	if left.Remembers(numbered(1).ID, start+2) || lives(t, left, 1) {
		t.Error("what has ended on the new master lives on the old one")
	}
	if err := left.Ready(t.Context()); !errors.Is(err, redisconn.ErrUnwritable) {
		t.Errorf("Ready on the old master: %v; want that it cannot be written", err)
	}
}

// P4, P7: with durability required nothing is acknowledged that a failover would lose: what a replica did not confirm is an error, and what
// was confirmed is on the replica that is promoted.
func TestP7_AcknowledgedMeansThatAReplicaHasIt(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--min-replicas-to-write", "1", "--min-replicas-max-lag", "5")
	replica := master.Replica()
	o := options(master)
	o.Redis.Timeout, o.Lease = 600*time.Millisecond, time.Second
	store := open(t, o)
	for n := range 4 {
		created(t, store, n)
	}
	eventually(t, store, 0, ending(start+1))
	key := session.NewKey("logout")
	replica.Pause()
	if _, _, err := store.Update(t.Context(), numbered(1).ID, start, ending(start+1)); !errors.Is(err, redis.ErrUnconfirmed) {
		t.Errorf("an ending that no replica has: %v; want %v", err, redis.ErrUnconfirmed)
	}
	for name, try := range map[string]func() error{
		"the same again": func() error {
			_, _, err := store.Update(t.Context(), numbered(1).ID, start, ending(start+1))
			return err
		},
		"asked for": func() error { _, _, err := store.Get(t.Context(), numbered(1).ID, start); return err },
		"a mark":    func() error { _, _, err := store.Mark(t.Context(), key, start+minute, start); return err },
		"expired":   func() error { _, err := store.Expire(t.Context(), start+31*minute, 10); return err },
	} {
		if err := try(); err == nil || errors.Is(err, session.ErrEnded) {
			t.Errorf("%s, while no replica answers: %v; want a refusal", name, err)
		}
	}
	replica.Resume()
	needs.Until(t, "the replica to be followed again", func() bool { return store.Ready(t.Context()) == nil })
	eventually(t, store, 1, ending(start+1))
	needs.Until(t, "expiry", func() bool { _, err := store.Expire(t.Context(), start+31*minute, 10); return err == nil })
	master.Kill()
	replica.Do("REPLICAOF", "NO", "ONE")
	o.Redis.Addresses = []string{replica.Address}
	o.Redis.Timeout = 20 * time.Second
	vouch(o.Prefix, replica)
	after := open(t, o)
	for n := range 4 {
		if got, ok, err := after.Get(t.Context(), numbered(n).ID, start); err != nil || !ok || got.State.EndedAt == 0 {
			t.Errorf("session %d after the failover: %+v, %t, %v", n, got.State, ok, err)
		}
	}
}
