package embedded_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

// written reads the sequence number that is on the disk, through a connection of its own.
func written(t *testing.T, path string) uint64 {
	t.Helper()
	seq, err := readSeq(path)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func readSeq(path string) (seq uint64, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRow("SELECT seq FROM sessions").Scan(&seq)
	return seq, err
}

func TestP7_ActivityIsWrittenAfterTheInterval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	synctest.Test(t, func(t *testing.T) {
		store, err := embedded.Open(t.Context(), path, embedded.Options{FlushEvery: 400 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		s := numbered(1)
		if err := store.Create(t.Context(), s, "", start); err != nil {
			t.Fatal(err)
		}
		for round := range uint64(3) {
			for range 2 {
				if _, _, err := store.Update(t.Context(), s.ID, start+1, acting(start+1)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(399 * time.Millisecond)
			synctest.Wait()
			if got := written(t, path); got != 2*round {
				t.Fatalf("before the interval sequence number %d is on the disk; want %d", got, 2*round)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if got := written(t, path); got != 2*round+2 {
				t.Fatalf("after the interval sequence number %d is on the disk; want %d", got, 2*round+2)
			}
		}
	})
}

// Everything but sequence number and activity is on the disk when Update returns, also when nothing else changes a change that
// leaves all else as it is.
func TestP7_PolicyChecksAreWrittenAtOnce(t *testing.T) {
	dir := t.TempDir()
	store, err := embedded.Open(t.Context(), filepath.Join(dir, "sessions.db"), embedded.Options{FlushEvery: 900 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := numbered(1)
	if err := store.Create(t.Context(), s, "", start); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*session.Session)
		query  string
	}{
		"At":       {func(s *session.Session) { s.Check.At = start + 7000 }, "SELECT check_at = 1800000007000 FROM sessions"},
		"Next":     {func(s *session.Session) { s.Check.Next = start + 8000 }, "SELECT check_next = 1800000008000 FROM sessions"},
		"Bypassed": {func(s *session.Session) { s.Check.Next, s.Check.Bypassed = 0, true }, "SELECT check_bypassed AND check_next = 0 FROM sessions"},
		"Stay":     {func(s *session.Session) { s.Check.Stay = true }, "SELECT check_stay FROM sessions"},
		"CheckBy":  {func(s *session.Session) { s.State.CheckBy = start + 9000 }, "SELECT check_by = 1800000009000 FROM sessions"},
		"Lapses":   {func(s *session.Session) { s.State.Lapses = start + 36_000_000 }, "SELECT lapses = 1800036000000 FROM sessions"},
		"Provider": {func(s *session.Session) { s.Provider = "other" }, "SELECT provider_sid = 'other' FROM sessions"},
	} {
		if _, _, err := store.Update(t.Context(), s.ID, start+1, func(session.Session) (session.Session, error) {
			changed := s
			test.change(&changed)
			return changed, nil
		}); err != nil {
			t.Fatal(err)
		}
		if number(t, filepath.Join(dir, "sessions.db"), test.query) != 1 {
			t.Errorf("%s is not on the disk when Update returns", name)
		}
	}
}

func TestFlushWritesAtOnce(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir).(*embedded.Store)
	defer store.Close()
	s := numbered(1)
	if err := store.Create(t.Context(), s, "", start); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Update(t.Context(), s.ID, start+1, acting(start+1)); err != nil {
		t.Fatal(err)
	}
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := written(t, filepath.Join(dir, "sessions.db")); got != 1 {
		t.Fatalf("after Flush sequence number %d is on the disk; want 1", got)
	}
}

func TestOpenRefusesAnIntervalThatBreaksThePromise(t *testing.T) {
	for _, every := range []time.Duration{-1, time.Microsecond, time.Second} {
		store, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{FlushEvery: every})
		if err == nil {
			store.Close()
			t.Errorf("Open with FlushEvery %s succeeded", every)
		}
	}
}

// A `check` for every request of every application behind the verifier calls Get.
func TestGetAllocatesNothing(t *testing.T) {
	store := open(t, t.TempDir())
	defer store.Close()
	for n := range 2 {
		s := numbered(n)
		s.Client = policy.CanvasApp
		if err := store.Create(t.Context(), s, "", start); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := store.Update(t.Context(), numbered(1).ID, start+1, ending(start+1)); err != nil {
		t.Fatal(err)
	}
	for n := range 3 { // living, ended, missing
		id := numbered(n).ID
		if allocated := testing.AllocsPerRun(100, func() {
			if _, _, err := store.Get(t.Context(), id, start); err != nil {
				t.Fatal(err)
			}
		}); allocated != 0 {
			t.Errorf("Get of session %d allocates %v times", n, allocated)
		}
	}
}
