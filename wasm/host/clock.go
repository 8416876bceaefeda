package host

import "time"

// Clock is the time of one simulated machine: what its browser tabs see. Its owner moves it, directly or through
// [Loop.Advance]; nothing here reads the real time.
//
// The two clocks are separate because sleep separates them: while a machine is suspended its wall clock goes on and its
// monotonic clock, which timers and performance.now follow, stands still.
type Clock struct {
	// Wall is the wall clock in nanoseconds since the Unix epoch; it may jump either way.
	Wall int64
	// Mono is the monotonic clock in nanoseconds since an arbitrary origin; it must not go back.
	Mono int64
}

// NewClock returns a clock that shows the wall time, with its monotonic clock at zero.
func NewClock(wall time.Time) *Clock { return &Clock{Wall: wall.UnixNano()} }

// Advance moves both clocks, as ordinary time does. Timers that become due run at the next [Loop.Run]; [Loop.Advance] runs
// each at its own time.
func (c *Clock) Advance(d time.Duration) {
	c.Wall += int64(d)
	c.Mono += int64(d)
}

// Sleep moves the wall clock only, as a suspended machine's does. A negative d sets the wall clock back.
func (c *Clock) Sleep(d time.Duration) { c.Wall += int64(d) }

// WallMillis returns the wall clock in whole milliseconds since the Unix epoch, rounded down, as Date.now does.
func (c *Clock) WallMillis() int64 { return floorDiv(c.Wall, int64(time.Millisecond)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ceilMilli rounds nanoseconds up to a whole millisecond.
func ceilMilli(ns int64) int64 {
	const ms = int64(time.Millisecond)
	return -floorDiv(-ns, ms) * ms
}
