package redisledger

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// While somebody walks, entries that are dropped stay where they are: only where the chain begins has moved. A walker that has died does
// not hold them for longer than walkLife.
const (
	walkLife  = time.Minute
	walkRenew = walkLife / 4
	walkRead  = 500 // entries at once
)

var (
	// enter notes a walker and tells the ends; without a name it gives it one.
	enter = redisconn.NewScript(lookFunction + `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local name = ARGV[2]
if name == '' then name = tostring(redis.call('HINCRBY', KEYS[1], 'walks', 1)) end
redis.call('ZADD', KEYS[3], now + ARGV[1], name)
local found = look(KEYS[1], KEYS[2])
found[6] = name
found[7] = redis.call('HGET', KEYS[1], 'swept') or '0'
return found`)

	leave = redisconn.NewScript(`return redis.call('ZREM', KEYS[1], ARGV[1])`)
)

// enter notes a walker, or notes it again.
func (s *Store) enter(ctx context.Context, name string) (now *seen, as string, swept int64, err error) {
	args := []string{strconv.FormatInt(walkLife.Milliseconds(), 10), name}
	reply, err := s.conn.Run(ctx, enter, []string{s.keys.state, s.keys.entries, s.keys.walks}, args).AsStrSlice()
	if err != nil {
		return nil, "", 0, s.problem("walk", err)
	}
	if len(reply) == 7 {
		swept, err = strconv.ParseInt(reply[6], 10, 64)
	}
	if len(reply) != 7 || err != nil {
		return nil, "", 0, s.problem("walk", errors.New("cannot read the answer"))
	}
	now, err = s.read(reply[:5])
	return now, reply[5], swept, err
}

func (a entries) Walk(ctx context.Context, begin func(first, last audit.Link) error, visit func(audit.Entry) error) error {
	s := a.s
	if err := s.usable(ctx); err != nil {
		return err
	}
	n, name, _, err := s.enter(ctx, "")
	if err != nil {
		return err
	}
	renewing, stop := context.WithCancel(ctx)
	var renewed sync.WaitGroup
	renewed.Go(func() { s.stay(renewing, name) })
	defer func() {
		stop()
		renewed.Wait()
		after := context.WithoutCancel(ctx)
		if s.conn.Run(after, leave, []string{s.keys.walks}, []string{name}).Error() == nil {
			_ = s.sweep(after) // what was dropped meanwhile; the next Trim comes back to it
		}
	}()
	if err := begin(n.end.First, n.end.Last); err != nil {
		return err
	}
	for at := n.end.First.Seq; at < n.end.Last.Seq; {
		if err := s.usable(ctx); err != nil {
			return err
		}
		some := span{at + 1, min(at+walkRead, n.end.Last.Seq)}
		found, err := s.readSpans(ctx, []span{some}, true)
		unreadable := errors.Is(err, ErrCorrupt)
		if err != nil && !unreadable {
			return err
		}
		if len(found) < walkRead { // are they missing, or was the walk too slow?
			if _, _, swept, err := s.enter(ctx, name); err != nil {
				return err
			} else if swept > at {
				return ErrTrimmed
			}
		}
		for _, e := range found {
			if err := visit(e); err != nil {
				return err
			}
			at = e.Seq
		}
		if unreadable {
			return errors.Join(&audit.Broken{Seq: at + 1, Why: "it cannot be read, or another stands in its place"}, err)
		}
		at = some.last
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return n.end.Broken(n.sealed || n.empty(), n.there)
}

// stay keeps a walker noted until ctx ends.
func (s *Store) stay(ctx context.Context, name string) {
	ticker := time.NewTicker(walkRenew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_, _, _, _ = s.enter(ctx, name) // whether entries were dropped all the same is seen when some are missing
		}
	}
}
