package ledger

import "github.com/curfew-project/curfew/verifier/store/sqlitefile"

// kind says what the file is. Instants are milliseconds since the epoch, hashes 32 bytes.
var kind = sqlitefile.Kind{
	Name:    "ledger",
	Loss:    "which forgets every setting that an administrator has made, and the audit",
	ID:      0x63666c67, // cflg
	Version: 1,
	Schema:  revisionsTable + entriesTable + entriesIndexes + chainEndsTable,
}

const revisionsTable = `
CREATE TABLE revisions (
	environment TEXT    NOT NULL CHECK (environment <> ''),
	version     INTEGER NOT NULL CHECK (version > 0),
	at          INTEGER NOT NULL,
	made_by     TEXT    NOT NULL,
	document    TEXT    NOT NULL,
	PRIMARY KEY (environment, version)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER revisions_stay BEFORE UPDATE ON revisions BEGIN SELECT RAISE (ABORT, 'a revision never changes'); END;
CREATE TRIGGER revisions_remain BEFORE DELETE ON revisions BEGIN SELECT RAISE (ABORT, 'a revision is never dropped'); END;`

const entriesTable = `
CREATE TABLE entries (
	seq         INTEGER PRIMARY KEY CHECK (seq > 0),
	at          INTEGER NOT NULL,
	kind        TEXT    NOT NULL,
	environment TEXT    NOT NULL,
	session     TEXT    NOT NULL,
	subject     TEXT    NOT NULL,
	client      TEXT    NOT NULL,
	reason      TEXT    NOT NULL,
	code        TEXT    NOT NULL,
	actor       TEXT    NOT NULL,
	digest      TEXT    NOT NULL,
	detail      TEXT    NOT NULL,
	hash        BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE (ABORT, 'an entry never changes'); END;`

// entriesIndexes: each ends with the number of the entry, as every index of SQLite does, so an index of which all columns are given has
// its entries in the chain's order, and a search stops at its limit. That by time has all columns that a search in a stretch of time can
// go by, so that what does not fit is passed over without reading the entries.
const entriesIndexes = `
CREATE INDEX entries_by_time ON entries (at, environment, kind, reason, code);
CREATE INDEX entries_by_environment ON entries (environment, kind);
CREATE INDEX entries_by_kind ON entries (kind);
CREATE INDEX entries_by_session ON entries (session) WHERE session <> '';
CREATE INDEX entries_by_subject ON entries (subject) WHERE subject <> '';
CREATE INDEX entries_by_actor ON entries (actor) WHERE actor <> '';
CREATE INDEX entries_by_reason ON entries (reason) WHERE reason <> '';
CREATE INDEX entries_by_code ON entries (code) WHERE code <> '';`

// chainEndsTable has one row: the place before the oldest entry, that of the newest, from where on the chain is in doubt (0: nowhere),
// and the seal of these.
const chainEndsTable = `
CREATE TABLE chain_ends (
	one        INTEGER PRIMARY KEY CHECK (one = 1),
	first_seq  INTEGER NOT NULL,
	first_hash BLOB    NOT NULL,
	last_seq   INTEGER NOT NULL,
	last_hash  BLOB    NOT NULL,
	doubt      INTEGER NOT NULL,
	seal       TEXT    NOT NULL
) STRICT;`
