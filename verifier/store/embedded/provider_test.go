package embedded_test

import (
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
)

// The index has what the sessions have, and sessions without such an ID are not in it.
func TestB5_TheIndexFollowsTheID(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	defer store.Close()
	s := numbered(1)
	if err := store.Create(t.Context(), s, "", start); err != nil {
		t.Fatal(err)
	}
	entries := func(sid string) int {
		t.Helper()
		return number(t, filepath.Join(dir, "sessions.db"), "SELECT count(*) FROM sessions INDEXED BY sessions_by_provider WHERE provider_sid <> '' AND provider_sid = '"+sid+"'")
	}
	for _, sid := range []string{"other", "", "last"} {
		before := s.Provider
		s.Provider = sid
		if _, _, err := store.Update(t.Context(), s.ID, start, func(session.Session) (session.Session, error) { return s, nil }); err != nil {
			t.Fatal(err)
		}
		if n := entries(before); n != 0 {
			t.Errorf("the index has %d entries of the ID %q, which nobody has", n, before)
		}
		if n := entries(sid); sid != "" && n != 1 {
			t.Errorf("the index has %d entries of the ID %q; want 1", n, sid)
		}
	}
}
