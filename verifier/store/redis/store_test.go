package redis_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/verifier/store/storetest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// options are for a store of its own on a server, of which a cluster has several: nobody else has its prefix.
func options(servers ...*redistest.Server) redis.Options {
	o := redis.Options{
		Redis: redisconn.Options{Addresses: []string{servers[0].Address}, Timeout: 20 * time.Second}, // machines that test are slow
		Clock: time.Now, Random: rand.Reader, Prefix: fmt.Sprintf("test-%d", prefixes.Add(1)),
		Lease: 10 * time.Second,
	}
	vouch(o.Prefix, servers...)
	return o
}

// vouch says what is true in a test that has just begun: no verifier is missing in the register, so that nobody waits for one.
func vouch(prefix string, servers ...*redistest.Server) {
	for _, server := range servers { // all but one of a cluster's refuse it
		server.Do("HSET", "{"+prefix+"}replicas", "master", replication(server, "master_replid"))
	}
}

// replication is a field of what a server says of its replication.
func replication(server *redistest.Server, field string) string {
	_, rest, _ := strings.Cut(server.Do("INFO", "replication"), "\n"+field+":")
	value, _, _ := strings.Cut(rest, "\r")
	return value
}

var prefixes atomic.Int64

// open may need several tries where the options have brief bounds and the machine is slow.
func open(t testing.TB, o redis.Options) *redis.Store {
	t.Helper()
	var store *redis.Store
	needs.Until(t, "the store to open", func() bool {
		var err error
		store, err = redis.Open(context.Background(), o)
		if err != nil && !errors.Is(err, redisconn.ErrUnreachable) && !errors.Is(err, redisconn.ErrUnreplicated) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		return err == nil
	})
	t.Cleanup(func() { store.Close() })
	return store
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	storetest.Run(t, func(t testing.TB) session.Store { return open(t, options(server).WithPartitions(3)) })
}

// inFolder gives a store whose sessions belong to a folder.
func inFolder(server *redistest.Server) storetest.OpenIn {
	return func(t testing.TB, dir string) session.Store {
		o := options(server).WithPartitions(3)
		o.Prefix = fmt.Sprintf("dir-%x", sha256.Sum256([]byte(dir)))[:40]
		vouch(o.Prefix, server)
		return open(t, o)
	}
}

func TestStoreIsDurable(t *testing.T) {
	t.Parallel()
	storetest.RunDurable(t, inFolder(redistest.Start(t)))
}
