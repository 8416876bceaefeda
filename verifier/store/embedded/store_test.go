package embedded_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/storetest"
)

func open(t testing.TB, dir string) session.Store {
	t.Helper()
	store, err := embedded.Open(context.Background(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) session.Store { return open(t, t.TempDir()) })
}

func TestStoreIsDurable(t *testing.T) { storetest.RunDurable(t, open) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
