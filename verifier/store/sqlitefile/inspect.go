package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Inspect refuses a file that is damaged, not of this kind, or too new, and gives the version of its schema: the kind's own, or an older
// one. It reads all of the tables that it is told to check.
func (f File) Inspect(ctx context.Context, conn *sql.Conn, check func(version int) (tables []string)) (version int, err error) {
	var id int32
	if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, f.Problem(err)
	}
	if id != f.Kind.ID {
		return 0, f.Refuse(ErrForeign, fmt.Errorf("its application ID is %d; want %d", id, f.Kind.ID))
	}
	switch err := conn.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, f.Refuse(ErrCorrupt, errors.New("it has no schema version"))
	case isNoTable(err):
		return 0, f.Refuse(ErrForeign, err)
	case err != nil:
		return 0, f.Problem(err)
	case version > f.Kind.Version:
		return 0, f.Refuse(ErrNewer, fmt.Errorf("its schema is version %d; this version knows %d", version, f.Kind.Version))
	case version < 1:
		return 0, f.Refuse(ErrCorrupt, fmt.Errorf("its schema is version %d", version))
	}
	for _, table := range check(version) {
		var found string
		if err := conn.QueryRowContext(ctx, "PRAGMA quick_check("+table+")").Scan(&found); isNoTable(err) {
			return 0, f.Refuse(ErrForeign, err)
		} else if err != nil {
			return 0, f.Problem(err)
		}
		if found != "ok" {
			return 0, f.Refuse(ErrCorrupt, errors.New(found))
		}
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return 0, f.Problem(err)
	}
	if mode != "wal" {
		return 0, f.Refuse(ErrFailed, fmt.Errorf("its disk does not take a write-ahead log; journal mode is %s", mode))
	}
	return version, nil
}

// Probe is a statement that changes nothing and yet has to write. SQLite spares itself the writing of a row as it was, but not of this.
const Probe = "PRAGMA user_version = 0"
