package ledger_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/store/storetest"
)

const many = 100_000

// manyth is the n-th of many events of an installation: five environments, people who come again and again, few administrators.
func manyth(n int) audit.Event {
	e := audit.Event{At: start + int64(n)*1000, Kind: audit.SignIn, Environment: fmt.Sprint("environment-", n%7%5),
		Subject: fmt.Sprintf("subject-%05d", n*7919%9973), Session: fmt.Sprintf("session-%05d", n/5)}
	switch n % 10 {
	case 3:
		e.Kind = audit.Warned
	case 4, 5:
		e.Kind, e.Reason = audit.Ended, wire.Reasons()[n%len(wire.Reasons())]
	case 6:
		e.Kind, e.Code, e.Detail = audit.Refused, wire.Codes()[n%len(wire.Codes())], "seq 7 after 9"
	}
	if n%1000 == 500 {
		e = audit.Event{At: e.At, Kind: audit.SettingsChanged, Environment: e.Environment, Actor: fmt.Sprint("admin-", n%3), Detail: "session_timeout: 8h -> 12h"}
	}
	return e
}

func TestC5_AHundredThousandEntries(t *testing.T) {
	if raced {
		// Nothing here runs at the same time; what does is tested with fewer entries.
		out, err := exec.CommandContext(t.Context(), "go", "test", "-race=false", "-count=1", "-v", "-run", "^"+t.Name()+"$", ".").CombinedOutput()
		t.Logf("without the race detector:\n%s", out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "admin.db")
	store := open(t, filepath.Dir(path))
	var all []audit.Entry
	for at := (audit.Link{}); len(all) < many; {
		var next []audit.Event
		for range many / 20 {
			e := at.Next(manyth(len(all)))
			all, at, next = append(all, e), e.Link(), append(next, e.Event)
		}
		if err := store.Audit().Append(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Searched", func(t *testing.T) {
		for name, q := range map[string]audit.Query{
			"everything":               {},
			"from":                     {From: start + 99_000_000},
			"to":                       {To: start + 5_000_000},
			"a stretch":                {From: start + 50_000_000, To: start + 50_300_000},
			"environment":              {Environment: "environment-3"},
			"subject":                  {Subject: "subject-00042"},
			"session":                  {Session: "session-09999"},
			"actor":                    {Actor: "admin-1"},
			"kind":                     {Kinds: []audit.Kind{audit.Warned}},
			"kinds":                    {Kinds: []audit.Kind{audit.Warned, audit.SettingsChanged}},
			"reason":                   {Reason: wire.Inactivity},
			"code":                     {Code: wire.Replayed},
			"nobody":                   {Subject: "nobody"},
			"a kind that is not there": {Kinds: []audit.Kind{audit.ConfigLoaded}},
			"after":                    {After: 70_000, Ascending: true},
			"before":                   {Before: 70_000},
			"environment and kind":     {Environment: "environment-3", Kinds: []audit.Kind{audit.SettingsChanged}},
			"subject and kind":         {Subject: "subject-00042", Kinds: []audit.Kind{audit.Ended}},
			"environment in a stretch": {Environment: "environment-3", From: start + 10_000_000, To: start + 90_000_000, Limit: 1000},
			"all that can be together": {Environment: "environment-3", Kinds: []audit.Kind{audit.Ended}, From: start, To: start + 90_000_000, Reason: wire.Inactivity, Before: 60_000, Limit: 1000},
			"oldest first":             {Environment: "environment-1", Kinds: []audit.Kind{audit.Ended, audit.Refused}, Ascending: true, Limit: 1000},
		} {
			got, err := store.Audit().Search(t.Context(), q)
			if want := storetest.Searched(q, all); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %d entries, %v; want %d", name, len(got), err, len(want))
			}
		}
	})
	t.Run("Verified", func(t *testing.T) {
		found, err := audit.Verify(t.Context(), store.Audit(), nil)
		if want := (audit.Verified{Entries: many, Last: all[many-1].Link()}); err != nil || found != want {
			t.Errorf("Verify: %+v, %v; want %+v", found, err, want)
		}
	})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		statements []string
		seq        int64
	}{
		"Altered": {[]string{unlocked, "UPDATE entries SET subject = 'eve' WHERE seq = 54321"}, 54321},
		"Removed": {[]string{"DELETE FROM entries WHERE seq = 77777"}, 77777},
		"Reordered": {[]string{unlocked, "UPDATE entries SET seq = 1000000 WHERE seq = 31234", "UPDATE entries SET seq = 31234 WHERE seq = 65432",
			"UPDATE entries SET seq = 65432 WHERE seq = 1000000"}, 31234},
		"Inserted": {[]string{unlocked, "UPDATE entries SET seq = -seq WHERE seq >= 98765", "UPDATE entries SET seq = 1 - seq WHERE seq < 0",
			"INSERT INTO entries SELECT 98765, at, kind, environment, session, subject, client, reason, code, actor, digest, detail, hash FROM entries WHERE seq = 7"}, 98765},
	} {
		t.Run(name, func(t *testing.T) {
			at := copied(t, path)
			execute(t, at, append([]string{"PRAGMA ignore_check_constraints = ON"}, test.statements...)...)
			store := open(t, filepath.Dir(at))
			defer store.Close()
			var first *audit.Broken
			found, err := audit.Verify(t.Context(), store.Audit(), nil)
			if !errors.As(err, &first) || first.Seq != test.seq || found.Entries != int(test.seq)-1 {
				t.Errorf("Verify: %+v, %v; want entry %d named", found, err, test.seq)
			}
		})
	}
}
