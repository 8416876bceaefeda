package ledger

import (
	"context"

	"github.com/curfew-project/curfew/verifier/audit"
)

func (a entries) Search(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	if err := a.s.usable(ctx); err != nil {
		return nil, err
	}
	query, args := statement(q)
	rows, err := a.s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, a.s.unread(ctx, err)
	}
	defer rows.Close()
	var found []audit.Entry
	for rows.Next() {
		e, err := a.s.scan(rows)
		if err != nil {
			return nil, a.s.unread(ctx, err)
		}
		found = append(found, e)
	}
	if err := rows.Err(); err != nil {
		return nil, a.s.unread(ctx, err)
	}
	return found, nil
}
