package engine

import (
	"context"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// MaxHolds is how many connections of one session can be held open at once.
const MaxHolds = 64

// lookAgain is how often a held session is looked at when nothing is heard of it: its deadlines may have moved, its key may have been
// proved, and its end may have been another verifier's.
const lookAgain = 10 * time.Second

// Hold vouches for something that stays open, such as a WebSocket, for as long as Check would let a new request through: the context ends
// when the session does, at once where it ends in this verifier and at its deadline, and within lookAgain where another verifier ended
// it; and when the key has not been proved for as long as a cookie is good (D4), or the store cannot answer (P1). Its cause is a *Refusal.
// Heartbeats may come to any verifier: those of others are seen within a quarter of a renewal interval, and before anything is closed for
// want of them (P2). It extends nothing (D1). Whoever calls it calls release when nothing is open any more.
//
// It refuses like Check, and with wire.TooMany when MaxHolds are open already.
func (e *Engine) Hold(ctx context.Context, env settings.Environment, cookie string) (held context.Context, s session.Session, release func(), err error) {
	now := e.clock()
	s, expires, err := e.fresh(ctx, env, cookie, now)
	if err != nil {
		return nil, session.Session{}, nil, err
	}
	w := e.newWatch(env, s.ID)
	w.holds = true
	if !e.watches.add(w, MaxHolds) {
		return nil, session.Session{}, nil, refuse(wire.TooMany, "too many connections of this session are open")
	}
	// It may have ended between the look and the wait. A heartbeat from before must not pass for one that comes later, so the record counts.
	if s, err = e.latestLiving(ctx, s.ID, now); err != nil {
		w.Stop()
		return nil, session.Session{}, nil, err
	}
	held, cancel := context.WithCancelCause(ctx)
	go func() {
		defer w.Stop()
		cancel(e.hold(held, env, w, s, expires))
	}()
	return held, s, func() { cancel(nil) }, nil
}

// hold returns why something that was held open has to be closed.
func (e *Engine) hold(ctx context.Context, env settings.Environment, w *Watch, s session.Session, good int64) error {
	now := e.clock()
	for read := now; ; {
		ends, _ := s.State.Ends()
		timer := time.NewTimer(min(time.Duration(min(good, ends)-now)*time.Millisecond, lookAgain))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case reason := <-w.Ended:
			timer.Stop()
			return &Refusal{wire.Refusal{Error: wire.SessionEnded, Reason: reason, Now: e.clock(), SID: s.ID.String()}}
		case <-timer.C:
		}
		now = e.clock()
		next, ok, err := e.store.Get(ctx, s.ID, now)
		if err == nil && ok && next.Seq == s.Seq && (now >= good || now >= read+e.renewal.Milliseconds()/4) {
			// A heartbeat that another verifier took need not be known here: only the record itself says that there was none (P2).
			next, ok, err = e.latest(ctx, s.ID, now)
			read = now
		}
		switch {
		case err != nil:
			return unavailable(err)
		case !ok || next.User.Environment != env.ID || !e.serves(env):
			return refuse(wire.NoSession, "nobody knows this session any more")
		case next.State.Ended(now):
			return ended(next, now)
		}
		if next.Seq != s.Seq { // the key has been proved since the last look: whoever did that has a cookie that is good for as long
			good = max(good, now+e.renewal.Milliseconds())
		}
		if s = next; now >= good {
			return stale(s, now)
		}
	}
}
