package engine

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Active is what introspection says of a token that is good (RFC 7662 section 2.2).
type Active struct {
	Session session.Session
	Expires int64 // until then, in milliseconds since the epoch, at the latest: never past any deadline
	Bound   bool  // an access token, which is good only with a proof by the session's key; otherwise the session cookie
}

// Introspect judges a session cookie's value or an access token. ok is false for whatever is not good at this moment, whatever is wrong
// with it. The error is a *Refusal with wire.Unavailable. It never extends anything (D1).
func (e *Engine) Introspect(ctx context.Context, env settings.Environment, token string) (a Active, ok bool, err error) {
	now := e.clock()
	s, expires, err := e.findToken(ctx, env, token, now)
	bound := true
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) && refusal.Refusal.Error == wire.InvalidToken {
		bound = false
		s, expires, err = e.findCookie(ctx, env, token, now)
	}
	refusal := (*Refusal)(nil)
	switch {
	case err != nil && (!errors.As(err, &refusal) || refusal.Refusal.Error == wire.Unavailable):
		return Active{}, false, err
	case err != nil || now >= expires || !bound && e.isStale(expires, now):
		return Active{}, false, nil
	}
	ends, _ := s.State.Ends()
	return Active{Session: s, Expires: min(expires, ends), Bound: bound}, true, nil
}

// findCookie is find for a text that somebody else takes for a cookie: that it is none is not this verifier's affair, and not recorded.
func (e *Engine) findCookie(ctx context.Context, env settings.Environment, cookie string, now int64) (session.Session, int64, error) {
	if _, _, err := e.openCookie(env, cookie); err != nil {
		return session.Session{}, 0, refuse(wire.NoSession, err.Error())
	}
	return e.find(ctx, env, cookie, now)
}

// Judged is a verdict for somebody who asks from another process, with lengths instead of instants: clocks differ.
type Judged struct {
	Session session.Session
	Fresh   int64 // for how many milliseconds the cookie is let through as things are
	Lasts   int64 // for how many milliseconds the session lasts as things are, at most wire.MaxLasts; also with wire.StaleCookie
	Renewal int64 // for how many milliseconds a cookie is good: as long vouches a heartbeat, which changes Session.Seq, for what is open
}

// Judge is Check, and says besides for how long its answer would stay the same if nothing happened. It refuses like Check. open is for what
// stays open and lives on heartbeats: then the session's own record is read, because another verifier may have taken them (P2).
func (e *Engine) Judge(ctx context.Context, env settings.Environment, cookie string, open bool) (Judged, error) {
	now := e.clock()
	s, expires, err := e.find(ctx, env, cookie, now)
	if err != nil {
		return Judged{}, err
	}
	if open {
		if s, err = e.latestLiving(ctx, s.ID, now); err != nil {
			return Judged{}, err
		}
	}
	j := Judged{Session: s, Lasts: lasts(s, now), Renewal: e.renewal.Milliseconds()}
	if e.isStale(expires, now) {
		return j, stale(s, now)
	}
	j.Fresh = min(expires-now, j.Lasts)
	return j, nil
}

func lasts(s session.Session, now int64) int64 {
	if s.State.Ended(now) { // also by a clock that is ahead of ours
		return 0
	}
	ends, _ := s.State.Ends()
	return min(ends-now, wire.MaxLasts)
}
