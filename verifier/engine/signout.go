package engine

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// SignOut ends the session that the proof is made for, and every other session of its user in the environment (B4). It
// takes the proof of a heartbeat, made for the sign-out address, so that a copied cookie cannot sign anybody out. It
// returns what the provider's end-session address wants to know.
func (e *Engine) SignOut(ctx context.Context, env settings.Environment, r Request) (session.Session, session.Secrets, error) {
	now := e.clock()
	none, secrets := session.Session{}, session.Secrets{}
	known, proved, err := e.prove(ctx, env, r, now)
	if err != nil {
		return none, secrets, err
	}
	s, ok, err := e.store.Update(ctx, known.ID, now, func(s session.Session) (session.Session, error) {
		if proved.Claims.Heartbeat.Seq <= s.Seq {
			return s, errReplayed
		}
		s.Seq = proved.Claims.Heartbeat.Seq
		s.State = deadline.Step(s.State, deadline.End{Reason: wire.SignedOut}, now)
		return s, nil
	})
	switch {
	case errors.Is(err, session.ErrEnded):
		return none, secrets, ended(s, now)
	case errors.Is(err, errReplayed):
		e.recordRefusal(env, known, now, wire.Replayed, "")
		return none, secrets, e.again(env, known, now, wire.Replayed)
	case err != nil:
		return none, secrets, unavailable(err)
	case !ok:
		return none, secrets, refuse(wire.NoSession, "nobody knows this session any more")
	}
	e.recordEnd(s)
	if err := e.endOthers(ctx, s, now); err != nil {
		return none, secrets, err
	}
	secrets, _, err = e.store.Secrets(ctx, s.ID, now)
	if err != nil {
		secrets = session.Secrets{} // the provider is asked without a hint
	}
	return s, secrets, nil
}

func (e *Engine) endOthers(ctx context.Context, s session.Session, now int64) error {
	all, err := e.store.ByUser(ctx, s.User, now)
	if err != nil {
		return unavailable(err)
	}
	for _, other := range all {
		if other.ID == s.ID || other.State.Ended(now) {
			continue
		}
		if _, err := e.end(ctx, other, wire.SignedOutElsewhere, now); err != nil {
			return err
		}
	}
	return nil
}
