package redis_test

import (
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// P4: when a replica takes over, verifiers follow by themselves, and what the replica had stays as it was.
func TestP4_FailoverToAReplica(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := master.Replica()
	sentinel := redistest.Sentinel(t, master, 1)
	o := brief(master)
	o.Redis.Addresses, o.Redis.Sentinel = []string{sentinel.Address}, redistest.SentinelMaster
	both := replicas(t, o, 2)
	for n := range 20 {
		created(t, both[0], n)
		if n%2 == 0 {
			eventually(t, both[1], n, ending(start+1))
		}
	}
	inStep(t, master, replica)
	master.Kill()
	needs.Until(t, "the replica to take over", func() bool { return strings.Contains(replica.Do("INFO", "replication"), "role:master") })
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

// inStep waits until a replica has everything.
func inStep(t *testing.T, master, replica *redistest.Server) {
	t.Helper()
	needs.Until(t, "the replica to have everything", func() bool {
		return replication(master, "master_repl_offset") == replication(replica, "slave_repl_offset")
	})
}
