package redis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// step is how many members of one partition are looked at together.
const step = 100

// unreported are sessions that Expire ended, or may have ended, and could not return: nobody else will return them.
type unreported struct {
	mu  sync.Mutex
	all []placed
}

func (u *unreported) add(some []placed) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, some...)
}

func (u *unreported) take(most int) []placed {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := min(most, len(u.all))
	taken := u.all[:n:n]
	u.all = u.all[n:]
	return taken
}

// instant is now, which is before deadline.Never whatever a caller says: that is no deadline, and no reason goes with it.
func instant(now int64) int64 { return min(now, deadline.Never-1) }

// Expire implements session.Store. The verifiers that call it at the same time find the same sessions; who ends one returns it.
func (s *Store) Expire(ctx context.Context, now int64, limit int) ([]session.Session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	ended, err := s.happened(ctx, s.unreported.take(max(limit, 0)))
	if err == nil {
		err = s.keepAgain(ctx, ended)
	}
	var changes []*telling
	defer func() {
		for _, of := range changes {
			s.told.end(of)
		}
	}()
	for i := 0; i < len(ended) && err == nil; i++ { // whether everybody heard of them was not known
		of := s.told.begin(ended[i].in)
		of.record = ended[i].encode()
		changes = append(changes, of)
		err = s.publish(ctx, of)
	}
	for more := true; more && err == nil && len(ended) < limit; {
		var some []placed
		var tellings []*telling
		some, tellings, more, err = s.expireSome(ctx, instant(now), limit-len(ended))
		ended, changes = append(ended, some...), append(changes, tellings...)
	}
	if err == nil {
		err = s.everybody(ctx, changes)
	}
	if err != nil {
		s.unreported.add(ended)
		return nil, s.fault(ctx, "expire", err)
	}
	result := make([]session.Session, len(ended))
	for i, r := range ended {
		result[i] = r.Session
		s.confirm(r.stored, r.in)
	}
	return result, nil
}

// happened gives those of some endings that Redis has: what a script's lost answer was is told by the stamp of its write.
func (s *Store) happened(ctx context.Context, some []placed) (ended []placed, err error) {
	if len(some) == 0 {
		return nil, nil
	}
	ids := map[partition][]string{}
	ours := map[session.ID]stamp{}
	for _, r := range some {
		ids[r.in] = append(ids[r.in], string(r.ID[:]))
		ours[r.ID] = r.stamp
	}
	found, err := s.fetch(ctx, ids, false)
	if err != nil {
		return some, err
	}
	for _, r := range found {
		if r.stamp == ours[r.ID] {
			ended = append(ended, r)
		}
	}
	return ended, nil
}

// expireSome looks once at what every partition has due, and says whether there may be more.
func (s *Store) expireSome(ctx context.Context, now int64, most int) (ended []placed, changes []*telling, more bool, err error) {
	found, err := s.due(ctx, func(k keys) string { return k.due }, "-inf", score(now), min(most, step))
	if err != nil || len(found) == 0 {
		return nil, nil, false, err
	}
	records, err := s.fetch(ctx, found, false)
	if err != nil {
		return nil, nil, false, err
	}
	var calls []redisconn.Call
	var then []func(rueidis.RedisResult) error
	for _, r := range records {
		ends, reason := r.State.Ends()
		stampText := string(r.stamp.append(nil))
		if r.State.EndedAt != 0 || ends > now { // activity has moved its deadline since
			if r.State.EndedAt == 0 {
				calls = append(calls, redisconn.Call{Script: postpone, Keys: []string{s.keys[r.in].recordOf(r.ID), s.keys[r.in].due},
					Args: []string{stampText, string(r.ID[:]), score(ends)}})
				then = append(then, func(result rueidis.RedisResult) error { return result.Error() })
			}
			continue
		}
		if len(changes) == most {
			break
		}
		next := &stored{Session: r.Session, stamp: stamp{r.stamp.version + 1, s.writer()}}
		next.State.EndedAt, next.State.Reason = ends, reason
		of := s.told.begin(r.in)
		changes = append(changes, of)
		calls = append(calls, redisconn.Call{Script: change, Keys: s.changeKeys(r.stored, next, r.in), Args: s.changeArgs(r.stored, next, of)})
		then = append(then, func(result rueidis.RedisResult) error {
			now, done, err := s.outcome(result, next)
			if err != nil { // it may have happened
				s.cache.drop(next.ID)
				ended = append(ended, placed{next, r.in})
				return err
			}
			if done {
				s.cache.apply(now, r.in)
				ended = append(ended, placed{now, r.in})
			} else {
				s.told.end(of)
			}
			return nil
		})
	}
	read := 0
	for _, ids := range found {
		read += len(ids)
	}
	if len(records) < read {
		s.tidy(ctx, found, records)
	}
	for i, result := range s.conn.RunMultiKept(ctx, calls) {
		if failed := then[i](result); failed != nil {
			err = failed
		}
	}
	kept := changes[:0]
	for _, of := range changes { // those that somebody else has ended are not waited for
		if s.told.open(of) {
			kept = append(kept, of)
		}
	}
	return ended, kept, len(calls) > 0, err
}

