// Package activity turns raw events into honest activity. The page's listener stores only the two clock readings of the
// last real event; everything else is decided here, when the agent wakes.
package activity

// Stamp is a reading of the client's two clocks, in milliseconds. Neither decides anything by itself: the wall clock jumps
// when somebody sets it, and the monotonic one stands still while the machine sleeps (A13). Only lengths between two stamps of
// one page are used, never instants. The zero Stamp means that there is none.
type Stamp struct {
	Wall int64 // Date.now()
	Mono int64 // performance.now()
}

// IsZero reports whether there is no reading.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// Since is how long ago an earlier stamp was, in milliseconds and never negative: the longer of what the two clocks say.
// Sleep stops only the monotonic clock and somebody setting the wall clock back slows only that one, so the longer is never
// too short. A wall clock set forward makes it too long, which can only make activity look older than it is, until the
// verifier's next answer.
func (s Stamp) Since(earlier Stamp) int64 {
	return max(s.Wall-earlier.Wall, s.Mono-earlier.Mono, 0)
}

// AtLeast is how long ago an earlier stamp was at the least, in milliseconds and never negative: the shorter of what the clocks say.
func (s Stamp) AtLeast(earlier Stamp) int64 {
	return max(min(s.Wall-earlier.Wall, s.Mono-earlier.Mono), 0)
}

// Apart is how far the two clocks have moved apart since an earlier stamp, in milliseconds: the machine slept, or somebody set the
// wall clock (A13).
func (s Stamp) Apart(earlier Stamp) int64 {
	apart := (s.Wall - earlier.Wall) - (s.Mono - earlier.Mono)
	return max(apart, -apart)
}

// Before is the stamp that many milliseconds earlier.
func (s Stamp) Before(millis int64) Stamp { return Stamp{Wall: s.Wall - millis, Mono: s.Mono - millis} }
