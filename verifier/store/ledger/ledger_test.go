package ledger_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/verifier/store/ledger"
	"github.com/curfew-project/curfew/verifier/store/storetest"
)

const start = int64(1_800_000_000_000)

// sealing makes the options of a verifier with a key.
func sealing(key string) ledger.Options {
	seal := func(text string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	return ledger.Options{Seal: seal, Sealed: func(text, with string) bool { return hmac.Equal([]byte(seal(text)), []byte(with)) }}
}

func open(t testing.TB, dir string) *ledger.Store {
	t.Helper()
	store, err := ledger.Open(context.Background(), filepath.Join(dir, "admin.db"), sealing("key"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func openSides(t testing.TB, dir string) storetest.Ledger {
	t.Helper()
	store := open(t, dir)
	return storetest.Ledger{Settings: store.Settings(), Audit: store.Audit(), Close: store.Close}
}

func TestC1_Settings(t *testing.T) { storetest.TestSettings(t, openSides) }

func TestC5_Audit(t *testing.T) { storetest.TestAudit(t, openSides) }
