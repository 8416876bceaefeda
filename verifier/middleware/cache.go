package middleware

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// cacheKey names a verdict by a hash of the cookie, so that nobody finds cookies in memory.
type cacheKey [sha256.Size]byte

func keyOf(cookie string) cacheKey { return sha256.Sum256([]byte(cookie)) }

// cache keeps verdicts while it is sure to be told of endings: until then it is not alive, and has nothing.
type cache struct {
	mu      sync.Mutex
	now     func() time.Time
	most    int
	entries map[cacheKey]entry
	of      map[string]map[cacheKey]struct{} // by session
	follows map[string]map[*followers]struct{}

	leased time.Time // when the question was sent whose answer renewed the lease
	lease  time.Duration
	hears  bool
	number uint64 // of what was heard: a verdict that was asked for before and came after is not kept
}

type entry struct {
	verdict wire.Verdict
	asked   time.Time
	good    time.Duration
}

// followers is one request that ends with its session.
type followers struct{ ended, look chan struct{} }

func (c *cache) init(most int, now func() time.Time) {
	c.most, c.now = most, now
	c.entries, c.of, c.follows = map[cacheKey]entry{}, map[string]map[cacheKey]struct{}{}, map[string]map[*followers]struct{}{}
}

// passed is the longer of the two lengths between two moments that the clocks show: sleep stops the monotonic one, and setting the wall
// clock back slows that.
func passed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

func (c *cache) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.aliveAt(c.now())
}

func (c *cache) aliveAt(now time.Time) bool { return c.hears && passed(c.leased, now) < c.lease }

// epoch is compared by put.
func (c *cache) epoch() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.number
}

func (c *cache) get(key cacheKey) (wire.Verdict, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	found, ok := c.entries[key]
	if !ok || !c.aliveAt(now) {
		return wire.Verdict{}, false
	}
	if passed(found.asked, now) >= found.good {
		c.drop(key)
		return wire.Verdict{}, false
	}
	return found.verdict, true
}

// put keeps a verdict that was asked for at an instant and is good for a while from then on, unless something was heard since.
func (c *cache) put(key cacheKey, verdict wire.Verdict, asked time.Time, good time.Duration, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if epoch != c.number || !c.aliveAt(now) || good <= 0 {
		return
	}
	c.drop(key)
	if len(c.entries) >= c.most {
		c.makeRoom(now)
	}
	c.entries[key] = entry{verdict, asked, good}
	if c.of[verdict.Session] == nil {
		c.of[verdict.Session] = map[cacheKey]struct{}{}
	}
	c.of[verdict.Session][key] = struct{}{}
}

// makeRoom drops what is over, and one more whatever it is.
func (c *cache) makeRoom(now time.Time) {
	looked := 0
	for key, one := range c.entries {
		if passed(one.asked, now) >= one.good || len(c.entries) >= c.most {
			c.drop(key)
		}
		if looked++; looked >= 64 {
			break
		}
	}
}

func (c *cache) drop(key cacheKey) {
	found, ok := c.entries[key]
	if !ok {
		return
	}
	delete(c.entries, key)
	delete(c.of[found.verdict.Session], key)
	if len(c.of[found.verdict.Session]) == 0 {
		delete(c.of, found.verdict.Session)
	}
}

// heard takes note of endings, and renews the lease from when the question was sent.
func (c *cache) heard(e wire.Endings, sent time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Lost || !c.aliveAt(c.now()) {
		c.forget()
	}
	if len(e.Ended) > 0 {
		c.number++
	}
	for _, id := range e.Ended {
		for key := range c.of[id] {
			c.drop(key)
		}
		for one := range c.follows[id] {
			close(one.ended)
		}
		delete(c.follows, id)
	}
	c.hears, c.leased, c.lease = true, sent, millis(e.Lease)
}

// deaf forgets everything: endings are not heard any more.
func (c *cache) deaf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hears {
		c.hears = false
		c.forget()
	}
}

// forget drops everything, and has everybody who follows a session ask for themselves.
func (c *cache) forget() {
	c.number++
	clear(c.entries)
	clear(c.of)
	for _, all := range c.follows {
		for one := range all {
			select {
			case one.look <- struct{}{}:
			default:
			}
		}
	}
}

// follow begins to tell when a session ends.
func (c *cache) follow(session string) (one *followers, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one = &followers{ended: make(chan struct{}), look: make(chan struct{}, 1)}
	if c.follows[session] == nil {
		c.follows[session] = map[*followers]struct{}{}
	}
	c.follows[session][one] = struct{}{}
	return one, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.follows[session], one)
		if len(c.follows[session]) == 0 {
			delete(c.follows, session)
		}
	}
}
