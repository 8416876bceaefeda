package embedded_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
)

// Expired marks are dropped from the file, also when there are more than one transaction takes; others stay.
func TestForgetDropsAllExpiredMarks(t *testing.T) {
	const expired, kept = 2500, 10
	dir := t.TempDir()
	store := open(t, dir)
	defer store.Close()
	var all sync.WaitGroup
	for n := range expired + kept {
		all.Go(func() {
			until := start + 1000
			if n >= expired {
				until++
			}
			if _, first, err := store.Mark(context.Background(), session.NewKey(strconv.Itoa(n)), until, start); !first || err != nil {
				t.Errorf("Mark: %t, %v", first, err)
			}
		})
	}
	all.Wait()
	path := filepath.Join(dir, "sessions.db")
	for _, step := range []struct {
		now  int64
		want int
	}{{start + 999, expired + kept}, {start + 1000, kept}, {start + 1001, 0}} {
		if n, err := store.Forget(t.Context(), start, step.now); n != 0 || err != nil {
			t.Fatalf("Forget: %d, %v; want no session", n, err)
		}
		if got := number(t, path, "SELECT count(*) FROM marks"); got != step.want {
			t.Fatalf("after Forget at +%d the file has %d marks; want %d", step.now-start, got, step.want)
		}
	}
}

// A mark that expired and was not forgotten is replaced: the file does not grow with it.
func TestAMarkTakesThePlaceOfAnExpiredOne(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	defer store.Close()
	for now := start; now < start+5; now++ {
		if _, first, err := store.Mark(t.Context(), session.Key{1}, now+1, now); !first || err != nil {
			t.Fatalf("Mark: %t, %v", first, err)
		}
	}
	if got := number(t, filepath.Join(dir, "sessions.db"), "SELECT count(*) FROM marks"); got != 1 {
		t.Fatalf("the file has %d marks; want 1", got)
	}
}

// number reads a number from the file, through a connection of its own.
func number(t *testing.T, path, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
