package embedded

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/curfew-project/curfew/verifier/session"
)

// Create implements session.Store. The session is seen by nobody before it is durable.
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
	if err := s.failed(); err != nil { // the writer tries again by itself; more creations would only pile up
		return err
	}
	r := newRecord(created, s.lastRow.Add(1))
	r.set(created, s.reasons)
	r.flags |= hidden
	waiting, err := s.reserve(r, secrets)
	if err != nil {
		return err
	}
	return waiting.wait(ctx)
}

func (s *Store) reserve(r *record, secrets session.Sealed) (*batch, error) {
	at := s.shard(r.id)
	at.mu.Lock()
	defer at.mu.Unlock()
	if s.lookup(at, r.id) != nil {
		return nil, session.ErrExists
	}
	waiting, err := s.queue.add(op{kind: creation, record: r, secrets: secrets})
	if err == nil {
		s.insert(at, r)
	}
	return waiting, err
}

// show makes a created session visible. The caller holds the shard.
func (s *Store) show(at *shard, r *record) {
	r.flags &^= hidden
	due, _ := r.ends()
	at.living.add(r, due)
	s.users.add(r)
}

// Get implements session.Store. It reads memory only and allocates nothing.
func (s *Store) Get(ctx context.Context, id session.ID, _ int64) (session.Session, bool, error) {
	if err := s.usable(ctx); err != nil {
		return session.Session{}, false, err
	}
	at := s.shard(id)
	at.mu.RLock()
	defer at.mu.RUnlock()
	r := s.find(at, id)
	if r == nil {
		return session.Session{}, false, nil
	}
	return r.session(s.reasons), true, nil
}

// find gives a session that may be seen. The caller holds the shard.
func (s *Store) find(at *shard, id session.ID) *record {
	r := s.lookup(at, id)
	if r == nil || r.is(hidden) {
		return nil
	}
	return r
}

// Update implements session.Store. decide runs once, under a lock. While the store cannot write, activity waits for
// its commit like everything else and fails with it: what is acknowledged is durable.
func (s *Store) Update(ctx context.Context, id session.ID, _ int64, decide func(session.Session) (session.Session, error)) (session.Session, bool, error) {
	if err := s.usable(ctx); err != nil {
		return session.Session{}, false, err
	}
	result, ok, waiting, err := s.decide(id, decide)
	if failed := waiting.wait(ctx); failed != nil {
		return session.Session{}, false, failed
	}
	return result, ok, err
}

// decide changes memory and gives what must be durable before anybody is told.
func (s *Store) decide(id session.ID, decide func(session.Session) (session.Session, error)) (session.Session, bool, *batch, error) {
	at := s.shard(id)
	at.mu.Lock()
	defer at.mu.Unlock()
	r := s.find(at, id)
	if r == nil {
		return session.Session{}, false, nil, nil
	}
	before := r.session(s.reasons)
	if r.endedAt != 0 {
		return before, true, r.pending, session.ErrEnded // pending: that it has ended is an acknowledgement too
	}
	after, err := decide(before)
	switch {
	case err != nil:
		return before, true, nil, err
	case !sameIdentity(before, after):
		return before, true, nil, session.ErrIdentity
	case after == before:
		return before, true, r.pending, nil
	}
	if err := after.Validate(); err != nil {
		return before, true, nil, err
	}
	if onlyActivity(before, after) && s.failure.Load() == nil {
		err = s.queue.addLazy(r)
	} else {
		_, err = s.queue.add(op{kind: change, record: r})
	}
	if err != nil {
		return session.Session{}, false, nil, err
	}
	s.apply(at, r, after)
	return after, true, r.pending, nil
}

// apply puts a decided change into memory. The caller holds the shard.
func (s *Store) apply(at *shard, r *record, after session.Session) {
	if after.Provider != r.provider() {
		s.moving.add(r)
	}
	if after.Name != r.name() || after.Provider != r.provider() {
		s.users.rename(r, after)
	}
	r.set(after, s.reasons)
	if r.endedAt != 0 {
		s.end(at, r)
		return
	}
	if ends, _ := r.ends(); ends < r.due { // other settings, or a provider that cannot be asked; a later deadline is noticed when the old one comes
		at.living.move(r, ends)
	}
}

// end moves a session that has just ended to where Forget finds it. The caller holds the shard.
func (s *Store) end(at *shard, r *record) {
	at.living.remove(r)
	at.ended.add(r, r.endedAt)
	s.users.ended(r.user(), r.endedAt)
}

// ByUser implements session.Store.
func (s *Store) ByUser(ctx context.Context, user session.User, _ int64) ([]session.Session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	records, _ := s.users.of(user)
	found := make([]session.Session, 0, len(records))
	s.each(records, user, func(r *record) { found = append(found, r.session(s.reasons)) })
	slices.SortFunc(found, byBeginning)
	return found, nil
}

func byBeginning(a, b session.Session) int {
	return cmp.Or(cmp.Compare(a.State.Began, b.State.Began), slices.Compare(a.ID[:], b.ID[:]))
}

// LastEnd implements session.Store.
func (s *Store) LastEnd(ctx context.Context, user session.User, now int64) (int64, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	now = instant(now)
	records, last := s.users.of(user)
	last = max(last, s.everybodyEnded)
	s.each(records, user, func(r *record) {
		if ends, _ := r.ends(); ends <= now || r.endedAt != 0 {
			last = max(last, ends)
		}
	})
	return last, nil
}

// each visits those records that are the user's and not forgotten, under their shards' locks.
func (s *Store) each(records []*record, user session.User, visit func(*record)) {
	for _, r := range records {
		at := s.shard(r.id)
		at.mu.RLock()
		if !r.is(gone) && r.belongsTo(user) {
			visit(r)
		}
		at.mu.RUnlock()
	}
}
