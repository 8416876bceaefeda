package embedded

import (
	"context"
	"database/sql"
	"errors"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// Copy writes what is durable in the store at path into a new file, while a verifier may be running. Its errors are
// *sqlitefile.FileError, or ctx's.
func Copy(ctx context.Context, path, to string) error {
	file, err := kind.At(path)
	if err != nil {
		return err
	}
	return file.CopyTo(ctx, to, checked)
}

// everybody stands for all users in the table of last ends. No user is like that: each has an environment.
var everybody = session.User{}

// EndAll ends every session of a store that nobody has open, as an administrator would at an instant, and makes it the last end of
// everybody: also of those whose sessions, and whose sign-outs, the file knows nothing of. It is for a store that was restored from a
// backup (P4): what ended since the backup was made must not live again, and who signed out since must enter credentials (B1). It says
// how many were living. Their secrets are dropped.
func EndAll(ctx context.Context, path string, at int64) (ended int, err error) {
	file, err := kind.At(path)
	if err != nil {
		return 0, err
	}
	lock, err := file.Lock()
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	db, err := file.Connect(1)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, file.Problem(err)
	}
	defer conn.Close()
	if err := inspect(ctx, file, conn); err != nil {
		return 0, err
	}
	ended, err = endAll(ctx, conn, at)
	if err != nil {
		return 0, file.Problem(err)
	}
	return ended, errors.Join(conn.Close(), db.Close())
}

func endAll(ctx context.Context, conn *sql.Conn, at int64) (ended int, err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	done, err := tx.ExecContext(ctx, "UPDATE sessions SET ended_at = ?, reason = ? WHERE ended_at = 0", at, string(wire.EndedByAdmin))
	if err != nil {
		return 0, err
	}
	count, err := done.RowsAffected()
	if err != nil {
		return 0, err
	}
	for _, statement := range []struct {
		text string
		args []any
	}{
		{"DELETE FROM secrets", nil},
		{`INSERT INTO last_ends (environment, issuer, subject, ended_at) VALUES (?,?,?,?)
			ON CONFLICT DO UPDATE SET ended_at = max(ended_at, excluded.ended_at)`, []any{everybody.Environment, everybody.Issuer, everybody.Subject, at}},
	} {
		if _, err := tx.ExecContext(ctx, statement.text, statement.args...); err != nil {
			return 0, err
		}
	}
	return int(count), tx.Commit()
}
