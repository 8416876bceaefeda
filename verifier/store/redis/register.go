package redis

import (
	"context"
	"sync"
)

// register reads the register of those who answer from memory. Callers who come while it is being read share the next reading.
type register struct {
	store *Store
	mu    sync.Mutex
	busy  bool
	next  *reading
}

type reading struct {
	done  chan struct{}
	names map[incarnation]string
	err   error
}

func (r *register) read(ctx context.Context) (map[incarnation]string, error) {
	r.mu.Lock()
	if r.next == nil {
		r.next = &reading{done: make(chan struct{})}
	}
	mine := r.next
	if !r.busy {
		r.busy = true
		r.next = nil
		go r.run(mine)
	}
	r.mu.Unlock()
	select {
	case <-mine.done:
		return mine.names, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run reads until nobody waits.
func (r *register) run(one *reading) {
	for one != nil {
		one.names, one.err = r.store.registered(context.Background())
		close(one.done)
		r.mu.Lock()
		one, r.next = r.next, nil
		r.busy = one != nil
		r.mu.Unlock()
	}
}

func (s *Store) registered(ctx context.Context) (map[incarnation]string, error) {
	found, err := s.conn.Do(ctx, s.conn.B().Hgetall().Key(s.layout.replicas()).Build()).AsStrMap()
	if err != nil {
		return nil, s.conn.Problem("HGETALL", err)
	}
	names := make(map[incarnation]string, len(found))
	for name, number := range found {
		var of incarnation
		if copy(of[:], name) == len(of) && len(name) == len(of) {
			names[of] = number
		}
	}
	return names, nil
}
