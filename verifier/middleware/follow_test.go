package middleware

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// script answers what is asked about a session.
type script struct {
	ended, look chan struct{}

	mu     sync.Mutex
	until  time.Time // the session's deadline
	silent bool      // nobody answers
	asked  int
}

func (s *script) living(every time.Duration) living {
	return living{ended: s.ended, look: s.look, every: func() time.Duration { return every }, lasts: func(ctx context.Context) (time.Duration, error) {
		s.mu.Lock()
		s.asked++
		silent, until := s.silent, s.until
		s.mu.Unlock()
		if silent {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		return max(time.Until(until), 0), nil
	}}
}

func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// P1, P4: what is open ends at the deadline, wherever that has moved to; at once when an end is told; and when nobody answers any more.
func TestP1_WhatIsOpenEndsWithItsSession(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*script)
		after   time.Duration
	}{
		"nothing":             {func(*script) {}, time.Hour},
		"an end that is told": {func(s *script) { time.Sleep(7 * time.Minute); close(s.ended) }, 7 * time.Minute},
		"a deadline that moves away": {func(s *script) {
			time.Sleep(50 * time.Minute)
			s.set(func(s *script) { s.until = s.until.Add(time.Hour) })
		}, 2 * time.Hour},
		"a deadline that comes nearer": {func(s *script) {
			time.Sleep(7 * time.Minute)
			s.set(func(s *script) { s.until = time.Now().Add(time.Minute) })
		}, 8 * time.Minute},
		"an end that nobody told": {func(s *script) {
			time.Sleep(7*time.Minute + time.Second)
			s.set(func(s *script) { s.until = time.Now() })
		}, 7*time.Minute + lookEvery},
		"and a reason to look": {func(s *script) {
			time.Sleep(7*time.Minute + time.Second)
			s.set(func(s *script) { s.until = time.Now() })
			s.look <- struct{}{}
		}, 7*time.Minute + time.Second},
		"a verifier that does not answer": {func(s *script) {
			time.Sleep(7*time.Minute + time.Second)
			s.set(func(s *script) { s.silent = true })
		}, 7*time.Minute + lookEvery + Patience},
		"a moment without an answer": {func(s *script) {
			time.Sleep(7*time.Minute + time.Second)
			s.set(func(s *script) { s.silent = true })
			time.Sleep(lookEvery + Patience/2)
			s.set(func(s *script) { s.silent = false })
		}, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{ended: make(chan struct{}), look: make(chan struct{}, 1), until: time.Now().Add(time.Hour)}
			began := time.Now()
			ctx, cancel := while(t.Context(), s.living(lookEvery))
			defer cancel()
			go c.happens(s)
			<-ctx.Done()
			took := time.Since(began)
			if took < c.after || took > c.after+3*time.Second || context.Cause(ctx) != ErrSessionEnded {
				t.Errorf("%s: ended after %s, want %s; %v", name, took, c.after, context.Cause(ctx))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // one that is closed by itself asks no more
		s := &script{until: time.Now().Add(time.Hour)}
		ctx, cancel := while(t.Context(), s.living(lookEvery))
		synctest.Wait()
		cancel()
		if synctest.Wait(); s.asked != 1 || !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("asked %d times; %v", s.asked, context.Cause(ctx))
		}
	})
}

// D4, D5: without heartbeats what is open ends when its cookie would have gone stale, however long the session lasts.
func TestD4_OnlyHeartbeatsVouchForWhatIsOpen(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	const minute = 60_000
	answer := func(proved uint64, fresh int64) wire.Verdict {
		return wire.Verdict{Proved: proved, Fresh: fresh, Renewal: 5 * minute, Lasts: 600 * minute}
	}
	var v vouched
	for _, step := range []struct {
		after time.Duration
		says  wire.Verdict
		want  time.Duration
	}{
		{0, answer(7, 3*minute), 3 * time.Minute},               // as long as the cookie that it came with
		{time.Minute, answer(7, 2*minute), 2 * time.Minute},     //
		{2 * time.Minute, answer(8, 1*minute), 5 * time.Minute}, // a heartbeat
		{6 * time.Minute, answer(8, 0), time.Minute},            // the old cookie does not matter
		{6 * time.Minute, answer(9, 0), 5 * time.Minute},        //
		{12 * time.Minute, answer(9, 0), -time.Minute},          // silence
		{13 * time.Minute, answer(10, 0), 5 * time.Minute},      // whoever still waits then
	} {
		if got := v.by(step.says, at.Add(step.after)); got != step.want {
			t.Errorf("after %s: %s, want %s", step.after, got, step.want)
		}
	}
}
