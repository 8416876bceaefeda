package server

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// P1: whatever is done to a computer's clock, time does not go back and does not stand still.
func TestP1_TimeDoesNotGoBack(t *testing.T) {
	began := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var wrong, passed time.Duration
	var said bytes.Buffer
	s := newSteady(func() time.Time { return began.Add(passed + wrong) }, func() time.Duration { return passed }, slog.New(slog.NewTextHandler(&said, nil)))
	for _, step := range []struct {
		name      string
		pass, set time.Duration
		is        time.Duration // after the beginning
		told      int           // of a clock that was set back, so far
	}{
		{"at first", 0, 0, 0, 0},
		{"a minute later", time.Minute, 0, time.Minute, 0},
		{"corrected by a little", time.Minute, -500 * time.Millisecond, 2 * time.Minute, 0},
		{"set back an hour", time.Minute, -time.Hour, 3 * time.Minute, 1},
		{"and time goes on", time.Minute, -time.Hour, 4 * time.Minute, 1},
		{"put right", time.Minute, 0, 5 * time.Minute, 1},
		{"set forward an hour", time.Minute, time.Hour, time.Hour + 6*time.Minute, 1},
		{"put right again", time.Minute, 0, time.Hour + 7*time.Minute, 2},
		{"and time goes on again", time.Minute, 0, time.Hour + 8*time.Minute, 2},
		{"the clock has caught up", 2 * time.Hour, 90 * time.Minute, 3*time.Hour + 38*time.Minute, 2},
	} {
		passed, wrong = passed+step.pass, step.set
		for range 2 {
			if got := s.Now().Sub(began); got != step.is {
				t.Errorf("%s: %s after the beginning; want %s", step.name, got, step.is)
			}
		}
		if n := strings.Count(said.String(), "clock_set_back"); n != step.told {
			t.Errorf("%s: told %d times of a clock that was set back; want %d", step.name, n, step.told)
		}
	}
}

func TestTimeForManyAtOnce(t *testing.T) {
	began := time.Now()
	s := newSteady(time.Now, func() time.Duration { return time.Since(began) }, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			last := s.Now()
			for range 10_000 {
				if now := s.Now(); now.Before(last) {
					t.Errorf("%s comes after %s", now, last)
					return
				} else {
					last = now
				}
			}
		})
	}
	all.Wait()
}
