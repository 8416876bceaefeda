package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// revisions is the settings.Store.
type revisions struct{ s *Store }

func (r revisions) Latest(ctx context.Context) ([]settings.Revision, error) {
	// Of the columns that are not grouped SQLite takes those of the row that has the max (https://sqlite.org/lang_select.html section 2.5).
	return r.list(ctx, "SELECT environment, max(version), at, made_by, document FROM revisions GROUP BY environment ORDER BY environment")
}

func (r revisions) History(ctx context.Context, environment string, before int64, limit int) ([]settings.Revision, error) {
	switch {
	case before < 0:
		return nil, fmt.Errorf("before is %d; allowed: 0 or more", before)
	case limit < 1:
		return nil, fmt.Errorf("limit is %d; allowed: 1 or more", limit)
	}
	return r.list(ctx, `SELECT environment, version, at, made_by, document FROM revisions
		WHERE environment = ?1 AND (?2 = 0 OR version < ?2) ORDER BY version DESC LIMIT ?3`, environment, before, limit)
}

func (r revisions) list(ctx context.Context, query string, args ...any) ([]settings.Revision, error) {
	if err := r.s.usable(ctx); err != nil {
		return nil, err
	}
	rows, err := r.s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, r.s.unread(ctx, err)
	}
	defer rows.Close()
	var all []settings.Revision
	for rows.Next() {
		var next settings.Revision
		var document []byte
		if err := rows.Scan(&next.Environment, &next.Version, &next.At, &next.By, &document); err != nil {
			return nil, r.s.unread(ctx, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(document))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&next.Document); err != nil {
			return nil, r.s.damaged("version %d of environment %q: %w", next.Version, next.Environment, err)
		}
		all = append(all, next)
	}
	if err := rows.Err(); err != nil {
		return nil, r.s.unread(ctx, err)
	}
	return all, nil
}

func (r revisions) Append(ctx context.Context, all []settings.Revision, events []audit.Event) error {
	if err := audit.CheckAll(events); err != nil {
		return err
	}
	documents := make([]string, len(all))
	for i, next := range all {
		text, err := json.Marshal(next.Document)
		switch {
		case err != nil:
			return fmt.Errorf("version %d of environment %q: %w", next.Version, next.Environment, err)
		case next.Environment == "":
			return fmt.Errorf("environment is empty; allowed: an environment's ID or %s", settings.Deployment)
		}
		documents[i] = string(text)
	}
	if len(all) == 0 && len(events) == 0 {
		return r.s.usable(ctx)
	}
	return r.s.transact(ctx, func(ctx context.Context) error {
		for i, next := range all {
			var last int64
			err := r.s.conn.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM revisions WHERE environment = ?", next.Environment).Scan(&last)
			if err != nil {
				return err
			}
			if next.Version != last+1 {
				return fmt.Errorf("environment %q is at version %d, so %d cannot be added: %w", next.Environment, last, next.Version, settings.ErrConflict)
			}
			_, err = r.s.conn.ExecContext(ctx, "INSERT INTO revisions (environment, version, at, made_by, document) VALUES (?,?,?,?,?)",
				next.Environment, next.Version, next.At, next.By, documents[i])
			if err != nil {
				return err
			}
		}
		return r.s.add(ctx, events)
	})
}
