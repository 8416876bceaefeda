package redis

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/session"
)

// Get implements session.Store. While the store hears every change it reads memory only.
func (s *Store) Get(ctx context.Context, id session.ID, now int64) (session.Session, bool, error) {
	if err := s.usable(ctx); err != nil {
		return session.Session{}, false, err
	}
	if found, ok := s.remembered(id, now); ok {
		return found, true, nil
	}
	r, in, err := s.read(ctx, id)
	if err == nil && r != nil && r.State.EndedAt != 0 {
		err = s.settle(ctx, r, in)
	}
	if err != nil || r == nil {
		return session.Session{}, false, s.fault(ctx, "read", err)
	}
	return r.Session, true, nil
}

// read asks Redis for a session; nil where there is none.
func (s *Store) read(ctx context.Context, id session.ID) (*stored, partition, error) {
	in, ok, err := s.find(ctx, id)
	if err != nil || !ok {
		return nil, 0, err
	}
	before := s.cache.look(in, s.hears())
	var answer rueidis.RedisResult
	if record := s.keys[in].recordOf(id); s.conn.Replicas() {
		answer = s.conn.Run(ctx, get, []string{record}, nil)
	} else {
		answer = s.conn.Do(ctx, s.conn.B().Get().Key(record).Build())
	}
	raw, err := answer.ToString()
	if rueidis.IsRedisNil(err) {
		s.cache.drop(id)
		return nil, in, nil
	}
	if err != nil {
		return nil, in, err
	}
	r, err := s.decoded(id, raw)
	if err != nil {
		s.cache.drop(id)
		return nil, in, err
	}
	s.cache.put(r, in, before)
	return r, in, nil
}

// find says in which partition a session is, if it is anywhere.
func (s *Store) find(ctx context.Context, id session.ID) (partition, bool, error) {
	if e, ok := s.cache.get(id); ok {
		return e.in, true, nil
	}
	where, err := s.conn.Do(ctx, s.conn.B().Get().Key(s.layout.pointer(id)).Build()).AsInt64()
	switch {
	case rueidis.IsRedisNil(err):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case where < 0 || where >= int64(s.layout.partitions):
		return 0, false, fmt.Errorf("%w: session %s is said to be in partition %d of %d", ErrRecord, id, where, s.layout.partitions)
	}
	return partition(where), true, nil
}

// decoded reads a record and makes sure that it is of the session whose name it has.
func (s *Store) decoded(id session.ID, raw string) (*stored, error) {
	r, err := decode(raw)
	if err == nil && r.ID != id {
		err = fmt.Errorf("%w: it is of another session", ErrRecord)
	}
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", id, err)
	}
	return &r, nil
}

// records reads several sessions of one partition. What is not there any more is left out. What cannot be read is an error if strict, and
// else is said in the log and left out, so that one damaged record does not keep all others from ending.
func (s *Store) records(result rueidis.RedisResult, ids []string, strict bool) ([]*stored, error) {
	values, err := result.ToArray()
	if err != nil {
		return nil, err
	}
	found := make([]*stored, 0, len(values))
	for i, value := range values {
		raw, err := value.ToString()
		if rueidis.IsRedisNil(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var id session.ID
		copy(id[:], ids[i])
		r, err := s.decoded(id, raw)
		if err != nil {
			if strict {
				return nil, err
			}
			s.logger.Error("session_record_unreadable", "error", err)
			continue
		}
		found = append(found, r)
	}
	return found, nil
}

func (s *Store) mget(in partition, ids []string) rueidis.Completed {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = s.keys[in].record + id
	}
	return s.conn.B().Mget().Key(names...).Build()
}
