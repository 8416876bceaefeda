package embedded

import (
	"testing"

	"pgregory.net/rapid"
)

// A table with hashes that collide, wrap around and crowd together must hold exactly what a map holds.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spread := rapid.Uint64Range(1, 40).Draw(t, "different hashes")
		hash := func(row int64) uint64 { return (uint64(row)*0x9e3779b9%spread + 60) << 16 }
		held, want := table{hash: func(r *record) uint64 { return hash(r.row) }}, map[int64]*record{}
		row := rapid.Int64Range(0, 60)
		match := func(row int64) func(*record) bool { return func(r *record) bool { return r.row == row } }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				r := &record{row: row.Draw(t, "row")}
				held.put(hash(r.row), r, match(r.row))
				want[r.row] = r
			},
			"remove": func(t *rapid.T) {
				gone := row.Draw(t, "row")
				held.remove(hash(gone), match(gone))
				delete(want, gone)
			},
			"": func(t *rapid.T) {
				if held.used != len(want) {
					t.Fatalf("the table says it holds %d; want %d", held.used, len(want))
				}
				for n := range int64(61) {
					if got := held.get(hash(n), match(n)); got != want[n] {
						t.Fatalf("row %d: %v; want %v", n, got, want[n])
					}
				}
			},
		})
	})
}
