package ledger

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
)

// With millions of entries in the file, no search may look at all of them, nor sort what it could read in order.
func TestC5_SearchesUseTheirIndexes(t *testing.T) {
	options := Options{Seal: func(string) string { return "" }, Sealed: func(string, string) bool { return true }}
	store, err := Open(t.Context(), filepath.Join(t.TempDir(), "admin.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	kinds := []audit.Kind{audit.SignIn, audit.Ended}
	for name, test := range map[string]struct {
		query  audit.Query
		index  string
		sorted bool // the stretch of time, or one list for each kind
	}{
		"newest":               {audit.Query{}, "SCAN entries", false},
		"oldest":               {audit.Query{Ascending: true}, "SCAN entries", false},
		"before":               {audit.Query{Before: 9}, "INTEGER PRIMARY KEY (rowid<?)", false},
		"after":                {audit.Query{After: 9, Ascending: true}, "INTEGER PRIMARY KEY (rowid>?)", false},
		"session":              {audit.Query{Session: "s", Kinds: kinds, From: 1}, "entries_by_session (session=?)", false},
		"session before":       {audit.Query{Session: "s", Before: 7}, "entries_by_session (session=? AND rowid<?)", false},
		"subject":              {audit.Query{Subject: "s", Environment: "e", To: 9}, "entries_by_subject (subject=?)", false},
		"subject after":        {audit.Query{Subject: "s", After: 9, Ascending: true}, "entries_by_subject (subject=? AND rowid>?)", false},
		"actor":                {audit.Query{Actor: "a", Kinds: kinds}, "entries_by_actor (actor=?)", false},
		"reason":               {audit.Query{Reason: wire.Inactivity, Environment: "e"}, "entries_by_reason (reason=?)", false},
		"code":                 {audit.Query{Code: wire.Replayed}, "entries_by_code (code=?)", false},
		"from":                 {audit.Query{From: 1}, "COVERING INDEX entries_by_time (at>?)", true},
		"to":                   {audit.Query{To: 9}, "COVERING INDEX entries_by_time (at<?)", true},
		"stretch":              {audit.Query{From: 1, To: 9, Environment: "e", Kinds: kinds, Reason: wire.Inactivity, Code: wire.Replayed, Before: 9}, "COVERING INDEX entries_by_time (at>? AND at<?)", true},
		"environment":          {audit.Query{Environment: "e"}, "COVERING INDEX entries_by_environment (environment=? AND kind=?)", true},
		"environment and kind": {audit.Query{Environment: "e", Kinds: kinds[:1], Before: 9}, "COVERING INDEX entries_by_environment (environment=? AND kind=? AND rowid<?)", true},
		"kind":                 {audit.Query{Kinds: kinds[:1]}, "COVERING INDEX entries_by_kind (kind=?)", true},
		"kinds":                {audit.Query{Kinds: kinds, After: 1}, "COVERING INDEX entries_by_kind (kind=? AND rowid>?)", true},
	} {
		query, args := statement(test.query)
		plan := explain(t, store, query, args...)
		if !strings.Contains(plan, test.index) || test.index != "SCAN entries" && strings.Contains(plan, "SCAN entries") || !test.sorted && strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s\nis done by\n%s\nwant %s", name, query, plan, test.index)
		}
	}
	for _, test := range []struct {
		query, index string
		args         []any
		sorted       bool
	}{
		{countEnds, "COVERING INDEX entries_by_time (at>?)", []any{1, "e"}, true},
		{walkAll, "INTEGER PRIMARY KEY (rowid<?)", []any{1}, false},
		{firstKept, "SCAN entries", []any{1}, false}, // in the chain's order, up to the first
		{lastDropped, "INTEGER PRIMARY KEY (rowid<?)", []any{1}, false},
	} {
		plan := explain(t, store, test.query, test.args...)
		if !strings.Contains(plan, test.index) || !test.sorted && strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nis done by\n%s\nwant %s", test.query, plan, test.index)
		}
	}
}

func explain(t *testing.T, store *Store, query string, args ...any) (plan string) {
	t.Helper()
	rows, err := store.reads.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
