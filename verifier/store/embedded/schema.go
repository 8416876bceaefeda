package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schemaVersion is the version that this code reads and writes.
const schemaVersion = 3

// schema has a column for everything, so that an administrator can search. Instants are milliseconds since the epoch, auth_time
// seconds, lengths milliseconds.
const schema = `CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;` + sessionsTable + providerIndex + secretsTable + lastEndsTable + marksTable

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

// connect opens a pool of at most one connection. In WAL mode synchronous=FULL syncs the log at every commit, so a commit is
// durable when it returns. A small one writes 4.8 KB and takes 0.3 ms here; with a rollback journal, in any of its modes, 17 KB
// and 0.7 to 1.7 ms, because journal, file and folder are synced. What is deleted is overwritten: secrets are among it.
func connect(path string, more ...string) (*sql.DB, error) {
	query := url.Values{"_pragma": append([]string{"busy_timeout(2000)", "synchronous(FULL)", "secure_delete(ON)"}, more...)}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "mode=rw&" + query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// resolve makes path absolute and free of symbolic links, so that one file has one lock.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, filepath.Base(path)), nil
}

// prepare makes sure that there is a file, and creates one only where there is nothing. SQLite would take an empty file
// for a new database, so a new one is made complete under another name first: an empty file is a damaged one.
func prepare(ctx context.Context, path string) error {
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		return &FileError{Path: path, Problem: ErrForeign, Cause: fmt.Errorf("it is not a regular file but %s", info.Mode().Type())}
	case err == nil:
		return examine(path, info.Size())
	case !errors.Is(err, fs.ErrNotExist):
		return problem(path, err)
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return &FileError{Path: path, Problem: ErrCorrupt, Cause: errors.New("it is missing, but its log " + path + "-wal is there")}
	}
	if err := create(ctx, path); err != nil {
		return problem(path, err)
	}
	return nil
}

// examine looks at what SQLite is generous about: it would write a new database into a file too short for a header, and read
// what is missing of the last page as zeroes. It runs before SQLite opens the file, because closing it afterwards would drop
// SQLite's locks.
func examine(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return problem(path, err)
	}
	defer file.Close()
	var header [100]byte // https://sqlite.org/fileformat.html section 1.3
	if n, err := file.ReadAt(header[:], 0); n < len(header) {
		return &FileError{Path: path, Problem: ErrCorrupt, Cause: fmt.Errorf("it ends within its header, after %d bytes: %w", n, err)}
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 65536
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 || page == 0 {
		return nil // the log completes the file; SQLite judges the header
	}
	if size%page != 0 {
		return &FileError{Path: path, Problem: ErrCorrupt, Cause: fmt.Errorf("its %d bytes are no whole number of pages", size)}
	}
	return nil
}

func create(ctx context.Context, path string) error {
	draft := path + ".new" // left by a process that died in here, or not there
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite gives its log the same mode
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	db, err := connect(draft)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "BEGIN IMMEDIATE;"+schema+"INSERT INTO schema_version VALUES (?); COMMIT", schemaVersion); err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync() // the new name
}

// inspect refuses a file that is damaged, not a session store, or too new, brings an older one to this version, and proves that it can
// be written.
func inspect(ctx context.Context, path string, conn *sql.Conn) error {
	var version int
	switch err := conn.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version); {
	case errors.Is(err, sql.ErrNoRows):
		return &FileError{Path: path, Problem: ErrCorrupt, Cause: errors.New("it has no schema version")}
	case isNoTable(err):
		return &FileError{Path: path, Problem: ErrForeign, Cause: err}
	case err != nil:
		return problem(path, err)
	case version > schemaVersion:
		return &FileError{Path: path, Problem: ErrNewer, Cause: fmt.Errorf("its schema is version %d; this version knows %d", version, schemaVersion)}
	case version < 1:
		return &FileError{Path: path, Problem: ErrCorrupt, Cause: fmt.Errorf("its schema is version %d", version)}
	}
	tables := []string{"sessions", "last_ends"}
	if version >= 2 {
		tables = append(tables, "marks")
	}
	for _, table := range tables {
		var found string
		if err := conn.QueryRowContext(ctx, "PRAGMA quick_check("+table+")").Scan(&found); err != nil {
			return problem(path, err)
		}
		if found != "ok" {
			return &FileError{Path: path, Problem: ErrCorrupt, Cause: errors.New(found)}
		}
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return problem(path, err)
	}
	if mode != "wal" {
		return &FileError{Path: path, Problem: ErrFailed, Cause: fmt.Errorf("its disk does not take a write-ahead log; journal mode is %s", mode)}
	}
	if version < schemaVersion {
		if err := upgrade(ctx, conn, version); err != nil {
			return problem(path, err)
		}
	}
	if _, err := conn.ExecContext(ctx, probe, schemaVersion); err != nil {
		return problem(path, err)
	}
	return nil
}

// probe changes nothing and yet has to write.
const probe = "UPDATE schema_version SET version = ?"

// isNoTable tells SQLite's plain error, which a reading of a table that is not there gives, from those of reading the file.
func isNoTable(err error) bool {
	var from *sqlite.Error
	return errors.As(err, &from) && from.Code() == sqlite3.SQLITE_ERROR
}
