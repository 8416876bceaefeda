package embedded

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// moving are the records whose provider session ID in memory is not in the file yet: few, and mostly none. The zero value is ready.
// Its lock is taken after a shard's, never before.
type moving struct {
	mu      sync.Mutex
	records map[*record]bool
}

// add notes a record. The caller holds its shard.
func (m *moving) add(r *record) {
	r.flags |= moved
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records == nil {
		m.records = map[*record]bool{}
	}
	m.records[r] = true
}

// settle says that the file has all there is to know of a record. The caller holds its shard.
func (m *moving) settle(r *record) {
	if !r.is(moved) {
		return
	}
	r.flags &^= moved
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, r)
}

func (m *moving) ids() []session.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []session.ID
	for r := range m.records {
		ids = append(ids, r.id)
	}
	return ids
}

// ByProvider implements session.Store. The file only says where to look; what is found is what memory has.
func (s *Store) ByProvider(ctx context.Context, environment, issuer, sid string, _ int64) ([]session.Session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if sid == "" {
		return nil, nil
	}
	ids := s.moving.ids() // before the file is read, or one that arrives there in between would be in neither
	rows, err := s.reads.byProvider.QueryContext(ctx, sid, environment, issuer)
	if err != nil {
		return nil, s.unread(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, s.unread(ctx, err)
		}
		id, err := session.ParseID(text)
		if err != nil {
			return nil, s.file.Refuse(sqlitefile.ErrCorrupt, fmt.Errorf("session %q: %w", text, err))
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, s.unread(ctx, err)
	}
	slices.SortFunc(ids, func(a, b session.ID) int { return slices.Compare(a[:], b[:]) })
	var found []session.Session
	for _, id := range slices.Compact(ids) {
		got, ok, err := s.Get(ctx, id, 0)
		if err != nil {
			return nil, err
		}
		if ok && got.Provider == sid && got.User.Environment == environment && got.User.Issuer == issuer {
			found = append(found, got)
		}
	}
	slices.SortFunc(found, byBeginning)
	return found, nil
}
