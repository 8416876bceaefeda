package redisledger

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// Trim moves where the chain begins, in the step that appends the entry which says so. What lies before is swept up afterwards, some at a
// time, so that Redis is not held up; it is no part of the chain any more.
func (a entries) Trim(ctx context.Context, before, now int64, actor string) (int, error) {
	for {
		dropped, err := a.trim(ctx, before, now, actor)
		if errors.Is(err, errMoved) {
			continue // another verifier has trimmed meanwhile
		}
		if err != nil {
			return 0, err
		}
		return dropped, a.s.sweep(ctx)
	}
}

func (a entries) trim(ctx context.Context, before, now int64, actor string) (dropped int, err error) {
	if err := a.s.usable(ctx); err != nil {
		return 0, err
	}
	n, err := a.s.look(ctx)
	if err != nil {
		return 0, err
	}
	begin, _ := n.end.Resume(n.sealed || n.empty(), n.there)
	upTo := begin.First
	// Along the chain from its oldest entry, so that the cost is that of what is dropped.
	for at, kept := begin.First.Seq, false; at < begin.Last.Seq && !kept; at += walkRead {
		if err := a.s.usable(ctx); err != nil {
			return 0, err
		}
		found, err := a.s.readSpans(ctx, []span{{at + 1, min(at+walkRead, begin.Last.Seq)}}, true)
		if err != nil {
			return 0, err
		}
		for _, e := range found {
			if kept = e.At >= before; kept {
				break
			}
			upTo = e.Link()
			dropped++
		}
	}
	if dropped == 0 {
		return 0, nil
	}
	change := change{events: []audit.Event{audit.TrimEvent(dropped, upTo, now, actor)}, drop: &upTo, from: begin.First}
	return dropped, a.s.write(ctx, change)
}

// sweepScript takes dropped entries away, unless somebody walks. KEYS: state, entries, walks, those of the index. ARGV: up to which entry,
// and its ID's successor; how many members of the index, each with its key's number and text; and keys of the index of which everything
// below a score goes, each with its number and the score.
var sweepScript = redisconn.NewScript(`
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))
if redis.call('ZCARD', KEYS[3]) > 0 then return 0 end
local at = 4
for i = 1, tonumber(ARGV[3]) do
  redis.call('ZREM', KEYS[tonumber(ARGV[at])], ARGV[at+1])
  at = at + 2
end
while at <= #ARGV do
  redis.call('ZREMRANGEBYSCORE', KEYS[tonumber(ARGV[at])], '-inf', '(' .. ARGV[at+1])
  at = at + 2
end
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
if tonumber(ARGV[1]) > tonumber(redis.call('HGET', KEYS[1], 'swept') or '0') then redis.call('HSET', KEYS[1], 'swept', ARGV[1]) end
return 1
`)

// sweepAtOnce is how many entries are swept up in one step.
const sweepAtOnce = 256

// sweep takes away what lies before the beginning of the chain. Several may do so at once, and where one has stopped the next goes on.
func (s *Store) sweep(ctx context.Context) error {
	now, err := s.look(ctx)
	if err != nil || !now.sealed {
		return err // what nobody vouches for is no reason to take something away
	}
	end := now.end.First.Seq
	for {
		if err := s.usable(ctx); err != nil {
			return err
		}
		found, err := s.conn.Do(ctx, s.conn.B().Xrange().Key(s.keys.entries).Start("-").End(identifier(end)).Count(sweepAtOnce).Build()).AsXRange()
		if err != nil {
			return s.problem("sweep", err)
		}
		if len(found) == 0 {
			return nil
		}
		upTo := int64(0)
		var exact, whole []string
		c := newCall(s.keys)
		c.keys = []string{s.keys.state, s.keys.entries, s.keys.walks}
		for _, x := range found {
			if upTo, err = sequence(x.ID); err != nil {
				return err
			}
			e, err := line(x)
			if err != nil {
				continue // its marks lead nowhere then
			}
			marks, blocks := marksOf(e)
			for _, m := range blocks {
				// The block in which the chain begins now stays findable.
				if m.key == byTime && blockOf(e.Seq) < blockOf(end+1) {
					marks = append(marks, m)
				} else if m.key != byTime && !slices.Contains(whole, c.key(m.key)) {
					whole = append(whole, c.key(m.key))
				}
			}
			for _, m := range marks {
				if !c.known[m] {
					c.known[m] = true
					exact = append(exact, c.key(m.key), m.text)
				}
			}
		}
		args := append([]string{strconv.FormatInt(upTo, 10), identifier(upTo + 1), strconv.Itoa(len(exact) / 2)}, exact...)
		for _, key := range whole {
			args = append(args, key, strconv.FormatInt(blockOf(end+1), 10))
		}
		done, err := s.conn.Run(ctx, sweepScript, c.keys, args).AsInt64()
		if err != nil {
			return s.problem("sweep", err)
		}
		if done == 0 {
			return nil // somebody walks, and will sweep
		}
	}
}
