package embedded

import (
	"context"
	"database/sql"
	"errors"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// reader reads what memory does not have, over a connection of its own, so that nobody who reads waits for the writer.
// A reading sees every transaction that was committed before it began.
type reader struct {
	db         *sql.DB
	secrets    *sql.Stmt
	byProvider *sql.Stmt
	marked     *sql.Stmt
	anyExpired *sql.Stmt
}

// findByProvider repeats the condition of the index: without it SQLite would not use the index.
const findByProvider = "SELECT id FROM sessions WHERE provider_sid = ? AND provider_sid <> '' AND environment = ? AND issuer = ?"

const findExpired = "SELECT EXISTS (SELECT 1 FROM marks WHERE until <= ?)"

func newReader(ctx context.Context, file sqlitefile.File) (*reader, error) {
	db, err := file.Connect(1, "query_only(ON)")
	if err != nil {
		return nil, err
	}
	r := &reader{db: db}
	for _, statement := range []struct {
		into **sql.Stmt
		text string
	}{
		{&r.secrets, "SELECT sealed FROM secrets WHERE row = ?"},
		{&r.byProvider, findByProvider},
		{&r.marked, "SELECT at FROM marks WHERE key = ? AND until > ?"},
		{&r.anyExpired, findExpired},
	} {
		if *statement.into, err = db.PrepareContext(ctx, statement.text); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return r, nil
}

// close lets SQLite close the connection, with all its statements.
func (r *reader) close() error {
	var all []error
	for _, statement := range []*sql.Stmt{r.secrets, r.byProvider, r.marked, r.anyExpired} {
		all = append(all, statement.Close())
	}
	return errors.Join(append(all, r.db.Close())...)
}

// unread is the error of a reading of the file that failed with err.
func (s *Store) unread(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed.Load():
		return session.ErrClosed
	}
	return s.file.Problem(err)
}
