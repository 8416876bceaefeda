package redis

import (
	"context"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// A Redis that was restarted, or a replica that was promoted, may lack the newest names of the register, and so a verifier that still
// answers from memory. Redis gives itself another replication ID whenever that can be. So by a master that no verifier has vouched for in
// the register, nothing is acknowledged until whoever registered before it has let its lease run out.

// sight is a master by its replication ID, and since when this verifier has seen no other.
type sight struct {
	id    string
	since time.Time
}

type sights struct {
	mu  sync.Mutex
	now sight
}

// saw notes which master has the register.
func (s *Store) saw(id string) sight {
	s.sights.mu.Lock()
	defer s.sights.mu.Unlock()
	if s.sights.now.id != id {
		s.sights.now = sight{id, s.clock()}
	}
	return s.sights.now
}

// held is how long from now on nothing may be acknowledged: at most zero when nobody is missing in the register.
func (s *Store) held(r *reading) time.Duration {
	if r.complete {
		return 0
	}
	return s.hold(r) - s.clock().Sub(r.master.since)
}

// MostLag is the longest min-replicas-max-lag that DurabilityRequired takes: how long a master that has lost its replicas, perhaps because
// one was promoted in its place, may go on renewing leases. lagSteps is what Redis's own counting in whole seconds adds.
const (
	MostLag  = 5 * time.Second
	lagSteps = 2 * time.Second
)

// hold is how long a verifier that is not in the register may go on after this master began.
func (s *Store) hold(r *reading) time.Duration {
	if r.promoted || s.conn.Replicas() {
		return r.longest + MostLag + lagSteps
	}
	return r.longest
}

// vouch notes that everybody who may answer from memory is in the register: KEYS: register. ARGV: the master.
var vouch = redisconn.NewScript(`#!lua flags=allow-oom
if string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') ~= ARGV[1] then return 0 end
return redis.call('HSET', KEYS[1], 'master', ARGV[1])`)

func (s *Store) vouch(ctx context.Context, master string) {
	s.conn.Run(ctx, vouch, []string{s.layout.replicas()}, []string{master}) // one that fails is made up for by the next who waits
}
