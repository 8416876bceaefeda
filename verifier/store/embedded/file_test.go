package embedded_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// refused opens the store and fails unless Open gives a *FileError with this problem that names the file.
func refused(t *testing.T, path string, want error) {
	t.Helper()
	store, err := embedded.Open(t.Context(), path, embedded.Options{})
	if err == nil {
		store.Close()
		t.Fatalf("Open succeeded; want %q", want)
	}
	var file *sqlitefile.FileError
	if !errors.As(err, &file) || !errors.Is(err, want) {
		t.Fatalf("Open: %v; want %q", err, want)
	}
	if !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("%q does not name the file", err)
	}
	t.Log(err)
}

// filled makes a store of some sessions and closes it.
func filled(t *testing.T, sessions int) string {
	t.Helper()
	dir := t.TempDir()
	store := open(t, dir)
	for n := range sessions {
		if err := store.Create(t.Context(), numbered(n), session.Sealed(strings.Repeat("x", 1000)), start); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "sessions.db")
}

func TestCloseLeavesOneFile(t *testing.T) {
	path := filled(t, 3)
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 2 || files[1] != path+".lock" {
		t.Errorf("Close left %v; want the database, with its log in it, and the lock", files)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600: it holds secrets", info.Mode(), err)
	}
}

// A damaged file is never taken for a new one, and nothing is written to it.
func TestOpenRefusesDamage(t *testing.T) {
	pristine, err := os.ReadFile(filled(t, 200))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for name, test := range map[string]struct {
		damage func([]byte) []byte
	}{
		"empty":                   {func(b []byte) []byte { return nil }},
		"one byte":                {func(b []byte) []byte { return b[:1] }},
		"cut in the header":       {func(b []byte) []byte { return b[:50] }},
		"cut to a page":           {func(b []byte) []byte { return b[:page] }},
		"cut in half":             {func(b []byte) []byte { return b[:len(b)/2/page*page] }},
		"cut by one page":         {func(b []byte) []byte { return b[:len(b)-page] }},
		"cut by one byte":         {func(b []byte) []byte { return b[:len(b)-1] }},
		"text":                    {func(b []byte) []byte { return bytes.Repeat([]byte("no database "), 1000) }},
		"zeroes after the header": {func(b []byte) []byte { clear(b[100:]); return b }},
		"zeroes in the middle":    {func(b []byte) []byte { clear(b[2*page : len(b)/2]); return b }},
		"noise in the tables": {func(b []byte) []byte {
			for i := page; i < len(b); i += 97 {
				b[i] ^= 0x5a
			}
			return b
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sessions.db")
			damaged := test.damage(bytes.Clone(pristine))
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

// What no verifier can have written is damage too, however well formed the file is.
func TestOpenRefusesImpossibleSessions(t *testing.T) {
	for name, statement := range map[string]string{
		"unknown reason":        "UPDATE sessions SET ended_at = 5, reason = 'bored' WHERE row = 3",
		"an end, no reason":     "UPDATE sessions SET ended_at = 5 WHERE row = 3",
		"no ID":                 "UPDATE sessions SET id = 'AAAA' WHERE row = 3",
		"short key":             "UPDATE sessions SET key = x'00' WHERE row = 3",
		"long key":              "UPDATE sessions SET key = zeroblob(33) WHERE row = 3",
		"two of one ID":         "UPDATE sessions SET id = (SELECT id FROM sessions WHERE row = 2) WHERE row = 3",
		"no user":               "UPDATE sessions SET subject = '' WHERE row = 3",
		"no truth value":        "UPDATE sessions SET any_activity_stays = 7 WHERE row = 3",
		"bypassed but checked":  "UPDATE sessions SET check_bypassed = 1 WHERE row = 3",
		"half a second":         "UPDATE sessions SET check_by = 1500 WHERE row = 3",
		"check in 2107":         "UPDATE sessions SET check_at = 1 << 43 WHERE row = 3",
		"an unknown client":     "UPDATE sessions SET client = 'fridge' WHERE row = 3",
		"no schema version":     "DELETE FROM schema_version",
		"schema version of old": "UPDATE schema_version SET version = 0",
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, 5)
			execute(t, path, statement)
			refused(t, path, sqlitefile.ErrCorrupt)
		})
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	path := filled(t, 1)
	execute(t, path, "UPDATE schema_version SET version = version + 1")
	refused(t, path, sqlitefile.ErrNewer)
}

func TestOpenRefusesAnotherDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	execute(t, path, "CREATE TABLE invoices (total INTEGER)")
	refused(t, path, sqlitefile.ErrForeign)
	refused(t, t.TempDir(), sqlitefile.ErrForeign)
}

func TestOpenRefusesALogWithoutItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	if err := os.WriteFile(path+"-wal", []byte("what was acknowledged"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, sqlitefile.ErrCorrupt)
}

func TestOpenNeedsTheFolder(t *testing.T) {
	refused(t, filepath.Join(t.TempDir(), "missing", "sessions.db"), sqlitefile.ErrFailed)
}

func TestOpenRefusesASecondOpener(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	path := filepath.Join(dir, "sessions.db")
	refused(t, path, sqlitefile.ErrLocked)

	link := filepath.Join(t.TempDir(), "by-another-name.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Open(t.Context(), link, embedded.Options{})
	if !errors.Is(err, sqlitefile.ErrLocked) {
		t.Fatalf("Open through a symbolic link: %v; want ErrLocked", err)
	}
	if err := store.Create(t.Context(), numbered(1), "", start); err != nil {
		t.Fatalf("Create after a second opener: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	reopened := open(t, dir)
	defer reopened.Close()
	if n, err := reopened.Count(t.Context(), start); n != 1 || err != nil {
		t.Fatalf("Count after reopening: %d, %v; want 1", n, err)
	}
}

func TestOpenStartsOverAfterDyingWhileCreating(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sessions.db.new"), []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenTakesStrangeNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?b=c&d #e%20f")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sessions.db")); err != nil {
		t.Fatal(err)
	}
}

func TestOpenObeysItsContext(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Open(cancelled, filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Open: %v; want context.Canceled", err)
	}
}

// What SetSecrets replaces and what Forget drops is gone from the file, not only from the tables.
func TestSecretsThatAreGoneAreErased(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions.db")
	store := open(t, dir)
	defer func() { store.Close() }()
	reopen := func() {
		t.Helper()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		store = open(t, dir)
	}
	secrets := func(text string) session.Sealed { return session.Sealed(strings.Repeat(text, 400)) }
	if err := store.Create(t.Context(), numbered(1), secrets("replace me! "), start); err != nil {
		t.Fatal(err)
	}
	reopen()
	if !holdsText(t, path, "replace me!") {
		t.Fatal("the file does not hold the secrets: the test would prove nothing")
	}
	if _, err := store.SetSecrets(t.Context(), numbered(1).ID, secrets("forget me! "), start); err != nil {
		t.Fatal(err)
	}
	reopen()
	if holdsText(t, path, "replace me!") || !holdsText(t, path, "forget me!") {
		t.Error("the file still holds secrets that were replaced, or not the new ones")
	}
	if _, _, err := store.Update(t.Context(), numbered(1).ID, start+1, ending(start+1)); err != nil {
		t.Fatal(err)
	}
	if n, err := store.Forget(t.Context(), start+2, start+2); n != 1 || err != nil {
		t.Fatalf("Forget: %d, %v", n, err)
	}
	reopen()
	if holdsText(t, path, "forget me!") {
		t.Error("the file still holds a forgotten session's secrets")
	}
}
