package embedded

import (
	"context"
	"database/sql"
	"errors"

	"github.com/curfew-project/curfew/verifier/session"
)

// Secrets implements session.Store. It reads the file.
func (s *Store) Secrets(ctx context.Context, id session.ID, _ int64) (session.Sealed, bool, error) {
	for {
		if err := s.usable(ctx); err != nil {
			return "", false, err
		}
		at := s.shard(id)
		at.mu.RLock()
		r := s.find(at, id)
		at.mu.RUnlock()
		if r == nil {
			return "", false, nil
		}
		var found session.Sealed
		err := s.reads.secrets.QueryRowContext(ctx, r.row).Scan(&found)
		if err == nil {
			return found, true, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return "", false, s.unread(ctx, err)
		}
		at.mu.RLock()
		forgotten := r.is(gone)
		at.mu.RUnlock()
		if !forgotten { // it has none
			return "", true, nil
		}
	}
}

// SetSecrets implements session.Store. When the write fails, the writer tries again: a provider may have taken back what the old
// secrets hold. While the store cannot write, nothing more is accepted, because secrets are large and would pile up in memory.
func (s *Store) SetSecrets(ctx context.Context, id session.ID, secrets session.Sealed, _ int64) (bool, error) {
	if err := s.usable(ctx); err != nil {
		return false, err
	}
	if err := secrets.Validate(); err != nil {
		return false, err
	}
	ok, waiting, err := s.seal(id, secrets)
	if failed := waiting.wait(ctx); failed != nil {
		return false, failed
	}
	return ok, err
}

func (s *Store) seal(id session.ID, secrets session.Sealed) (ok bool, waiting *batch, err error) {
	at := s.shard(id)
	at.mu.Lock()
	defer at.mu.Unlock()
	r := s.find(at, id)
	if r == nil {
		return false, nil, nil
	}
	if r.endedAt != 0 {
		return true, r.pending, session.ErrEnded
	}
	if err := s.failed(); err != nil {
		return false, nil, err
	}
	waiting, err = s.queue.add(op{kind: sealing, record: r, secrets: secrets})
	return err == nil, waiting, err
}
