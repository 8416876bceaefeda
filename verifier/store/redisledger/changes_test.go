package redisledger_test

import (
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/redisledger"
	"github.com/curfew-project/curfew/verifier/store/redistest"
)

// A12: whoever listens is told of each change of a document, in a cluster too, and not of entries or of changes that were refused.
func TestA12_ChangesAreTold(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string]func() string{
		"one server": func() string { return redistest.Start(t).Address },
		"a cluster":  func() string { return redistest.Cluster(t, 3)[1].Address },
	} {
		conn := dial(t, redis())
		store := open(t, conn, sealing("key", "told"))
		told := make(chan struct{}, 10)
		heard, err := conn.Subscribe(t.Context(), []string{redisledger.Changes("told"), redisledger.Changes("other")}, func(string, string) { told <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		wants := func(when string, want int) {
			t.Helper()
			if err := heard.Ping(t.Context()); err != nil { // what was published before has been heard
				t.Fatal(err)
			}
			if len(told) != want {
				t.Errorf("%s: told %d times after %s; want %d", name, len(told), when, want)
			}
		}
		if err := store.Audit().Append(t.Context(), events("ada", 3)); err != nil {
			t.Fatal(err)
		}
		wants("entries", 0)
		appendRevision(t, store, 1)
		wants("a change", 1)
		again := settings.Revision{Environment: "crm", Version: 1, At: start, By: "root", Document: settings.New()}
		if err := store.Settings().Append(t.Context(), []settings.Revision{again}, []audit.Event{{At: start, Kind: audit.SettingsChanged}}); err == nil {
			t.Error("a version was made twice")
		}
		wants("a change that was refused", 1)
		heard.Close()
		if err := heard.Ping(t.Context()); err == nil {
			t.Errorf("%s: it hears after it was closed", name)
		}
	}
}
