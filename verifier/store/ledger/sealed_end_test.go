package ledger_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/verifier/store/ledger"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// What is sealed can be read while the ledger is open, and its seal moves to another key when that one opens the ledger.
func TestC5_SealedEnd(t *testing.T) {
	path := ten(t)
	old, next := sealing("key"), sealing("next")
	store := open(t, filepath.Dir(path))
	text, seal, err := ledger.SealedEnd(t.Context(), path)
	if err != nil || text == "" || !old.Sealed(text, seal) || next.Sealed(text, seal) {
		t.Errorf("%q, %q, %v", text, seal, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	both := ledger.Options{Seal: next.Seal, Sealed: func(text, seal string) bool { return old.Sealed(text, seal) || next.Sealed(text, seal) }}
	if store, err = ledger.Open(t.Context(), path, both); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if text, seal, err = ledger.SealedEnd(t.Context(), path); err != nil || !next.Sealed(text, seal) || old.Sealed(text, seal) {
		t.Errorf("after the other key: %q, %q, %v", text, seal, err)
	}
}

func TestC5_SealedEndOfNoLedger(t *testing.T) {
	var wrong *sqlitefile.FileError
	path := filepath.Join(t.TempDir(), "admin.db")
	if text, _, err := ledger.SealedEnd(t.Context(), path); !errors.As(err, &wrong) || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	if there, _ := filepath.Glob(path + "*"); len(there) > 0 {
		t.Errorf("it made %q", there)
	}
}
