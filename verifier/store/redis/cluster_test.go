package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
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

// P7: in a cluster it is the replica of the session's own master that must have an ending.
func TestP7_ClusterWithReplicas(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3)
	replicas := redistest.Follow(t, nodes)
	o := options(nodes...)
	o.Redis.Timeout, o.Lease = 2*time.Second, time.Second
	_, err := redis.Open(t.Context(), o)
	if !errors.Is(err, redis.ErrNotDurable) {
		t.Errorf("Open of a cluster that goes on without replicas: %v; want %v", err, redis.ErrNotDurable)
	}
	for _, node := range nodes {
		node.Do("CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "5")
	}
	store := open(t, o)
	const sessions = 30
	for n := range sessions {
		created(t, store, n)
		if n%2 == 0 {
			eventually(t, store, n, ending(start+1))
		}
	}
	if expired, err := store.Expire(t.Context(), start+31*minute, sessions); err != nil || len(expired) != sessions/2 {
		t.Errorf("Expire: %d, %v; want %d", len(expired), err, sessions/2)
	}
	for i, node := range nodes {
		if calls(node, "wait") == 0 {
			t.Errorf("node %d was not asked to wait", i)
		}
	}
	for n := range 3 {
		created(t, store, sessions+n)
	}
	for _, replica := range replicas {
		replica.Pause()
	}
	for n := range 3 {
		if _, _, err := store.Update(t.Context(), numbered(sessions+n).ID, start, ending(start+1)); err == nil {
			t.Error("an ending that no replica has was acknowledged")
		}
	}
}
