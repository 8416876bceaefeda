package embedded_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// schemaOfVersion1 is what the first version wrote, word for word.
const schemaOfVersion1 = `
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
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
	reason             TEXT    NOT NULL
) STRICT;
CREATE TABLE secrets (
	row      INTEGER PRIMARY KEY,
	id_token TEXT NOT NULL
) STRICT;
CREATE TABLE last_ends (
	environment TEXT NOT NULL,
	issuer      TEXT NOT NULL,
	subject     TEXT NOT NULL,
	ended_at    INTEGER NOT NULL,
	PRIMARY KEY (environment, issuer, subject)
) STRICT, WITHOUT ROWID;`

// schemaOfVersion2 is what the second version wrote, word for word.
const schemaOfVersion2 = `
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
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
	lapses             INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_provider ON sessions (provider_sid) WHERE provider_sid <> '';
CREATE TABLE secrets (
	row    INTEGER PRIMARY KEY,
	sealed TEXT NOT NULL
) STRICT;
CREATE TABLE last_ends (
	environment TEXT NOT NULL,
	issuer      TEXT NOT NULL,
	subject     TEXT NOT NULL,
	ended_at    INTEGER NOT NULL,
	PRIMARY KEY (environment, issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
	key   BLOB PRIMARY KEY,
	at    INTEGER NOT NULL,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_until ON marks (until);`

const oldToken = "an ID token that nobody sealed "

// oldFiles make a file as an older version left it, and give the sessions that are in it, as this version must show them. A
// session of user 4 was forgotten and has left its user's last end.
var oldFiles = map[string]func(t *testing.T, path string) []session.Session{"version 1": version1, "version 2": version2}

func version1(t *testing.T, path string) []session.Session {
	t.Helper()
	sessions := varied()
	made(t, path, schemaOfVersion1, 1, func(execute func(statement string, values ...any)) {
		for n, s := range sessions {
			execute("INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", columns(n, s)...)
			execute("INSERT INTO secrets VALUES (?,?)", n+10, strings.Repeat(oldToken, 40<<n))
		}
	})
	return sessions
}

// version2 is a file whose sessions have sealed secrets, one of them is due for a policy check, and a key is marked.
func version2(t *testing.T, path string) []session.Session {
	t.Helper()
	sessions := varied()
	sessions[2].Check = session.Check{At: start, Next: start + 3_600_000, Stay: true}
	sessions[2].State.CheckBy, sessions[2].State.Lapses = start+7_200_000, start+90_000_000
	made(t, path, schemaOfVersion2, 2, func(execute func(statement string, values ...any)) {
		for n, s := range sessions {
			execute("INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", append(columns(n, s),
				s.Check.At, s.Check.Next, s.Check.Bypassed, s.Check.Stay, s.State.CheckBy, s.State.Lapses)...)
			execute("INSERT INTO secrets VALUES (?,?)", n+10, oldSecrets)
		}
		execute("INSERT INTO marks VALUES (?,?,?)", oldMark[:], start-5, start+500)
	})
	return sessions
}

const oldSecrets = "sealed by version 2"

var oldMark = session.Key{7}

// columns are those of the first version.
func columns(n int, s session.Session) []any {
	of := s.State.Settings
	return []any{
		n + 10, s.ID.String(), s.User.Environment, s.User.Issuer, s.User.Subject, s.Name, s.Provider, s.Key[:], s.AuthTime, s.State.Began,
		s.State.Active, int64(s.Seq), of.SessionTimeout.Milliseconds(), of.SessionWarning.Milliseconds(), of.InactivityTimeout.Milliseconds(),
		of.InactivityWarning.Milliseconds(), of.AnyActivityStays, s.State.SessionFloor, s.State.InactivityFloor, s.State.EndedAt, string(s.State.Reason),
	}
}

// made makes a file with an old schema and the last ends, and lets fill fill it.
func made(t *testing.T, path, schema string, version int, fill func(execute func(statement string, values ...any))) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	execute := func(statement string, values ...any) {
		t.Helper()
		if _, err := db.Exec(statement, values...); err != nil {
			t.Fatal(err)
		}
	}
	execute("PRAGMA journal_mode=WAL")
	execute("BEGIN IMMEDIATE;"+schema+"INSERT INTO schema_version VALUES (?); COMMIT", version)
	fill(execute)
	for n, end := range map[int]int64{2: start + 5000, 4: start + 6000} {
		user := numbered(n).User
		execute("INSERT INTO last_ends VALUES (?,?,?,?)", user.Environment, user.Issuer, user.Subject, end)
	}
}

// varied are a session that lives, one that has ended, and one that is used and has other settings. All are bypassed.
func varied() []session.Session {
	sessions := []session.Session{numbered(1), numbered(2), numbered(3)}
	for n := range sessions {
		s := &sessions[n]
		s.Name, s.AuthTime, s.Key = "Å\x00'\xff", 7, session.Thumbprint{1, 2, byte(n)}
		s.State.Began, s.State.Active = start+int64(n)+999, start+int64(n)+999
		s.Check = session.Check{At: start + (int64(n)+999)/1000*1000, Bypassed: true}
	}
	sessions[1].State = deadline.Step(sessions[1].State, deadline.End{Reason: wire.SignedOut}, start+5000)
	sessions[2].Provider, sessions[2].Seq, sessions[2].State.Settings.AnyActivityStays = "", 1<<63+5, true
	sessions[2].State.Active, sessions[2].State.SessionFloor, sessions[2].State.InactivityFloor = start+2000, start+3000, start+4000
	return sessions
}
