package embedded

import (
	"context"
	"sync"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/verifier/session"
)

// step is how many sessions are ended or forgotten in one transaction, so that nobody else waits long behind it.
const step = 1000

// unreported holds sessions that Expire has ended but not returned, because they could not be made durable or its caller
// went away. The next call returns them.
type unreported struct {
	mu      sync.Mutex
	records []*record
}

func (u *unreported) add(records []*record) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.records = append(u.records, records...)
}

func (u *unreported) take(limit int) []*record {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := min(limit, len(u.records))
	taken := append([]*record(nil), u.records[:n]...)
	u.records = append([]*record(nil), u.records[n:]...)
	return taken
}

// Expire implements session.Store. It looks at sessions whose deadline has passed and at a few more, not at all.
func (s *Store) Expire(ctx context.Context, now int64, limit int) ([]session.Session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	now = instant(now)
	ended := s.unreported.take(max(limit, 0))
	err := s.settled(ctx, ended)
	settled := len(ended)
	for i := range s.shards {
		for more := true; more && err == nil && len(ended) < limit; {
			var some []*record
			some, more, err = s.shards[i].expire(s, now, min(step-(len(ended)-settled), limit-len(ended)))
			if ended = append(ended, some...); err == nil && len(ended)-settled == step {
				err = s.settled(ctx, ended[settled:])
				settled = len(ended)
			}
		}
	}
	if err == nil {
		err = s.settled(ctx, ended[settled:])
	}
	if err != nil {
		s.unreported.add(ended)
		return nil, err
	}
	result := make([]session.Session, len(ended))
	for i, r := range ended {
		at := s.shard(r.id)
		at.mu.RLock()
		result[i] = r.session(s.reasons)
		at.mu.RUnlock()
	}
	return result, nil
}

// expire ends up to limit sessions of one shard, and says whether there may be more.
func (at *shard) expire(s *Store, now int64, limit int) (ended []*record, more bool, err error) {
	at.mu.Lock()
	defer at.mu.Unlock()
	for len(ended) < limit && len(at.living) > 0 && at.living[0].due <= now {
		r := at.living[0]
		ends, reason := r.ends()
		if ends > now { // activity has moved its deadline since
			at.living.move(r, ends)
			continue
		}
		if _, err := s.queue.add(op{kind: change, record: r}); err != nil {
			return ended, false, err
		}
		r.endedAt, r.reason = ends, reasonCode(reason, s.reasons)
		s.end(at, r)
		ended = append(ended, r)
	}
	return ended, len(ended) == limit, nil
}

// instant is now, which is before deadline.Never whatever a caller says: that is no deadline, and no reason goes with it.
func instant(now int64) int64 { return min(now, deadline.Never-1) }

// settled waits until what happened to the records is durable.
func (s *Store) settled(ctx context.Context, records []*record) error {
	for _, r := range records {
		at := s.shard(r.id)
		at.mu.RLock()
		waiting := r.pending
		at.mu.RUnlock()
		if err := waiting.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements session.Store. It keeps a session whose end is not durable yet: the user's last end could be lost with it.
func (s *Store) Forget(ctx context.Context, before, now int64) (int, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	forgotten := 0
	var group []*record
	for i := range s.shards {
		for more := true; more; {
			some, full, err := s.shards[i].forget(s, before, step-len(group))
			more, forgotten, group = full, forgotten+len(some), append(group, some...)
			if err == nil && len(group) == step {
				err = s.settled(ctx, group)
				group = group[:0]
			}
			if err != nil {
				return forgotten, err
			}
		}
	}
	if err := s.settled(ctx, group); err != nil {
		return forgotten, err
	}
	return forgotten, s.forgetMarks(ctx, now)
}

// forget drops up to limit ended sessions of one shard, and says whether there may be more.
func (at *shard) forget(s *Store, before int64, limit int) (forgotten []*record, more bool, err error) {
	at.mu.Lock()
	defer at.mu.Unlock()
	var kept []*record
	for len(forgotten) < limit && len(at.ended) > 0 && at.ended[0].due < before {
		r := at.ended[0]
		at.ended.remove(r)
		if r.pending != nil {
			kept = append(kept, r)
			continue
		}
		if _, err = s.queue.add(op{kind: removal, record: r}); err != nil {
			kept = append(kept, r)
			break
		}
		r.flags |= gone
		s.drop(at, r)
		s.users.remove(r)
		forgotten = append(forgotten, r)
	}
	for _, r := range kept {
		at.ended.add(r, r.endedAt)
	}
	return forgotten, err == nil && len(forgotten) == limit, err
}

// Count implements session.Store.
func (s *Store) Count(ctx context.Context, now int64) (int, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	now = instant(now)
	n := 0
	for i := range s.shards {
		at := &s.shards[i]
		at.mu.RLock()
		n += len(at.living) - at.living.passed(now)
		at.mu.RUnlock()
	}
	return n, nil
}