// tidy drops from the index what has no record.
func (s *Store) tidy(ctx context.Context, found map[partition][]string, records []placed) {
	there := map[string]bool{}
	for _, r := range records {
		there[string(r.ID[:])] = true
	}
	var calls []redisconn.Call
	for in, ids := range found {
		for _, id := range ids {
			if !there[id] {
				calls = append(calls, redisconn.Call{Script: tidy, Keys: []string{s.keys[in].record + id, s.keys[in].due}, Args: []string{id}})
			}
		}
	}
	s.conn.RunMulti(ctx, calls)
}

// Forget implements session.Store. The pointer goes first: an interruption leaves a session that nobody finds and the next call drops.
func (s *Store) Forget(ctx context.Context, before, now int64) (int, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	forgotten := 0
	for {
		found, err := s.due(ctx, func(k keys) string { return k.ended }, "-inf", "("+decimal(before), step)
		var records []placed
		if err == nil {
			records, err = s.fetch(ctx, found, false)
		}
		if err != nil {
			return forgotten, s.fault(ctx, "forget", err)
		}
		gone := 0
		if err = s.forgetSome(ctx, records, &gone); err != nil {
			return forgotten + gone, s.fault(ctx, "forget", err)
		}
		if forgotten += gone; gone == 0 {
			return forgotten, s.fault(ctx, "forget", s.forgetMarks(ctx, now))
		}
	}
}

func (s *Store) forgetSome(ctx context.Context, records []placed, gone *int) error {
	var pointers []rueidis.Completed
	var calls []redisconn.Call
	for _, r := range records {
		k := s.keys[r.in]
		names := []string{k.recordOf(r.ID), k.secretsOf(r.ID), k.userOf(r.User), k.ended}
		if provider := k.providerOf(r.User, r.Provider); provider != "" {
			names = append(names, provider)
		}
		pointers = append(pointers, s.conn.B().Del().Key(s.layout.pointer(r.ID)).Build())
		calls = append(calls, redisconn.Call{Script: forget, Keys: names, Args: []string{string(r.ID[:])}})
	}
	for _, result := range s.conn.DoMulti(ctx, pointers...) {
		if err := result.Error(); err != nil {
			return err
		}
	}
	return s.runAll(ctx, calls, func(int) { *gone++ })
}

// runAll runs scripts that give 1 for what they did and 0 for what somebody else had done.
func (s *Store) runAll(ctx context.Context, calls []redisconn.Call, did func(i int)) error {
	const together = 1000
	for from := 0; from < len(calls); from += together {
		if err := s.usable(ctx); err != nil {
			return err
		}
		var failed error
		for i, result := range s.conn.RunMulti(ctx, calls[from:min(from+together, len(calls))]) {
			n, err := result.AsInt64()
			if err != nil {
				failed = err
			} else if n == 1 {
				did(from + i)
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}
