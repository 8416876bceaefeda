package redis

import (
	"sync"
	"sync/atomic"

	"github.com/curfew-project/curfew/verifier/session"
)

// cache has living sessions as this verifier last saw them: to judge a heartbeat by, which Redis then accepts or refuses, and to answer
// Get from while the verifier hears what changes. Ended sessions are not in it.
type cache struct {
	most   int // in each shard
	shards [64]struct {
		mu sync.RWMutex
		of map[session.ID]entry
	}
	heard []atomic.Uint64 // by partition, counts changes that were heard or made here
}

// entry is one session.
type entry struct {
	*stored
	in   partition
	ends int64    // its first deadline
	as   *hearing // under which it was read; nil when nothing was heard
}

func newCache(most, partitions int) *cache {
	c := &cache{most: max(1, most/64), heard: make([]atomic.Uint64, partitions)}
	for i := range c.shards {
		c.shards[i].of = map[session.ID]entry{}
	}
	return c
}

func (c *cache) get(id session.ID) (entry, bool) {
	at := &c.shards[id[15]%64]
	at.mu.RLock()
	defer at.mu.RUnlock()
	e, ok := at.of[id]
	return e, ok
}

// seen is what must be noted before Redis is asked about a session.
type seen struct {
	as    *hearing
	heard uint64
}

func (c *cache) look(in partition, as *hearing) seen { return seen{as, c.heard[in].Load()} }

// put keeps what Redis said. before was noted before it was asked: where a change of the partition has been heard since, it may be the
// newer, and what Redis said is only kept if that change would have found the session here.
func (c *cache) put(r *stored, in partition, before seen) {
	if r.State.EndedAt != 0 {
		c.apply(r, in)
		return
	}
	ends, _ := r.State.Ends()
	at := &c.shards[r.ID[15]%64]
	at.mu.Lock()
	defer at.mu.Unlock()
	old, had := at.of[r.ID]
	if had && old.as == before.as && old.stamp.version >= r.stamp.version {
		return
	}
	if c.heard[in].Load() != before.heard && !(had && old.as == before.as) {
		return
	}
	if !had && len(at.of) >= c.most {
		for id := range at.of { // whichever comes first
			delete(at.of, id)
			break
		}
	}
	at.of[r.ID] = entry{r, in, ends, before.as}
}

// apply takes over a change that was heard or made here. From its return on no older state of the session comes from the cache.
func (c *cache) apply(r *stored, in partition) {
	c.heard[in].Add(1)
	at := &c.shards[r.ID[15]%64]
	at.mu.Lock()
	defer at.mu.Unlock()
	old, had := at.of[r.ID]
	switch {
	case !had:
	case r.State.EndedAt != 0:
		delete(at.of, r.ID)
	case old.stamp.version < r.stamp.version:
		ends, _ := r.State.Ends()
		at.of[r.ID] = entry{r, in, ends, old.as}
	}
}

// drop forgets a session whose state is in doubt.
func (c *cache) drop(id session.ID) {
	at := &c.shards[id[15]%64]
	at.mu.Lock()
	defer at.mu.Unlock()
	delete(at.of, id)
}

// clear forgets everything.
func (c *cache) clear() {
	for i := range c.shards {
		c.shards[i].mu.Lock()
		clear(c.shards[i].of)
		c.shards[i].mu.Unlock()
	}
}
