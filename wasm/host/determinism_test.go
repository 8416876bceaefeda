package host

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// traced runs a scenario of two guests and returns every host call of both.
func traced(t *testing.T, seed uint64) (lines []string, out string) {
	t.Helper()
	var printed strings.Builder
	loop := newLoop()
	for i, name := range []string{"a", "b"} {
		r := NewRealm(loop, Config{
			Name: name, Random: SeededRandom(seed + uint64(i)), Stdout: &printed,
			Hooks: Hooks{Trace: func(line string) { lines = append(lines, line) }},
		})
		start(t, testModule(t, guestPackage), r, "draw")
	}
	if err := loop.Advance(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	return lines, printed.String()
}

// TestD3_SameSeedSameTrace: a run replays from its seed, call by call.
func TestD3_SameSeedSameTrace(t *testing.T) {
	first, printed := traced(t, 7)
	again, printedAgain := traced(t, 7)
	if len(first) < 100 {
		t.Fatalf("only %d host calls were traced", len(first))
	}
	if !slices.Equal(first, again) {
		for i := range first {
			if i >= len(again) || first[i] != again[i] {
				t.Fatalf("host call %d of %d and %d differs: %q", i, len(first), len(again), first[i])
			}
		}
		t.Fatalf("%d host calls, then %d", len(first), len(again))
	}
	if printed != printedAgain {
		t.Errorf("printed %q, then %q", printed, printedAgain)
	}
	other, printedOther := traced(t, 8)
	if slices.Equal(first, other) || printed == printedOther {
		t.Error("another seed made no difference, so the seed does not reach the guest")
	}
	t.Logf("%d host calls, %s", len(first), printed)
}
