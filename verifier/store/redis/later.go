package redis

import (
	"context"

	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// later runs calls for which nobody waits. Beyond some, they are dropped.
type later struct{ calls chan redisconn.Call }

func (l later) add(call redisconn.Call) {
	select {
	case l.calls <- call:
	default:
	}
}

func (s *Store) runLater(ctx context.Context) {
	defer close(s.ranLater)
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-s.later.calls:
			calls := []redisconn.Call{call}
			for more := true; more && len(calls) < 256; {
				select {
				case call := <-s.later.calls:
					calls = append(calls, call)
				default:
					more = false
				}
			}
			s.conn.RunMulti(ctx, calls)
		}
	}
}
