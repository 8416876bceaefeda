package embedded

import (
	"strings"
	"testing"
)

// With a million sessions in the file, and as many marks, no query may look at all of them.
func TestQueriesUseTheirIndexes(t *testing.T) {
	store := opened(t)
	for query, index := range map[string]string{
		findByProvider: "sessions_by_provider (provider_sid=?)",
		findExpired:    "marks_by_until (until<?)",
		sweepMarks:     "marks_by_until (until<?)",
	} {
		rows, err := store.reads.db.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
		if err != nil {
			t.Fatal(err)
		}
		var plan string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan += detail + "\n"
		}
		if err := rows.Err(); err != nil || !strings.Contains(plan, index) || strings.Contains(plan, "SCAN sessions") || strings.Contains(plan, "SCAN marks") {
			t.Errorf("%s\nis done by\n%s%v; want a search of %s", query, plan, err, index)
		}
	}
}
