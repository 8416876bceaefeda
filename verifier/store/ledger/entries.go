package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
)

// entries is the audit.Store.
type entries struct{ s *Store }

const (
	columns     = "seq, at, kind, environment, session, subject, client, reason, code, actor, digest, detail, hash"
	insertEntry = "INSERT INTO entries (" + columns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)

func (a entries) Append(ctx context.Context, events []audit.Event) error {
	if err := audit.CheckAll(events); err != nil {
		return err
	}
	if len(events) == 0 {
		return a.s.usable(ctx)
	}
	return a.s.transact(ctx, func(ctx context.Context) error { return a.s.add(ctx, events) })
}

// add puts events at the end of the chain and notes the new end, in a transaction.
func (s *Store) add(ctx context.Context, events []audit.Event) error {
	n, err := s.current(ctx)
	if err != nil {
		return err
	}
	if err := s.chain(ctx, &n, events); err != nil {
		return err
	}
	return s.writeNote(ctx, n)
}

func (s *Store) chain(ctx context.Context, n *audit.End, events []audit.Event) error {
	for _, event := range events {
		e := n.Last.Next(event)
		_, err := s.insert.ExecContext(ctx, e.Seq, e.At, string(e.Kind), e.Environment, e.Session, e.Subject, e.Client,
			string(e.Reason), string(e.Code), e.Actor, e.Digest, e.Detail, e.Hash[:])
		if err != nil {
			return err
		}
		n.Last = e.Link()
	}
	return nil
}

// scan reads one row of columns.
func (s *Store) scan(rows *sql.Rows) (e audit.Entry, err error) {
	var hash sql.RawBytes
	err = rows.Scan(&e.Seq, &e.At, (*string)(&e.Kind), &e.Environment, &e.Session, &e.Subject, &e.Client,
		(*string)(&e.Reason), (*string)(&e.Code), &e.Actor, &e.Digest, &e.Detail, &hash)
	if err == nil && len(hash) != len(e.Hash) {
		err = s.damaged("the hash of entry %d has %d bytes", e.Seq, len(hash))
	}
	copy(e.Hash[:], hash)
	return e, err
}

const countEnds = `SELECT reason, count(*) FROM entries INDEXED BY entries_by_time
	WHERE at >= ? AND kind = 'ended' AND (?2 = '' OR environment = ?2) GROUP BY reason`

func (a entries) Ends(ctx context.Context, environment string, since int64) (map[wire.Reason]int, error) {
	if err := a.s.usable(ctx); err != nil {
		return nil, err
	}
	rows, err := a.s.reads.QueryContext(ctx, countEnds, since, environment)
	if err != nil {
		return nil, a.s.unread(ctx, err)
	}
	defer rows.Close()
	ends := map[wire.Reason]int{}
	for rows.Next() {
		var reason wire.Reason
		var count int
		if err := rows.Scan((*string)(&reason), &count); err != nil {
			return nil, a.s.unread(ctx, err)
		}
		ends[reason] = count
	}
	if err := rows.Err(); err != nil {
		return nil, a.s.unread(ctx, err)
	}
	return ends, nil
}

// Both go along the chain from its oldest entry, so their cost is that of what is dropped.
const (
	firstKept   = "SELECT seq FROM entries NOT INDEXED WHERE at >= ? ORDER BY seq LIMIT 1"
	lastDropped = "SELECT seq, hash FROM entries NOT INDEXED WHERE seq < ? ORDER BY seq DESC LIMIT 1"
)

func (a entries) Trim(ctx context.Context, before, now int64, actor string) (int, error) {
	dropped := 0
	err := a.s.transact(ctx, func(work context.Context) error {
		n, err := a.s.current(work)
		if err != nil {
			return err
		}
		kept := n.Last.Seq + 1
		err = a.s.conn.QueryRowContext(work, firstKept, before).Scan(&kept)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var upTo audit.Link
		var hash []byte
		switch err := a.s.conn.QueryRowContext(work, lastDropped, kept).Scan(&upTo.Seq, &hash); {
		case errors.Is(err, sql.ErrNoRows):
			return errUnchanged
		case err != nil:
			return err
		}
		copy(upTo.Hash[:], hash)
		result, err := a.s.conn.ExecContext(ctx, "DELETE FROM entries WHERE seq <= ?", upTo.Seq) // may be long: ends with the caller
		if err != nil {
			return err
		}
		count, err := result.RowsAffected()
		if err != nil {
			return err
		}
		dropped, n = int(count), n.Dropped(upTo)
		if err := a.s.chain(work, &n, []audit.Event{audit.TrimEvent(dropped, upTo, now, actor)}); err != nil {
			return err
		}
		return a.s.writeNote(work, n)
	})
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return 0, err
	}
	return dropped, nil
}
