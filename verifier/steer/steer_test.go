package steer

import (
	"testing"
	"time"
)

// D1 D4: whatever the times and the pressure, an interval is whole, bounded and leaves room for another heartbeat before the time is over.
func TestD4_IntervalStaysWithinTheTimes(t *testing.T) {
	for _, c := range []struct {
		shortest  time.Duration
		pressure  float64
		low, high time.Duration
	}{
		{5 * time.Minute, 0, 60 * time.Second, 75 * time.Second},
		{24 * time.Hour, 0, 60 * time.Second, 75 * time.Second},
		{20 * time.Second, 0, 4 * time.Second, 5 * time.Second},
		{5 * time.Minute, 1, 120 * time.Second, 150 * time.Second},
		{5 * time.Minute, 0.5, 90 * time.Second, 112500 * time.Millisecond},
		{5 * time.Minute, 7, 120 * time.Second, 150 * time.Second},
		{5 * time.Minute, -1, 60 * time.Second, 75 * time.Second},
		{time.Second, 0, time.Second, time.Second},
	} {
		least, most := time.Hour, time.Duration(0)
		for seed := range uint64(2000) {
			got := Interval(c.shortest, c.pressure, seed, 17)
			least, most = min(least, got), max(most, got)
		}
		if least < c.low || most > c.high || c.high > c.low && most-least < (c.high-c.low)*9/10 {
			t.Errorf("%s at pressure %v: %s to %s, want %s to %s and all of it", c.shortest, c.pressure, least, most, c.low, c.high)
		}
		if c.shortest >= 4*time.Second && 2*most > c.shortest {
			t.Errorf("%s at pressure %v: two heartbeats do not fit", c.shortest, c.pressure)
		}
	}
}

// Neighbouring seeds, such as successive milliseconds or sequence numbers, are spread evenly.
func TestSpreadIsEven(t *testing.T) {
	const slots, each = 50, 1000
	for name, seeds := range map[string]func(i uint64) []uint64{
		"successive instants":  func(i uint64) []uint64 { return []uint64{1_800_000_000_000 + i, 3} },
		"successive sessions":  func(i uint64) []uint64 { return []uint64{5, i} },
		"instants far apart":   func(i uint64) []uint64 { return []uint64{i * 60_000, 3} },
		"one seed, of a power": func(i uint64) []uint64 { return []uint64{i << 40} },
	} {
		var count [slots]int
		for i := range uint64(slots * each) {
			count[Spread(slots, seeds(i)...)]++
		}
		for slot, n := range count {
			if n < each*8/10 || n > each*12/10 { // more than six standard deviations
				t.Errorf("%s: slot %d has %d, want about %d", name, slot, n, each)
			}
		}
	}
	if Spread(0, 1) != 0 || Spread(-5, 1) != 0 {
		t.Error("a spread over nothing is not 0")
	}
}

func TestAgainWaitsAsLongAsItCanWithoutHarm(t *testing.T) {
	for _, c := range []struct{ slack, low, high time.Duration }{
		{150 * time.Second, 112500 * time.Millisecond, 150 * time.Second},
		{0, 10 * time.Second, 60 * time.Second},
		{-time.Hour, 10 * time.Second, 60 * time.Second},
		{40 * time.Second, 30 * time.Second, 60 * time.Second},
	} {
		for seed := range uint64(500) {
			if got := Again(c.slack, seed); got < c.low || got > c.high {
				t.Fatalf("slack %s: %s, want %s to %s", c.slack, got, c.low, c.high)
			}
		}
	}
}

// More pages get more time, within bounds.
func TestStreamsComeBackWithinATimeForTheirNumber(t *testing.T) {
	for _, c := range []struct {
		open           int
		reopens, turns time.Duration
	}{
		{0, 7 * time.Second, 2 * time.Second},
		{30_000, 32 * time.Second, 30 * time.Second},
		{10_000_000, 62 * time.Second, 60 * time.Second},
	} {
		var reopens, turns time.Duration
		for seed := range uint64(3000) {
			if life := Life(10*time.Minute, seed); life < 8*time.Minute || life > 10*time.Minute {
				t.Fatalf("a stream of at most ten minutes lives %s", life)
			}
			reopen, turn := Reopen(c.open, seed, 1), Turn(c.open, seed, 1)
			if reopen < 2*time.Second || turn < 0 {
				t.Fatalf("%d open: back after %s, told after %s", c.open, reopen, turn)
			}
			reopens, turns = max(reopens, reopen), max(turns, turn)
		}
		if reopens > c.reopens || reopens < c.reopens*9/10 || turns > c.turns || turns < c.turns*9/10 {
			t.Errorf("%d open: back within %s and told within %s, want %s and %s", c.open, reopens, turns, c.reopens, c.turns)
		}
	}
}
