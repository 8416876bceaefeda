package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/ledger"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// refused opens the ledger and fails unless Open gives a *FileError with this problem that names the file.
func refused(t *testing.T, path string, want error) {
	t.Helper()
	store, err := ledger.Open(t.Context(), path, sealing("key"))
	if err == nil {
		store.Close()
		t.Fatalf("Open succeeded; want %q", want)
	}
	if !isFileError(err) || !errors.Is(err, want) {
		t.Fatalf("Open: %v; want %q", err, want)
	}
	if !strings.Contains(err.Error(), "ledger") || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("%q does not name the file", err)
	}
	t.Log(err)
}

// filled makes a ledger of some revisions and ten times as many entries, and closes it.
func filled(t *testing.T, revisions int) string {
	t.Helper()
	dir := t.TempDir()
	store := open(t, dir)
	for n := range revisions {
		err := store.Settings().Append(t.Context(), []settings.Revision{revision(0, int64(n)+1)}, []audit.Event{change(0, int64(n)+1)})
		for i := 0; err == nil && i < 9; i += 3 {
			err = store.Audit().Append(t.Context(), batch(0, 0, n)[:3])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "admin.db")
}

// execute changes the file as somebody does who has it and not the verifier.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	path := filled(t, 3)
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 2 || files[1] != path+".lock" {
		t.Errorf("Close left %v; want the database, with its log in it, and the lock", files)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600: it says who did what", info.Mode(), err)
	}
}

func TestCloseEndsAllUse(t *testing.T) {
	ctx := t.Context()
	store := open(t, t.TempDir())
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Ready":     func() error { return store.Ready(ctx) },
		"Close":     store.Close,
		"Latest":    func() error { _, err := store.Settings().Latest(ctx); return err },
		"History":   func() error { _, err := store.Settings().History(ctx, "crm", 0, 1); return err },
		"settings":  func() error { return store.Settings().Append(ctx, []settings.Revision{revision(0, 1)}, nil) },
		"events":    func() error { return store.Audit().Append(ctx, batch(0, 0, 0)) },
		"no events": func() error { return store.Audit().Append(ctx, nil) },
		"Search":    func() error { _, err := store.Audit().Search(ctx, audit.Query{}); return err },
		"Ends":      func() error { _, err := store.Audit().Ends(ctx, "", 0); return err },
		"Trim":      func() error { _, err := store.Audit().Trim(ctx, start, start, ""); return err },
		"Verify":    func() error { _, err := audit.Verify(ctx, store.Audit(), nil); return err },
	} {
		if err := call(); !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s after Close: %v; want ErrClosed", name, err)
		}
	}
}

// Whoever is told that something is kept while the ledger is closed can rely on it, and Close waits for whoever writes.
func TestP7_WhatCloseInterrupts(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	var all sync.WaitGroup
	var kept atomic.Int64
	busy := make(chan bool, 1)
	for worker := range workers {
		all.Go(func() {
			for n := 0; ; n++ {
				if err := store.Audit().Append(context.Background(), batch(0, worker, n)); errors.Is(err, ledger.ErrClosed) {
					return
				} else if err != nil {
					t.Errorf("while the ledger is closed: %v; want ErrClosed", err)
					return
				}
				if kept.Add(perBatch) == 20*perBatch {
					busy <- true
				}
			}
		})
	}
	<-busy
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	all.Wait()
	again := open(t, dir)
	defer again.Close()
	if found, err := audit.Verify(t.Context(), again.Audit(), nil); err != nil || int64(found.Entries) != kept.Load() {
		t.Errorf("Verify: %+v, %v; want the %d entries that were acknowledged", found, err, kept.Load())
	}
}

func TestReadyWhenOpen(t *testing.T) {
	store := open(t, t.TempDir())
	defer store.Close()
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func TestOpenNeedsAKey(t *testing.T) {
	for name, options := range map[string]ledger.Options{"Seal": {Sealed: sealing("key").Sealed}, "Sealed": {Seal: sealing("key").Seal}} {
		_, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "admin.db"), options)
		if err == nil || !strings.Contains(err.Error(), name+" is nil") {
			t.Errorf("Open without %s: %v; want an error that names it", name, err)
		}
	}
}

