package embedded

import (
	"context"

	"github.com/curfew-project/curfew/verifier/session"
)

// Scan implements session.Store. It notes which sessions one shard has, 8 bytes each, and visits them one by one under no lock of
// the store: neither a long visit nor a million sessions keep anybody waiting.
func (s *Store) Scan(ctx context.Context, environment string, _ int64, visit func(session.Session) (more bool)) error {
	var records []*record
	for i := range s.shards {
		records = s.shards[i].of(environment, records[:0])
		for _, r := range records {
			if err := s.usable(ctx); err != nil {
				return err
			}
			if seen, ok := s.shards[i].read(s, r); ok && !visit(seen) {
				return nil
			}
		}
	}
	return s.usable(ctx)
}

// of appends the shard's records of one environment, or with an empty one all, that may be seen.
func (at *shard) of(environment string, records []*record) []*record {
	at.mu.RLock()
	defer at.mu.RUnlock()
	for _, r := range at.byID.slots {
		if r != nil && !r.is(hidden) && (environment == "" || r.realm.Value().environment == environment) {
			records = append(records, r)
		}
	}
	return records
}

// read gives a session as it is now. ok is false when it was forgotten.
func (at *shard) read(s *Store, r *record) (seen session.Session, ok bool) {
	at.mu.RLock()
	defer at.mu.RUnlock()
	return r.session(s.reasons), !r.is(gone)
}
