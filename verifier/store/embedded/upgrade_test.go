package embedded_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

func TestOpenUpgradesOlderVersions(t *testing.T) {
	for name, old := range oldFiles {
		t.Run(name, func(t *testing.T) { opensUpgraded(t, old) })
	}
}

func opensUpgraded(t *testing.T, old func(*testing.T, string) []session.Session) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions.db")
	sessions := old(t, path)
	ctx := t.Context()
	for round := range 2 { // the second finds the file upgraded
		store := open(t, dir)
		for n, want := range sessions {
			if got, ok, err := store.Get(ctx, want.ID, start); got != want || !ok || err != nil {
				t.Errorf("round %d, session %d is\n%+v, %t, %v; want\n%+v", round, n, got, ok, err, want)
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
	}
	upgraded, fresh := definitions(t, path), definitions(t, filled(t, 0))
	if !slices.Equal(upgraded, fresh) {
		t.Errorf("the upgraded file has the schema\n%s\nwant that of a new one\n%s", upgraded, fresh)
	}
}

// The ID tokens of version 1 are dropped, and not only from the tables.
func TestA6_AnUpgradeErasesTokensThatNobodySealed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions.db")
	sessions := version1(t, path)
	if !holdsText(t, path, oldToken) {
		t.Fatal("the old file does not hold the ID tokens: the test would prove nothing")
	}
	store := open(t, dir)
	for n, s := range sessions {
		if got, ok, err := store.Secrets(t.Context(), s.ID, start); got != "" || !ok || err != nil {
			t.Errorf("session %d has the secrets %.30q, %t, %v; want none", n, got, ok, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if holdsText(t, path, oldToken) {
		t.Error("the file still holds an ID token that nobody sealed")
	}
}

// What version 2 knew beside the sessions stays.
func TestA9_AnUpgradeKeepsSecretsAndMarks(t *testing.T) {
	dir := t.TempDir()
	sessions := version2(t, filepath.Join(dir, "sessions.db"))
	store := open(t, dir)
	defer store.Close()
	for n, s := range sessions {
		if got, ok, err := store.Secrets(t.Context(), s.ID, start); got != oldSecrets || !ok || err != nil {
			t.Errorf("session %d has the secrets %q, %t, %v; want %q", n, got, ok, err, oldSecrets)
		}
	}
	if at, ok, err := store.Marked(t.Context(), oldMark, start); at != start-5 || !ok || err != nil {
		t.Errorf("Marked: %d, %t, %v; want since %d", at, ok, err, start-5)
	}
}

// The upgraded file is used like any other.
func TestAnUpgradedFileTakesEverything(t *testing.T) {
	for name, old := range oldFiles {
		t.Run(name, func(t *testing.T) { takesEverything(t, old) })
	}
}

func takesEverything(t *testing.T, old func(*testing.T, string) []session.Session) {
	dir := t.TempDir()
	sessions := old(t, filepath.Join(dir, "sessions.db"))
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
	for name, test := range map[string]struct {
		old           func(*testing.T, string) []session.Session
		inTheWay, off string
		keeps         string
	}{
		"version 1": {version1, "CREATE TABLE marks (in_the_way)", "DROP TABLE marks", oldToken},
		"version 2": {version2, "CREATE VIEW old_sessions AS SELECT 1", "DROP VIEW old_sessions", oldSecrets},
		"version 2, at its end": {version2, "CREATE TRIGGER stays BEFORE UPDATE ON schema_version BEGIN SELECT RAISE(ABORT, 'in the way'); END",
			"DROP TRIGGER stays", oldSecrets},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sessions.db")
			sessions := test.old(t, path)
			execute(t, path, test.inTheWay)
			before := definitions(t, path)
			for range 2 {
				if store, err := embedded.Open(t.Context(), path, embedded.Options{}); err == nil {
					store.Close()
					t.Fatal("Open succeeded although the upgrade could not finish")
				}
			}
			if after := definitions(t, path); !slices.Equal(after, before) || !holdsText(t, path, test.keeps) {
				t.Fatalf("after an upgrade that failed the file has the schema\n%s\nwant\n%s", after, before)
			}
			execute(t, path, test.off)
			store, err := embedded.Open(t.Context(), path, embedded.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if n, err := store.Count(t.Context(), start); n != len(sessions)-1 || err != nil {
				t.Fatalf("%d sessions live, %v; want %d", n, err, len(sessions)-1)
			}
		})
	}
}

// A damaged file of an older version is not upgraded.
func TestOpenRefusesDamageOfOlderVersions(t *testing.T) {
	for name, old := range oldFiles {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sessions.db")
			old(t, path)
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
			refused(t, path, sqlitefile.ErrCorrupt)
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
				t.Errorf("Open changed the damaged file (%v)", err)
			}
		})
	}
}

func TestAnUpgradeObeysItsContext(t *testing.T) {
	for name, old := range oldFiles {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sessions.db")
			old(t, path)
			before := definitions(t, path)
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := embedded.Open(cancelled, path, embedded.Options{}); !errors.Is(err, context.Canceled) {
				t.Fatalf("Open: %v; want context.Canceled", err)
			}
			if after := definitions(t, path); !slices.Equal(after, before) {
				t.Fatalf("the file has the schema\n%s\nwant\n%s", after, before)
			}
		})
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
