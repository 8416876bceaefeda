package redis

import (
	"testing"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

func version(n uint64, ended bool) *stored {
	r := &stored{Session: session.Session{ID: session.ID{1}, State: deadline.Begin(policy.Defaults(), 1)}, stamp: stamp{n, n}}
	if ended {
		r.State = deadline.Step(r.State, deadline.End{Reason: wire.SignedOut}, 2)
	}
	return r
}

func (c *cache) has(t *testing.T, want uint64) {
	t.Helper()
	e, ok := c.get(session.ID{1})
	if got := uint64(0); ok {
		if got = e.stamp.version; got != want {
			t.Errorf("the cache has version %d; want %d", got, want)
		}
	} else if want != 0 {
		t.Errorf("the cache has nothing; want version %d", want)
	}
}

// P4: an answer of Redis that was on its way while a change was heard is not kept: it may be older.
func TestP4_AnAnswerOvertakenByAChangeIsNotKept(t *testing.T) {
	h := &hearing{}
	for name, prove := range map[string]func(c *cache){
		"ended meanwhile": func(c *cache) {
			before := c.look(0, h)
			c.apply(version(2, true), 0)
			c.put(version(1, false), 0, before)
			c.has(t, 0)
		},
		"remembered and ended meanwhile": func(c *cache) {
			c.put(version(1, false), 0, c.look(0, h))
			before := c.look(0, h)
			c.apply(version(3, true), 0)
			c.put(version(2, false), 0, before)
			c.has(t, 0)
		},
		"changed meanwhile": func(c *cache) {
			c.put(version(1, false), 0, c.look(0, h))
			before := c.look(0, h)
			c.apply(version(3, false), 0)
			c.put(version(2, false), 0, before)
			c.has(t, 3)
		},
		"another session changed meanwhile": func(c *cache) {
			c.put(version(1, false), 0, c.look(0, h))
			before := c.look(0, h)
			other := version(7, true)
			other.ID = session.ID{2}
			c.apply(other, 0)
			c.put(version(2, false), 0, before)
			c.has(t, 2)
		},
		"nothing changed": func(c *cache) {
			before := c.look(0, h)
			c.apply(version(9, true), 1)
			c.put(version(1, false), 0, before)
			c.has(t, 1)
		},
		"read before the hearing was lost": func(c *cache) {
			before := c.look(0, &hearing{})
			c.put(version(1, false), 0, c.look(0, h))
			c.apply(version(2, false), 0)
			c.put(version(1, false), 0, before)
			c.has(t, 2)
		},
	} {
		t.Log(name)
		prove(newCache(64, 2))
	}
}

// P8: memory is bounded.
func TestTheCacheIsBounded(t *testing.T) {
	c := newCache(640, 1)
	for n := range 10_000 {
		r := version(1, false)
		r.ID = session.ID{14: byte(n >> 8), 15: byte(n)}
		c.put(r, 0, c.look(0, nil))
	}
	total := 0
	for i := range c.shards {
		total += len(c.shards[i].of)
	}
	if total > 640 || total < 64 {
		t.Errorf("the cache has %d sessions; want at most 640", total)
	}
}
