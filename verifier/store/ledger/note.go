package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/curfew-project/curfew/verifier/audit"
)

// note is where the chain begins and ends, and the first entry that is in doubt because a note was not sealed by this verifier, or
// entries stood behind the noted end: 0 when none is.
type note struct {
	first, last audit.Link
	doubt       int64
}

// text is what is sealed.
func (n note) text() string {
	return fmt.Sprintf("curfew ledger 1: audit after %d %s to %d %s, in doubt from %d", n.first.Seq, n.first.Hash, n.last.Seq, n.last.Hash, n.doubt)
}

func (n *note) doubtFrom(seq int64) {
	if n.doubt == 0 || seq < n.doubt {
		n.doubt = seq
	}
}

// asker is a connection or a transaction.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readNote gives the note, and whether its seal is this verifier's.
func (s *Store) readNote(ctx context.Context, db asker) (n note, sealed bool, err error) {
	var first, last []byte
	var seal string
	err = db.QueryRowContext(ctx, "SELECT first_seq, first_hash, last_seq, last_hash, doubt, seal FROM chain_ends").
		Scan(&n.first.Seq, &first, &n.last.Seq, &last, &n.doubt, &seal)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return note{}, false, s.damaged("where the audit's chain begins and ends is not there")
	case err != nil:
		return note{}, false, err
	case len(first) != len(n.first.Hash) || len(last) != len(n.last.Hash):
		return n, false, nil
	}
	n.first.Hash, n.last.Hash = audit.Hash(first), audit.Hash(last)
	return n, s.options.Sealed(n.text(), seal), nil
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

// current is the note to go on from, in a transaction that will write it anew. It must not make good what was tampered with by sealing
// it: from there on the chain is in doubt.
func (s *Store) current(ctx context.Context) (note, error) {
	n, sealed, err := s.readNote(ctx, s.conn)
	if err != nil {
		return note{}, err
	}
	there, err := newest(ctx, s.conn)
	if err != nil {
		return note{}, err
	}
	before := n.doubt
	switch {
	case !sealed:
		n.doubt = 0
		n.doubtFrom(max(1, min(n.last.Seq, there.Seq)+1))
		n.last = there
		if there.Seq == 0 {
			n.first = audit.Link{}
		}
	case there.Seq > n.last.Seq:
		n.doubtFrom(n.last.Seq + 1)
		n.last = there
	}
	if n.doubt != before {
		s.log.Error("audit_tampered", "path", s.file.Path, "entry", n.doubt, "meaning", "run its verification")
	}
	return n, nil
}

func (s *Store) writeNote(ctx context.Context, n note) error {
	_, err := s.conn.ExecContext(ctx, "UPDATE chain_ends SET first_seq = ?, first_hash = ?, last_seq = ?, last_hash = ?, doubt = ?, seal = ?",
		n.first.Seq, n.first.Hash[:], n.last.Seq, n.last.Hash[:], n.doubt, s.options.Seal(n.text()))
	return err
}

// begin notes the chain of a new file.
func (s *Store) begin(ctx context.Context, conn *sql.Conn) error {
	var n note
	_, err := conn.ExecContext(ctx, "INSERT INTO chain_ends VALUES (1, 0, ?1, 0, ?1, 0, ?2)", n.first.Hash[:], s.options.Seal(n.text()))
	return err
}

// broken is what a note says against the chain, or nil.
func (n note) broken(sealed bool, there audit.Link) error {
	switch {
	case n.doubt != 0 && sealed:
		return &audit.Broken{Seq: n.doubt, Why: "when the verifier came to write it, where the chain ended had been tampered with"}
	case !sealed:
		return &audit.Broken{Seq: n.last.Seq + 1, Why: "it may be missing: what is noted of where the chain begins and ends was not sealed by this verifier"}
	case there.Seq > n.last.Seq:
		return &audit.Broken{Seq: n.last.Seq + 1, Why: fmt.Sprintf("it was added from outside: entries up to %d stand behind the noted end", there.Seq)}
	}
	return nil
}
