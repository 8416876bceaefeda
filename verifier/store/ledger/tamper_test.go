package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

// unlocked lets entries be altered, as somebody does who has the file.
const unlocked = "DROP TRIGGER entries_stay"

// ten makes a ledger of ten entries and closes it.
func ten(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	store := open(t, dir)
	for n := range 2 {
		if err := store.Audit().Append(t.Context(), batch(0, 0, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "admin.db")
}

// broken fails unless the chain is broken at an entry.
func broken(t *testing.T, store *ledger.Store, seq int64) {
	t.Helper()
	var at *audit.Broken
	if _, err := audit.Verify(t.Context(), store.Audit(), nil); !errors.As(err, &at) || at.Seq != seq {
		t.Errorf("Verify: %v; want the chain broken at entry %d", err, seq)
	}
}

func TestC5_TamperingWithTheEndIsFoundAndNamed(t *testing.T) {
	old := ten(t)
	note := "UPDATE chain_ends SET last_seq = 7, last_hash = (SELECT hash FROM entries WHERE seq = 7)"
	for name, test := range map[string]struct {
		statements []string
		seq        int64
	}{
		"cut off":                              {[]string{"DELETE FROM entries WHERE seq > 7"}, 8},
		"cut off and noted":                    {[]string{"DELETE FROM entries WHERE seq > 7", note}, 8},
		"noted only":                           {[]string{note}, 8},
		"all cut off":                          {[]string{"DELETE FROM entries"}, 1},
		"all cut off and noted":                {[]string{"DELETE FROM entries", "UPDATE chain_ends SET last_seq = 0, last_hash = zeroblob(32)"}, 1},
		"cut at the beginning and noted":       {[]string{"UPDATE chain_ends SET first_seq = 3, first_hash = (SELECT hash FROM entries WHERE seq = 3)", "DELETE FROM entries WHERE seq <= 3"}, 1},
		"seal of another text":                 {[]string{"UPDATE chain_ends SET seal = 'x'"}, 11},
		"doubt taken away":                     {[]string{"UPDATE chain_ends SET doubt = 3"}, 11},
		"hash of three bytes":                  {[]string{"UPDATE chain_ends SET last_hash = x'010203'"}, 11},
		"added":                                {[]string{"INSERT INTO entries SELECT seq + 1, at, kind, environment, session, subject, client, reason, code, actor, digest, detail, hash FROM entries WHERE seq = 10"}, 11},
		"added far behind":                     {[]string{"INSERT INTO entries SELECT 77, at, kind, environment, session, subject, client, reason, code, actor, digest, detail, hash FROM entries WHERE seq = 10"}, 11},
		"last altered":                         {[]string{unlocked, "UPDATE entries SET subject = 'eve' WHERE seq = 10"}, 10},
		"altered in the middle, and cut after": {[]string{unlocked, "UPDATE entries SET subject = 'eve' WHERE seq = 5", "DELETE FROM entries WHERE seq > 7", note}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			path := copied(t, old)
			store := open(t, filepath.Dir(path)) // it is found while the ledger is open
			execute(t, path, test.statements...)
			broken(t, store, test.seq)
			if n, err := audit.Export(t.Context(), store.Audit(), io.Discard); !errors.Is(err, audit.ErrBroken) && err != nil || n > 10 {
				t.Errorf("Export of a chain that is broken: %d entries, %v; want none from behind the noted end", n, err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}

			var log bytes.Buffer
			options := sealing("key")
			options.Logger = slog.New(slog.NewTextHandler(&log, nil))
			again, err := ledger.Open(t.Context(), path, options) // and whatever the verifier writes and seals afterwards
			if err != nil {
				t.Fatal(err)
			}
			defer func() { again.Close() }()
			broken(t, again, test.seq)
			for n := range 3 {
				if err := again.Audit().Append(t.Context(), batch(1, 0, n)); err != nil {
					t.Fatalf("Append to a chain that is broken: %v", err)
				}
			}
			broken(t, again, test.seq)
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			again = open(t, filepath.Dir(path))
			broken(t, again, test.seq)
			var export bytes.Buffer
			if n, err := audit.Export(t.Context(), again.Audit(), &export); !errors.Is(err, audit.ErrBroken) && err != nil || n < 10 && !strings.Contains(name, "cut") {
				t.Errorf("Export of a chain that is broken: %d entries, %v; want what is there", n, err)
			}

			n, err := again.Audit().Trim(t.Context(), start+9, start+9, "root") // what is gone cannot be found any more
			if err != nil || n < 15 {
				t.Fatalf("Trim: %d, %v", n, err)
			}
			if _, err := audit.Verify(t.Context(), again.Audit(), nil); err != nil {
				t.Errorf("Verify when the broken part is dropped: %v", err)
			}
		})
	}
	t.Run("said once", func(t *testing.T) {
		path := copied(t, old)
		execute(t, path, "UPDATE chain_ends SET seal = 'x'")
		for want := range 2 {
			var log bytes.Buffer
			options := sealing("key")
			options.Logger = slog.New(slog.NewTextHandler(&log, nil))
			store, err := ledger.Open(t.Context(), path, options)
			if err == nil {
				err = errors.Join(store.Audit().Append(t.Context(), batch(1, 0, 0)), store.Close())
			}
			if err != nil || strings.Count(log.String(), "tampered") != 1-want {
				t.Errorf("open and append: %v; the log is\n%s", err, log.String())
			}
		}
	})
}

// Rotation: what an earlier key has sealed is accepted and sealed with the new key; then the earlier one can be dropped.
func TestC5_TheSealOutlivesItsKey(t *testing.T) {
	path := ten(t)
	old, next := sealing("key"), sealing("new")
	both := ledger.Options{Seal: next.Seal, Sealed: func(text, seal string) bool { return next.Sealed(text, seal) || old.Sealed(text, seal) }}
	for _, options := range []ledger.Options{both, next} {
		store, err := ledger.Open(t.Context(), path, options)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := audit.Verify(t.Context(), store.Audit(), nil); err != nil || found.Entries != 10 {
			t.Errorf("Verify: %+v, %v", found, err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		store := open(t, filepath.Dir(path)) // with a key that is not the verifier's, which spoils nothing
		broken(t, store, 11)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	store, err := ledger.Open(t.Context(), path, next)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := audit.Verify(t.Context(), store.Audit(), nil); err != nil {
		t.Errorf("Verify after somebody opened the ledger with the wrong key: %v", err)
	}
}

// The same chain cannot be passed off as another's: the seal covers both ends, and each of its parts.
func TestC5_EveryPartOfTheNoteIsSealed(t *testing.T) {
	for column, value := range map[string]string{"first_seq": "1", "first_hash": "randomblob(32)", "last_seq": "9", "last_hash": "randomblob(32)", "doubt": "5", "seal": "''"} {
		path := ten(t)
		execute(t, path, fmt.Sprintf("UPDATE chain_ends SET %s = %s", column, value))
		store := open(t, filepath.Dir(path))
		if _, err := audit.Verify(t.Context(), store.Audit(), nil); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("Verify with another %s: %v; want ErrBroken", column, err)
		}
		store.Close()
	}
}

func copied(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "admin.db")
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestC5_DamageShowsWhenItIsRead(t *testing.T) {
	path := ten(t)
	execute(t, path, "PRAGMA ignore_check_constraints = ON; DROP TRIGGER entries_stay; UPDATE entries SET hash = x'01' WHERE seq = 5")
	store := open(t, filepath.Dir(path))
	defer store.Close()
	for name, read := range map[string]func() error{
		"Verify": func() error { _, err := audit.Verify(context.Background(), store.Audit(), nil); return err },
		"Search": func() error { _, err := store.Audit().Search(context.Background(), audit.Query{}); return err },
	} {
		if err := read(); !isFileError(err) {
			t.Errorf("%s: %v; want a FileError", name, err)
		}
	}
}
