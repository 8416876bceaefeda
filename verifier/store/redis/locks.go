package redis

import (
	"context"
	"sync"

	"github.com/curfew-project/curfew/verifier/session"
)

// locks let one update of a session at a time go to Redis from here, so that heartbeats of one verifier do not outdate each other. The zero
// value is ready.
type locks struct {
	shards [64]struct {
		mu   sync.Mutex
		held map[session.ID]*lock
	}
}

type lock struct {
	turn    chan struct{} // holds one token while it is free
	holders int           // who has it or waits
}

// take waits for a session's turn, or for ctx.
func (l *locks) take(ctx context.Context, id session.ID) (release func(), err error) {
	at := &l.shards[id[15]%64]
	at.mu.Lock()
	if at.held == nil {
		at.held = map[session.ID]*lock{}
	}
	of := at.held[id]
	fresh := of == nil
	if fresh {
		of = &lock{}
		at.held[id] = of
	} else if of.turn == nil { // the first who has to wait makes the channel
		of.turn = make(chan struct{}, 1)
	}
	of.holders++
	at.mu.Unlock()
	leave := func(token bool) {
		at.mu.Lock()
		defer at.mu.Unlock()
		if of.holders--; of.holders == 0 {
			delete(at.held, id)
		} else if token {
			of.turn <- struct{}{}
		}
	}
	if !fresh {
		select {
		case <-of.turn:
		case <-ctx.Done():
			leave(false)
			return nil, ctx.Err()
		}
	}
	return func() { leave(true) }, nil
}
