package ledger

import (
	"context"
	"database/sql"

	"github.com/curfew-project/curfew/verifier/audit"
)

const walkAll = "SELECT " + columns + " FROM entries WHERE seq <= ? ORDER BY seq"

func (a entries) Walk(ctx context.Context, begin func(first, last audit.Link) error, visit func(audit.Entry) error) error {
	if err := a.s.usable(ctx); err != nil {
		return err
	}
	tx, err := a.s.walks.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one view of the file, whatever is written meanwhile
	if err != nil {
		return a.s.unread(ctx, err)
	}
	defer tx.Rollback()
	n, sealed, err := a.s.readNote(ctx, tx)
	if err != nil {
		return a.s.unread(ctx, err)
	}
	there, err := newest(ctx, tx)
	if err != nil {
		return a.s.unread(ctx, err)
	}
	if err := begin(n.First, n.Last); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, walkAll, n.Last.Seq)
	if err != nil {
		return a.s.unread(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := a.s.scan(rows)
		if err != nil {
			return a.s.unread(ctx, err)
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return a.s.unread(ctx, err)
	}
	return n.Broken(sealed, there)
}
