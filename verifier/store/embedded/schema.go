package embedded

import (
	"context"
	"database/sql"

	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// kind says what the file is. Its schema has a column for everything, so that an administrator can search. Instants are milliseconds
// since the epoch, auth_time seconds, lengths milliseconds.
var kind = sqlitefile.Kind{
	Name:    "session store",
	Loss:    "which signs every user out and forgets when they last signed out",
	Version: 3,
	Schema:  sessionsTable + providerIndex + secretsTable + lastEndsTable + marksTable,
}

// sessionsTable: row is the order of creation, so new sessions go to the end of the table.
const sessionsTable = `
CREATE TABLE sessions (
	row                INTEGER PRIMARY KEY,
	id                 TEXT    NOT NULL,
	environment        TEXT    NOT NULL,
	issuer             TEXT    NOT NULL,
	subject            TEXT    NOT NULL,
	name               TEXT    NOT NULL,
	provider_sid       TEXT    NOT NULL,
	key                BLOB    NOT NULL,
	auth_time          INTEGER NOT NULL,
	began              INTEGER NOT NULL,
	active             INTEGER NOT NULL,
	seq                INTEGER NOT NULL,
	session_timeout    INTEGER NOT NULL,
	session_warning    INTEGER NOT NULL,
	inactivity_timeout INTEGER NOT NULL,
	inactivity_warning INTEGER NOT NULL,
	any_activity_stays INTEGER NOT NULL,
	session_floor      INTEGER NOT NULL,
	inactivity_floor   INTEGER NOT NULL,
	ended_at           INTEGER NOT NULL,
	reason             TEXT    NOT NULL,
	check_at           INTEGER NOT NULL,
	check_next         INTEGER NOT NULL,
	check_bypassed     INTEGER NOT NULL,
	check_stay         INTEGER NOT NULL,
	check_by           INTEGER NOT NULL,
	lapses             INTEGER NOT NULL,
	client             TEXT    NOT NULL
) STRICT;`

// providerIndex is on disk because it is needed too rarely to take memory for every session. The other two indexes, by ID and by
// user, are in memory only.
const providerIndex = `
CREATE INDEX sessions_by_provider ON sessions (provider_sid) WHERE provider_sid <> '';`

// secretsTable is apart from the sessions because loading does not read it.
const secretsTable = `
CREATE TABLE secrets (
	row    INTEGER PRIMARY KEY,
	sealed TEXT NOT NULL
) STRICT;`

const lastEndsTable = `
CREATE TABLE last_ends (
	environment TEXT NOT NULL,
	issuer      TEXT NOT NULL,
	subject     TEXT NOT NULL,
	ended_at    INTEGER NOT NULL,
	PRIMARY KEY (environment, issuer, subject)
) STRICT, WITHOUT ROWID;`

const marksTable = `
CREATE TABLE marks (
	key   BLOB PRIMARY KEY,
	at    INTEGER NOT NULL,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_until ON marks (until);`

// inspect refuses a file that is damaged, not a session store, or too new, brings an older one to this version, and proves that it can
// be written.
func inspect(ctx context.Context, file sqlitefile.File, conn *sql.Conn) error {
	version, err := file.Inspect(ctx, conn, checked)
	if err != nil {
		return err
	}
	if version < kind.Version {
		if err := upgrade(ctx, conn, version); err != nil {
			return file.Problem(err)
		}
	}
	if _, err := conn.ExecContext(ctx, sqlitefile.Probe); err != nil {
		return file.Problem(err)
	}
	return nil
}

// checked are the tables of a version that are read whole before the file is trusted.
func checked(version int) []string {
	if version < 2 {
		return []string{"sessions", "last_ends"}
	}
	return []string{"sessions", "last_ends", "marks"}
}