// A damaged file is never taken for a new one, and nothing is written to it.
func TestOpenRefusesDamage(t *testing.T) {
	pristine, err := os.ReadFile(filled(t, 50))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for name, damage := range map[string]func([]byte) []byte{
		"empty":                    func(b []byte) []byte { return nil },
		"one byte":                 func(b []byte) []byte { return b[:1] },
		"cut in the header":        func(b []byte) []byte { return b[:50] },
		"cut to a page":            func(b []byte) []byte { return b[:page] },
		"cut in half":              func(b []byte) []byte { return b[:len(b)/2/page*page] },
		"cut by one page":          func(b []byte) []byte { return b[:len(b)-page] },
		"cut by one byte":          func(b []byte) []byte { return b[:len(b)-1] },
		"text":                     func(b []byte) []byte { return bytes.Repeat([]byte("no database "), 1000) },
		"zeroes after the header":  func(b []byte) []byte { clear(b[100:]); return b },
		"zeroes behind the schema": func(b []byte) []byte { clear(b[2*page:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "admin.db")
			damaged := damage(bytes.Clone(pristine))
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
func TestOpenRefusesImpossibleContents(t *testing.T) {
	for name, statement := range map[string]string{
		"no document":           "INSERT INTO revisions VALUES ('crm', 1, 1, 'root', '')",
		"unknown field":         `INSERT INTO revisions VALUES ('crm', 1, 1, 'root', '{"more":1}')`,
		"wrong length":          `INSERT INTO revisions VALUES ('crm', 1, 1, 'root', '{"settings":{"session_timeout":"soon"}}')`,
		"no end of the chain":   "DELETE FROM chain_ends",
		"no schema version":     "DELETE FROM schema_version",
		"schema version of old": "UPDATE schema_version SET version = 0",
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, 2)
			execute(t, path, statement)
			refused(t, path, sqlitefile.ErrCorrupt)
		})
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

	sessions := filepath.Join(t.TempDir(), "sessions.db")
	store, err := embedded.Open(t.Context(), sessions, embedded.Options{})
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, sessions, sqlitefile.ErrForeign)
}

func TestOpenRefusesALogWithoutItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.db")
	if err := os.WriteFile(path+"-wal", []byte("what was acknowledged"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, sqlitefile.ErrCorrupt)
}

func TestOpenNeedsTheFolder(t *testing.T) {
	refused(t, filepath.Join(t.TempDir(), "missing", "admin.db"), sqlitefile.ErrFailed)
}

func TestOpenRefusesASecondOpener(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	defer store.Close()
	path := filepath.Join(dir, "admin.db")
	refused(t, path, sqlitefile.ErrLocked)
	link := filepath.Join(t.TempDir(), "by-another-name.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	_, err := ledger.Open(t.Context(), link, sealing("key"))
	if !errors.Is(err, sqlitefile.ErrLocked) {
		t.Fatalf("Open through a symbolic link: %v; want ErrLocked", err)
	}
	if err := store.Audit().Append(t.Context(), batch(0, 0, 0)); err != nil {
		t.Fatalf("Append after a second opener: %v", err)
	}
}

func TestOpenStartsOverAfterDyingWhileCreating(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "admin.db.new"), []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenObeysItsContext(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ledger.Open(cancelled, filepath.Join(t.TempDir(), "admin.db"), sealing("key")); !errors.Is(err, context.Canceled) {
		t.Fatalf("Open: %v; want context.Canceled", err)
	}
}

// What was recorded is kept as it was, whatever a mistake in this package does.
func TestC1_NothingIsChangedOrDropped(t *testing.T) {
	path := filled(t, 2)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{"UPDATE revisions SET document = '{}'", "DELETE FROM revisions", "UPDATE entries SET subject = 'eve'"} {
		if _, err := db.Exec(statement); err == nil || !strings.Contains(err.Error(), "never") {
			t.Errorf("%s: %v; want it refused", statement, err)
		}
	}
}

// What Trim drops is gone from the file, not only from the table: it says what people did.
func TestC5_TrimmedEntriesAreErased(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "admin.db")
	store := open(t, dir)
	if err := store.Audit().Append(t.Context(), []audit.Event{{At: 1, Kind: audit.SignIn, Subject: "forget-me", Detail: strings.Repeat("forget me ", 1000)}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	has := func() bool {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(text, []byte("forget-me")) || bytes.Contains(text, []byte("forget me"))
	}
	if !has() {
		t.Fatal("the file does not hold the entry: the test would prove nothing")
	}
	store = open(t, dir)
	if n, err := store.Audit().Trim(t.Context(), 2, 3, "root"); n != 1 || err != nil {
		t.Fatalf("Trim: %d, %v", n, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if has() {
		t.Error("the file still holds what was dropped")
	}
}
