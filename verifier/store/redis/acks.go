package redis

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/redis/rueidis"
)

// acks are acknowledgements that wait to be sent.
type acks struct {
	mu   sync.Mutex
	to   map[[2]incarnation][]byte // by whom to tell and under which name
	wake chan struct{}
}

func (a *acks) add(to, by incarnation, token uint64) {
	a.mu.Lock()
	pair := [2]incarnation{to, by}
	a.to[pair] = binary.BigEndian.AppendUint64(a.to[pair], token)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *acks) take() map[[2]incarnation][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.to
	a.to = map[[2]incarnation][]byte{}
	return taken
}

// acknowledge sends them until the store is closed. One that is lost is asked for again.
func (s *Store) acknowledge(ctx context.Context) {
	defer close(s.acknowledging)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.acks.wake:
		}
		commands := s.conn.B()
		var all []rueidis.Completed
		for pair, tokens := range s.acks.take() {
			all = append(all, commands.Spublish().Channel(s.layout.acks(pair[0])).Message(string(pair[1][:])+string(tokens)).Build())
		}
		s.conn.DoMulti(ctx, all...)
	}
}
