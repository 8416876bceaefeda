package redis

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/session"
)

// Secrets implements session.Store. They are in a key of their own, and never in memory here.
func (s *Store) Secrets(ctx context.Context, id session.ID, _ int64) (session.Sealed, bool, error) {
	if err := s.usable(ctx); err != nil {
		return "", false, err
	}
	in, ok, err := s.find(ctx, id)
	if err != nil || !ok {
		return "", false, s.fault(ctx, "secrets", err)
	}
	k := s.keys[in]
	values, err := s.conn.Do(ctx, s.conn.B().Mget().Key(k.recordOf(id), k.secretsOf(id)).Build()).ToArray()
	if err != nil {
		return "", false, s.fault(ctx, "secrets", err)
	}
	if values[0].IsNil() {
		s.cache.drop(id)
		return "", false, nil
	}
	secrets, err := values[1].ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", false, s.fault(ctx, "secrets", err)
	}
	return session.Sealed(secrets), true, nil
}

// SetSecrets implements session.Store.
func (s *Store) SetSecrets(ctx context.Context, id session.ID, secrets session.Sealed, _ int64) (bool, error) {
	if err := s.usable(ctx); err != nil {
		return false, err
	}
	if err := secrets.Validate(); err != nil {
		return false, err
	}
	in, ok, err := s.find(ctx, id)
	if err != nil || !ok {
		return false, s.fault(ctx, "secrets", err)
	}
	k := s.keys[in]
	next := &stored{Session: session.Session{ID: id}}
	now, done, err := s.outcome(s.conn.Run(ctx, seal, []string{k.recordOf(id), k.secretsOf(id)}, []string{string(secrets)}), next)
	switch {
	case err != nil:
		return false, s.fault(ctx, "secrets", err)
	case now == nil:
		s.cache.drop(id)
		return false, nil
	case done:
		return true, nil
	}
	if err := s.settle(ctx, now, in); err != nil {
		return false, s.fault(ctx, "settle", err)
	}
	return true, session.ErrEnded
}
