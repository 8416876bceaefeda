package engine

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// maxAhead is how far the clock of another verifier, which made a cookie, may be ahead of ours.
const maxAhead = time.Minute

// Check is the verdict on one request to the application, by its cookie alone: the session it belongs to, or a *Refusal with
// wire.NoSession, wire.SessionEnded, wire.StaleCookie or wire.Unavailable. It never extends anything (D1).
func (e *Engine) Check(ctx context.Context, env settings.Environment, cookie string) (session.Session, error) {
	s, _, err := e.fresh(ctx, env, cookie, e.clock())
	return s, err
}

// fresh is the session of a cookie that is not stale, and when it goes stale.
func (e *Engine) fresh(ctx context.Context, env settings.Environment, cookie string, now int64) (session.Session, int64, error) {
	s, expires, err := e.find(ctx, env, cookie, now)
	if err != nil {
		return session.Session{}, 0, err
	}
	if e.isStale(expires, now) {
		return session.Session{}, 0, stale(s, now)
	}
	return s, expires, nil
}

// isStale reports whether a cookie that says when it goes stale is. One that is good for longer than any is made by a clock that is right was
// made by one that was ahead, or ours was set back.
func (e *Engine) isStale(expires, now int64) bool {
	return now >= expires || expires > now+(e.renewal+maxAhead).Milliseconds()
}

func stale(s session.Session, now int64) *Refusal {
	return &Refusal{wire.Refusal{
		Error: wire.StaleCookie, Now: now, SID: s.ID.String(), Message: "the cookie must be renewed by the session's key",
	}}
}

// Living reports whether a cookie, however old, names a session that lives. The error is a *Refusal with wire.Unavailable.
func (e *Engine) Living(ctx context.Context, env settings.Environment, cookie string) (bool, error) {
	_, _, err := e.find(ctx, env, cookie, e.clock())
	var refused *Refusal
	if err == nil || errors.As(err, &refused) && refused.Refusal.Error != wire.Unavailable {
		return err == nil, nil
	}
	return false, err
}
