package redis

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/session"
)

// together is how many partitions Scan and Count look at in one round trip.
const together = 64

// cursor is how far a scan of one index of one partition has come.
type cursor struct {
	in    partition
	index string
	at    uint64
	done  bool
}

// Scan implements session.Store. It reads the living of a partition before the ended, so a session that ends meanwhile is in at least one
// of them; it notes which it has visited, 16 bytes each, for some partitions at a time.
func (s *Store) Scan(ctx context.Context, environment string, _ int64, visit func(session.Session) (more bool)) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	for from := 0; from < len(s.keys); from += together {
		more, err := s.scanSome(ctx, s.keys[from:min(from+together, len(s.keys))], partition(from), environment, visit)
		if err != nil {
			return s.fault(ctx, "scan", err)
		}
		if !more {
			return nil
		}
	}
	return s.usable(ctx)
}

func (s *Store) scanSome(ctx context.Context, some []keys, first partition, environment string, visit func(session.Session) bool) (more bool, err error) {
	visited := map[session.ID]bool{}
	for _, index := range []func(keys) string{func(k keys) string { return k.due }, func(k keys) string { return k.ended }} {
		open := make([]cursor, len(some))
		for i, k := range some {
			open[i] = cursor{in: first + partition(i), index: index(k)}
		}
		for len(open) > 0 {
			if err := s.usable(ctx); err != nil {
				return false, err
			}
			found, err := s.page(ctx, open)
			if err != nil {
				return false, err
			}
			records, err := s.fetch(ctx, found, false)
			if err == nil {
				err = s.settleAll(ctx, records)
			}
			if err != nil {
				return false, err
			}
			for _, r := range records {
				if visited[r.ID] || environment != "" && r.User.Environment != environment {
					continue
				}
				visited[r.ID] = true
				if err := s.usable(ctx); err != nil {
					return false, err
				}
				if !visit(r.Session) {
					return false, nil
				}
			}
			left := open[:0]
			for _, c := range open {
				if !c.done {
					left = append(left, c)
				}
			}
			open = left
		}
	}
	return true, nil
}

// page reads the next members of each index.
func (s *Store) page(ctx context.Context, open []cursor) (map[partition][]string, error) {
	commands := make([]rueidis.Completed, len(open))
	for i, c := range open {
		commands[i] = s.conn.B().Zscan().Key(c.index).Cursor(c.at).Count(step).Build()
	}
	found := map[partition][]string{}
	for i, result := range s.conn.DoMulti(ctx, commands...) {
		entry, err := result.AsScanEntry()
		if err != nil {
			return nil, err
		}
		for at := 0; at+1 < len(entry.Elements); at += 2 { // members and scores
			found[open[i].in] = append(found[open[i].in], entry.Elements[at])
		}
		open[i].at, open[i].done = entry.Cursor, entry.Cursor == 0
	}
	return found, nil
}

// Count implements session.Store. Most sessions are counted by their index; those whose entry there is older than their last activity
// are looked at.
func (s *Store) Count(ctx context.Context, now int64) (int, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	now = instant(now)
	commands := make([]rueidis.Completed, len(s.keys))
	for i, k := range s.keys {
		commands[i] = s.conn.B().Zcount().Key(k.due).Min("(" + score(now)).Max("+inf").Build()
	}
	n := 0
	for _, result := range s.conn.DoMulti(ctx, commands...) {
		later, err := result.AsInt64()
		if err != nil {
			return 0, s.fault(ctx, "count", err)
		}
		n += int(later)
	}
	for from := int64(0); ; from += step {
		found, err := s.members(ctx, func(k keys) rueidis.Completed {
			return s.conn.B().Zrange().Key(k.due).Min("-inf").Max(score(now)).Byscore().Limit(from, step).Build()
		})
		var records []placed
		if err == nil {
			records, err = s.fetch(ctx, found, false)
		}
		if err != nil {
			return 0, s.fault(ctx, "count", err)
		}
		if len(found) == 0 {
			return n, nil
		}
		for _, r := range records {
			if ends, _ := r.State.Ends(); r.State.EndedAt == 0 && ends > now {
				n++
			}
		}
	}
}
