package server

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// steady is a clock that never goes back and never goes slower than time does: a computer's clock that is set back must not give a session
// that was promised a minute another hour (P1). One that is set forward is believed, because then sessions end sooner. The verifier is ahead
// of a clock that was set back until that has caught up or the verifier is restarted, and says so.
type steady struct {
	now     func() time.Time
	elapsed func() time.Duration
	log     *slog.Logger
	most    atomic.Int64 // the most that the clock has ever been ahead of elapsed, in nanoseconds
	told    atomic.Bool
}

// noticeable is how far a clock is set back before anybody is told. Small corrections are ordinary.
const noticeable = time.Second

// newSteady makes a steady clock of a computer's clock and of one that only measures how long something takes.
func newSteady(now func() time.Time, elapsed func() time.Duration, log *slog.Logger) *steady {
	s := &steady{now: now, elapsed: elapsed, log: log}
	s.most.Store(now().UnixNano() - int64(elapsed()))
	return s
}

// Now is the time.
func (s *steady) Now() time.Time {
	wall := s.now().UnixNano()
	elapsed := int64(s.elapsed())
	ahead := wall - elapsed
	most := s.most.Load()
	for ahead > most && !s.most.CompareAndSwap(most, ahead) {
		most = s.most.Load()
	}
	most = max(most, ahead)
	if back := most - ahead; back > int64(noticeable) && s.told.CompareAndSwap(false, true) {
		s.log.Error("clock_set_back", "by", time.Duration(back).Round(time.Millisecond).String(),
			"meaning", "the verifier goes on by the time before; restart it when the clock is right")
	} else if back <= int64(noticeable) && s.told.Load() {
		s.told.Store(false)
	}
	return time.Unix(0, elapsed+most)
}
