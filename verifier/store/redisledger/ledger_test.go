package redisledger_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redisledger"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/verifier/store/storetest"
)

const start = int64(1_800_000_000_000)

// sealing makes the options of a verifier with a key.
func sealing(key, prefix string) redisledger.Options {
	seal := func(text string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	return redisledger.Options{Prefix: prefix, Seal: seal, Sealed: func(text, with string) bool { return hmac.Equal([]byte(seal(text)), []byte(with)) }}
}

func dial(t testing.TB, addresses ...string) *redisconn.Conn {
	t.Helper()
	conn, err := redisconn.Open(context.Background(), redisconn.Options{Addresses: addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func open(t testing.TB, conn *redisconn.Conn, options redisledger.Options) *redisledger.Store {
	t.Helper()
	store, err := redisledger.Open(context.Background(), conn, options)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// sides opens ledgers in one Redis, each folder's under a prefix of its own.
func sides(conn *redisconn.Conn) storetest.OpenLedger {
	return func(t testing.TB, dir string) storetest.Ledger {
		t.Helper()
		store := open(t, conn, sealing("key", filepath.Base(filepath.Dir(dir))+filepath.Base(dir)))
		return storetest.Ledger{Settings: store.Settings(), Audit: store.Audit(), Close: store.Close}
	}
}

func TestC1_Settings(t *testing.T) {
	t.Parallel()
	storetest.TestSettings(t, sides(dial(t, redistest.Start(t).Address)))
}

func TestC5_Audit(t *testing.T) {
	t.Parallel()
	storetest.TestAudit(t, sides(dial(t, redistest.Start(t).Address)))
}

func TestC1_SettingsInACluster(t *testing.T) {
	t.Parallel()
	storetest.TestSettings(t, sides(dial(t, redistest.Cluster(t, 3)[0].Address)))
}

func appendRevision(t *testing.T, store *redisledger.Store, version int64) {
	t.Helper()
	r := settings.Revision{Environment: "crm", Version: version, At: start, By: "root", Document: settings.New()}
	if err := store.Settings().Append(t.Context(), []settings.Revision{r}, nil); err != nil {
		t.Fatal(err)
	}
}
