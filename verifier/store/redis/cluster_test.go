package redis_test

import (
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/verifier/store/storetest"
)

// The same on a cluster, where every key that a script touches must be in one slot and what is published is heard on its own node only.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3)
	t.Run("Contract", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t testing.TB) session.Store { return open(t, options(nodes...).WithPartitions(5)) })
	})
	t.Run("P4_EndedEverywhere", func(t *testing.T) {
		t.Parallel()
		endedEverywhere(t, options(nodes...), 300)
	})
	t.Run("EveryNodeHasItsShare", func(t *testing.T) {
		t.Parallel()
		store := open(t, options(nodes...))
		for n := range 200 {
			create(t, store, n)
		}
		if n, err := store.Count(t.Context(), start); n != 200 || err != nil {
			t.Errorf("Count: %d, %v", n, err)
		}
		for i, node := range nodes {
			if got := calls(node, "evalsha"); got < 20 {
				t.Errorf("node %d ran %d scripts", i, got)
			}
		}
	})
}
