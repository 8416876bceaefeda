package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// score is a deadline as an index has it: a double, which is exact for longer than anybody lives; a session without one comes last.
func score(ends int64) string {
	if ends == deadline.Never {
		return "+inf"
	}
	return decimal(min(ends, 1<<53))
}

// writer is the half of a stamp that no other write has.
func (s *Store) writer() uint64 { return s.firstWrite + s.writes.Add(1) }

// ErrContended is in the tree of the error for an update that lost against other verifiers' too often in a row.
var ErrContended = errors.New("others change this session all the time")

// mostTries is how often an update is decided. Each try but the first means that another verifier's succeeded meanwhile.
const mostTries = 100

// Update implements session.Store. decide judges what memory has, if it has the session; Redis accepts the result only if that is what
// Redis has too, in one round trip, and gives what it has otherwise. What changes nothing is only judged by what Redis has.
func (s *Store) Update(ctx context.Context, id session.ID, _ int64, decide func(session.Session) (session.Session, error)) (session.Session, bool, error) {
	if err := s.usable(ctx); err != nil {
		return session.Session{}, false, err
	}
	release, err := s.locks.take(ctx, id)
	if err != nil {
		return session.Session{}, false, err
	}
	defer release()
	var base *stored
	var in partition
	if e, ok := s.cache.get(id); ok {
		base, in = e.stored, e.in
	}
	fresh := false
	for range mostTries {
		if base == nil {
			if base, in, err = s.read(ctx, id); err != nil || base == nil {
				return session.Session{}, false, s.fault(ctx, "read", err)
			}
			fresh = true
		}
		if base.State.EndedAt != 0 {
			if err := s.settle(ctx, base, in); err != nil {
				return session.Session{}, false, s.fault(ctx, "settle", err)
			}
			s.doubts.drop(id)
			return base.Session, true, session.ErrEnded
		}
		after, err := judged(base.Session, decide)
		if err != nil || after == base.Session {
			if !fresh {
				base = nil
				continue
			}
			if err == nil && s.doubts.has(id) { // this may be a change from here that was not acknowledged
				if err := s.tell(ctx, []placed{{base, in}}); err != nil {
					return session.Session{}, false, s.fault(ctx, "confirm", err)
				}
				s.doubts.drop(id)
			}
			return base.Session, true, err
		}
		next, done, err := s.write(ctx, base, after, in)
		switch {
		case err != nil:
			s.cache.drop(id) // it may or may not have happened
			if !onlyActivity(base.Session, after) {
				s.doubts.add(id)
			}
			return session.Session{}, false, s.fault(ctx, "update", err)
		case next == nil:
			s.cache.drop(id)
			return session.Session{}, false, nil
		case done:
			return after, true, nil
		}
		base, fresh = next, true
	}
	return session.Session{}, false, &redisconn.Error{What: "update", Where: s.where, Kind: ErrContended, Err: fmt.Errorf("%d tries", mostTries)}
}

// judged is what decide makes of a session, or why that may not be.
func judged(before session.Session, decide func(session.Session) (session.Session, error)) (session.Session, error) {
	after, err := decide(before)
	if err != nil {
		return before, err
	}
	if !sameIdentity(before, after) {
		return before, session.ErrIdentity
	}
	if err := after.Validate(); err != nil {
		return before, err
	}
	return after, nil
}

// write offers a change to Redis. It gives what Redis has then: the change, or what is there instead, or nil.
func (s *Store) write(ctx context.Context, base *stored, after session.Session, in partition) (now *stored, done bool, err error) {
	next := &stored{Session: after, stamp: stamp{base.stamp.version + 1, s.writer()}}
	before := s.cache.look(in, s.hears())
	if onlyActivity(base.Session, after) {
		result := s.conn.Run(ctx, beat, []string{s.keys[in].recordOf(after.ID)}, []string{string(base.stamp.append(nil)), string(next.head(nil))})
		now, done, err := s.outcome(result, next)
		if now != nil {
			s.cache.put(now, in, before)
		}
		return now, done, err
	}
	of := s.told.begin(in)
	defer s.told.end(of)
	now, done, err = s.outcome(s.conn.RunKept(ctx, change, s.changeKeys(base, next, in), s.changeArgs(base, next, of)), next)
	switch {
	case err != nil || now == nil:
	case !done:
		s.cache.put(now, in, before)
	default:
		s.cache.apply(now, in)
		if err = s.everybody(ctx, []*telling{of}); err == nil && after.State.EndedAt != 0 {
			s.confirm(now, in)
		}
	}
	return now, done, err
}

func (s *Store) changeKeys(base, next *stored, in partition) []string {
	k := s.keys[in]
	record := k.recordOf(next.ID)
	old, moved := record, record
	if base.Provider != "" {
		old = k.providerOf(base.User, base.Provider)
	}
	if next.Provider != "" {
		moved = k.providerOf(next.User, next.Provider)
	}
	return []string{record, k.userOf(next.User), k.due, k.ended, k.channel, old, moved}
}

func (s *Store) changeArgs(base, next *stored, of *telling) []string {
	of.record = next.encode()
	ends, _ := next.State.Ends()
	return []string{string(base.stamp.append(nil)), of.record, string(next.ID[:]), score(ends), decimal(next.State.EndedAt), decimal(next.State.Began),
		message(s.ownName(), of.token, of.record)}
}

// outcome reads what beat, change and seal give.
func (s *Store) outcome(result rueidis.RedisResult, next *stored) (now *stored, done bool, err error) {
	answer, err := result.ToMessage()
	if err != nil {
		return nil, false, err
	}
	if answer.IsInt64() {
		if n, err := answer.AsInt64(); err != nil || n == 0 {
			return nil, false, err
		}
		return next, true, nil
	}
	raw, err := answer.ToString()
	if err != nil {
		return nil, false, err
	}
	now, err = s.decoded(next.ID, raw)
	return now, false, err
}
