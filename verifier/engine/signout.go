package engine

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// finish bounds work that goes on although its client is gone. It is longer than an ending may have to wait for verifiers that are not heard
// of (store.redis.lease, at most 10 s).
const finish = 30 * time.Second

// SignOut ends the session that the proof is made for, and unless hereOnly every other session of its user in the environment
// (B4). It takes the proof of a heartbeat, made for the sign-out address, so that a copied cookie cannot sign anybody out. It
// returns the ID token that the provider's end-session address wants as a hint, or nothing when it is not at hand. A client that goes away does not stop it halfway, and one
// whose answer was lost can repeat it.
func (e *Engine) SignOut(ctx context.Context, env settings.Environment, r Request, hereOnly bool) (hint string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	now := e.clock()
	s, _, err := e.find(ctx, env, r.Cookie, now)
	if err != nil && s.State.Reason != wire.SignedOut {
		return "", err
	}
	proved, err := e.proofFor(env, s, r, now)
	if err != nil {
		return "", err
	}
	if proved.Claims.Heartbeat.Seq <= s.Seq {
		e.recordRefusal(env, s, now, wire.Replayed, "")
		return "", e.again(s, now, wire.Replayed)
	}
	// The others first: as long as this session lives, the page can ask again when something fails.
	if !hereOnly {
		if err := e.endOthers(ctx, s, now); err != nil {
			return "", err
		}
	}
	if s.State.EndedAt == 0 {
		if err := e.signOutHere(ctx, env, s, proved.Claims.Heartbeat.Seq, now); err != nil {
			return "", err
		}
		// A sign-in may have come between the others and this one. From here on each sees this end, and needs credentials (B1).
		if !hereOnly {
			if err := e.endOthers(ctx, s, now); err != nil {
				return "", err
			}
		}
	}
	e.Settle(ctx, env.ID)
	kept, err := e.secrets(ctx, s, now)
	if err != nil {
		return "", nil
	}
	return kept.IDToken, nil
}

func (e *Engine) signOutHere(ctx context.Context, env settings.Environment, known session.Session, seq uint64, now int64) error {
	s, ok, err := e.store.Update(ctx, known.ID, now, func(s session.Session) (session.Session, error) {
		if seq <= s.Seq {
			return s, errReplayed
		}
		s.Seq = seq
		s.State = deadline.Step(s.State, deadline.End{Reason: wire.SignedOut}, now)
		return s, nil
	})
	switch {
	case errors.Is(err, session.ErrEnded):
		return ended(s, now)
	case errors.Is(err, errReplayed):
		e.recordRefusal(env, known, now, wire.Replayed, "")
		return e.again(known, now, wire.Replayed)
	case err != nil:
		e.recordUnsure(ctx, known.ID, wire.SignedOut, now)
		return unavailable(err)
	case !ok:
		return refuse(wire.NoSession, "nobody knows this session any more")
	}
	e.recordEnd(s)
	return nil
}

// endOthers ends the user's other sessions: all that there are, also those that seem to begin later because another verifier's clock is
// ahead. For a session that was signed out before, only those that began before that, so that repeating an old sign-out does not touch what
// came after it.
func (e *Engine) endOthers(ctx context.Context, s session.Session, now int64) error {
	until := deadline.Never
	if s.State.EndedAt != 0 {
		until = s.State.EndedAt
	}
	all, err := e.store.ByUser(ctx, s.User, now)
	if err != nil {
		return unavailable(err)
	}
	for _, other := range all {
		if other.ID == s.ID || other.State.Began > until || other.State.Ended(now) {
			continue
		}
		if _, err := e.end(ctx, other, wire.SignedOutElsewhere, now); err != nil {
			return err
		}
	}
	return nil
}
