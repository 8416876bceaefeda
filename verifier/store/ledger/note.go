package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/curfew-project/curfew/verifier/audit"
)

// asker is a connection or a transaction.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readNote gives the note, and whether its seal is this verifier's.
func (s *Store) readNote(ctx context.Context, db asker) (n audit.End, sealed bool, err error) {
	var first, last []byte
	var seal string
	err = db.QueryRowContext(ctx, "SELECT first_seq, first_hash, last_seq, last_hash, doubt, seal FROM chain_ends").
		Scan(&n.First.Seq, &first, &n.Last.Seq, &last, &n.Doubt, &seal)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return audit.End{}, false, s.damaged("where the audit's chain begins and ends is not there")
	case err != nil:
		return audit.End{}, false, err
	case len(first) != len(n.First.Hash) || len(last) != len(n.Last.Hash):
		return n, false, nil
	}
	n.First.Hash, n.Last.Hash = audit.Hash(first), audit.Hash(last)
	return n, s.options.Sealed(n.Text(), seal), nil
}

// newest is the place of the newest entry that is there, or the zero Link.
func newest(ctx context.Context, db asker) (at audit.Link, err error) {
	var hash []byte
	err = db.QueryRowContext(ctx, "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").Scan(&at.Seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return at, nil
	}
	copy(at.Hash[:], hash)
	return at, err
}

// current is the note to go on from, in a transaction that will write it anew.
func (s *Store) current(ctx context.Context) (audit.End, error) {
	n, sealed, err := s.readNote(ctx, s.conn)
	if err != nil {
		return audit.End{}, err
	}
	there, err := newest(ctx, s.conn)
	if err != nil {
		return audit.End{}, err
	}
	n, tampered := n.Resume(sealed, there)
	if tampered {
		s.log.Error("audit_tampered", "path", s.file.Path, "entry", n.Doubt, "meaning", "run its verification")
	}
	return n, nil
}

func (s *Store) writeNote(ctx context.Context, n audit.End) error {
	_, err := s.conn.ExecContext(ctx, "UPDATE chain_ends SET first_seq = ?, first_hash = ?, last_seq = ?, last_hash = ?, doubt = ?, seal = ?",
		n.First.Seq, n.First.Hash[:], n.Last.Seq, n.Last.Hash[:], n.Doubt, s.options.Seal(n.Text()))
	return err
}

// begin notes the chain of a new file.
func (s *Store) begin(ctx context.Context, conn *sql.Conn) error {
	var n audit.End
	_, err := conn.ExecContext(ctx, "INSERT INTO chain_ends VALUES (1, 0, ?1, 0, ?1, 0, ?2)", n.First.Hash[:], s.options.Seal(n.Text()))
	return err
}
