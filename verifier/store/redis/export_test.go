package redis

import "github.com/curfew-project/curfew/verifier/session"

// WithPartitions makes a small layout, whose every partition a test can look at quickly.
func (o Options) WithPartitions(n int) Options {
	o.partitions = n
	return o
}

// Remembers reports whether Get would be answered from memory.
func (s *Store) Remembers(id session.ID, now int64) bool {
	_, ok := s.remembered(id, now)
	return ok
}
