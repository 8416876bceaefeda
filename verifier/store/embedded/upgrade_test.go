package embedded_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
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

const oldToken = "an ID token that nobody sealed "

// version1 makes a file as the first version left it, and gives the sessions that are in it, as this version must show them: one
// lives, one has ended, one is used and has other settings. A fourth was forgotten and has left its user's last end.
func version1(t *testing.T, path string) []session.Session {
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
	execute("BEGIN IMMEDIATE;"+schemaOfVersion1+"INSERT INTO schema_version VALUES (?); COMMIT", 1)
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
	for n, s := range sessions {
		of := s.State.Settings
		execute("INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", n+10, s.ID.String(), s.User.Environment, s.User.Issuer,
			s.User.Subject, s.Name, s.Provider, s.Key[:], s.AuthTime, s.State.Began, s.State.Active, int64(s.Seq), of.SessionTimeout.Milliseconds(),
			of.SessionWarning.Milliseconds(), of.InactivityTimeout.Milliseconds(), of.InactivityWarning.Milliseconds(), of.AnyActivityStays,
			s.State.SessionFloor, s.State.InactivityFloor, s.State.EndedAt, string(s.State.Reason))
		execute("INSERT INTO secrets VALUES (?,?)", n+10, strings.Repeat(oldToken, 40<<n))
	}
	for n, end := range map[int]int64{2: start + 5000, 4: start + 6000} {
		user := numbered(n).User
		execute("INSERT INTO last_ends VALUES (?,?,?,?)", user.Environment, user.Issuer, user.Subject, end)
	}
	return sessions
}

func TestA6_OpenUpgradesVersion1(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions.db")
	sessions := version1(t, path)
	if !holdsText(t, path, oldToken) {
		t.Fatal("the old file does not hold the ID tokens: the test would prove nothing")
	}
	ctx := t.Context()
	for round := range 2 { // the second finds the file upgraded
		store := open(t, dir)
		for n, want := range sessions {
			if got, ok, err := store.Get(ctx, want.ID, start); got != want || !ok || err != nil {
				t.Errorf("round %d, session %d is\n%+v, %t, %v; want\n%+v", round, n, got, ok, err, want)
			}
			if got, ok, err := store.Secrets(ctx, want.ID, start); got != "" || !ok || err != nil {
				t.Errorf("round %d, session %d has the secrets %.30q, %t, %v; want none", round, n, got, ok, err)
			}
			if found := listed(t, store, want); found != (want.Provider != "") {
				t.Errorf("round %d, session %d is listed under %q: %t", round, n, want.Provider, found)
			}
		}
		for n, want := range map[int]int64{1: 0, 2: start + 5000, 3: 0, 4: start + 6000} {
			if got, err := store.LastEnd(ctx, numbered(n).User, start+7000); got != want || err != nil {
				t.Errorf("round %d, the last end of user %d is %d, %v; want %d", round, n, got, err, want)
			}
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if holdsText(t, path, oldToken) {
			t.Error("the file still holds an ID token that nobody sealed")
		}
	}
	upgraded, fresh := definitions(t, path), definitions(t, filled(t, 0))
	if !slices.Equal(upgraded, fresh) {
		t.Errorf("the upgraded file has the schema\n%s\nwant that of a new one\n%s", upgraded, fresh)
	}
}

// The upgraded file is used like any other.
func TestAnUpgradedFileTakesEverything(t *testing.T) {
	dir := t.TempDir()
	sessions := version1(t, filepath.Join(dir, "sessions.db"))
	ctx := t.Context()
	store := open(t, dir)
	if err := store.Create(ctx, numbered(5), "sealed", start); err != nil {
		t.Errorf("Create: %v", err)
	}
	if ok, err := store.SetSecrets(ctx, sessions[0].ID, "sealed", start); !ok || err != nil {
		t.Errorf("SetSecrets: %t, %v", ok, err)
	}
	if _, first, err := store.Mark(ctx, session.Key{1}, start+1000, start); !first || err != nil {
		t.Errorf("Mark: %t, %v", first, err)
	}
	if _, _, err := store.Update(ctx, sessions[2].ID, start+8000, ending(start+8000)); err != nil {
		t.Errorf("Update: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = open(t, dir)
	defer store.Close()
	for _, of := range []session.ID{sessions[0].ID, numbered(5).ID} {
		if got, ok, err := store.Secrets(ctx, of, start); got != "sealed" || !ok || err != nil {
			t.Errorf("Secrets: %q, %t, %v", got, ok, err)
		}
	}
	if at, ok, err := store.Marked(ctx, session.Key{1}, start); at != start || !ok || err != nil {
		t.Errorf("Marked: %d, %t, %v", at, ok, err)
	}
	if got, _, err := store.Get(ctx, sessions[2].ID, start); got.State.EndedAt != start+8000 || err != nil {
		t.Errorf("the session that was ended is %+v, %v", got, err)
	}
}

// An upgrade that cannot finish leaves the old file, and can be tried again.
func TestAnUpgradeHappensAsAWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	sessions := version1(t, path)
	execute(t, path, "CREATE TABLE marks (in_the_way)")
	before := definitions(t, path)
	for range 2 {
		if store, err := embedded.Open(t.Context(), path, embedded.Options{}); err == nil {
			store.Close()
			t.Fatal("Open succeeded although the upgrade could not finish")
		}
	}
	if after := definitions(t, path); !slices.Equal(after, before) || !holdsText(t, path, oldToken) {
		t.Fatalf("after an upgrade that failed the file has the schema\n%s\nwant\n%s", after, before)
	}
	execute(t, path, "DROP TABLE marks")
	store, err := embedded.Open(t.Context(), path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if n, err := store.Count(t.Context(), start); n != len(sessions)-1 || err != nil {
		t.Fatalf("%d sessions live, %v; want %d", n, err, len(sessions)-1)
	}
}

// A damaged file of an older version is not upgraded.
func TestOpenRefusesDamageOfVersion1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	version1(t, path)
	pristine, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(pristine)
	for i := 4096; i < len(damaged); i += 97 {
		damaged[i] ^= 0x5a
	}
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, embedded.ErrCorrupt)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
		t.Errorf("Open changed the damaged file (%v)", err)
	}
}

func TestAnUpgradeObeysItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	version1(t, path)
	before := definitions(t, path)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Open(cancelled, path, embedded.Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Open: %v; want context.Canceled", err)
	}
	if after := definitions(t, path); !slices.Equal(after, before) {
		t.Fatalf("the file has the schema\n%s\nwant\n%s", after, before)
	}
}

// definitions are the tables and indexes of a file and its version.
func definitions(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT coalesce(sql, name) FROM sqlite_schema UNION SELECT 'version ' || version FROM schema_version ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if rows.Err() != nil || len(all) < 5 {
		t.Fatalf("the file has the schema %q, %v", all, rows.Err())
	}
	return all
}

func holdsText(t *testing.T, path, text string) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(text)) {
			return true
		}
	}
	return false
}
