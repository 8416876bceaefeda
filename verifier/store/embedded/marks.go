package embedded

import (
	"context"
	"database/sql"
	"errors"

	"github.com/curfew-project/curfew/verifier/session"
)

// Mark implements session.Store. Marks are in the file only: they are many, short-lived and seldom asked for. The writer decides who
// is first, one caller after the other, in the transaction that makes it durable. So when that fails nothing is marked, and
// the next try may be first. Where it cannot be known, because ctx ended first or the disk failed while it took the
// transaction, the next try may find a mark that nobody was told of: a second use is never let through.
func (s *Store) Mark(ctx context.Context, key session.Key, until, now int64) (int64, bool, error) {
	if err := s.usable(ctx); err != nil {
		return 0, false, err
	}
	var at int64
	var first bool
	err := s.run(ctx, func(ctx context.Context, w *writer) error {
		result, err := w.mark.ExecContext(ctx, key[:], now, until)
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if first = changed == 1; first {
			at = now
			return nil
		}
		return w.marked.QueryRowContext(ctx, key[:]).Scan(&at)
	})
	if err != nil {
		return 0, false, err
	}
	return at, first, nil
}

// run waits until an errand is done and durable. While the store cannot write it takes none: they would only pile up.
func (s *Store) run(ctx context.Context, some errand) error {
	if err := s.failed(); err != nil {
		return err
	}
	waiting, err := s.queue.run(some)
	if err != nil {
		return err
	}
	return waiting.wait(ctx)
}

// Marked implements session.Store. It reads the file.
func (s *Store) Marked(ctx context.Context, key session.Key, now int64) (int64, bool, error) {
	if err := s.usable(ctx); err != nil {
		return 0, false, err
	}
	var at int64
	switch err := s.reads.marked.QueryRowContext(ctx, key[:], now).Scan(&at); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, s.unread(ctx, err)
	}
	return at, true, nil
}

const sweepMarks = "DELETE FROM marks WHERE key IN (SELECT key FROM marks WHERE until <= ? ORDER BY until LIMIT ?)"

// forgetMarks drops expired marks, some in each transaction.
func (s *Store) forgetMarks(ctx context.Context, now int64) error {
	for {
		if err := s.usable(ctx); err != nil {
			return err
		}
		var any bool
		if err := s.reads.anyExpired.QueryRowContext(ctx, now).Scan(&any); err != nil {
			return s.unread(ctx, err)
		}
		if !any {
			return nil
		}
		if err := s.run(ctx, func(ctx context.Context, w *writer) error {
			_, err := w.sweep.ExecContext(ctx, now, step)
			return err
		}); err != nil {
			return err
		}
	}
}
