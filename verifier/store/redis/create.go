package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/session"
)

// pointerTrial is how long a pointer lives whose session was not created: long enough for any creation that still may succeed.
const pointerTrial = 5 * time.Minute

// Create implements session.Store. The pointer is there before the session, so that nothing is in Redis that cannot be found; it stays
// only when the session is there too.
func (s *Store) Create(ctx context.Context, created session.Session, secrets session.Sealed, _ int64) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if err := errors.Join(created.Validate(), secrets.Validate()); err != nil {
		return err
	}
	if created.State.EndedAt != 0 {
		return session.ErrEnded
	}
	in := s.layout.ofUser(created.User)
	pointer := s.layout.pointer(created.ID)
	where, err := s.conn.Do(ctx, s.conn.B().Set().Key(pointer).Value(strconv.Itoa(int(in))).Nx().Get().PxMilliseconds(pointerTrial.Milliseconds()).Build()).ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return s.fault(ctx, "create", err)
	}
	if err == nil && where != strconv.Itoa(int(in)) {
		return session.ErrExists // or an interrupted creation has it for some minutes
	}
	r := stored{Session: created, stamp: stamp{1, s.writer()}}
	ends, _ := created.State.Ends()
	k := s.keys[in]
	names := []string{k.recordOf(r.ID), k.userOf(r.User), k.due, k.secretsOf(r.ID)}
	if provider := k.providerOf(r.User, r.Provider); provider != "" {
		names = append(names, provider)
	}
	before := s.cache.look(in, s.hears())
	made, err := s.conn.Run(ctx, create, names, []string{r.encode(), string(r.ID[:]), decimal(r.State.Began), score(ends), string(secrets)}).AsInt64()
	if err != nil {
		return s.fault(ctx, "create", err)
	}
	if made == 0 {
		return session.ErrExists
	}
	if err := s.conn.Do(ctx, s.conn.B().Set().Key(pointer).Value(strconv.Itoa(int(in))).Build()).Error(); err != nil { // now it stays
		return s.fault(ctx, "create", err)
	}
	s.cache.put(&r, in, before)
	return nil
}
