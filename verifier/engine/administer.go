package engine

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// EndByAdmin ends a session on an administrator's word (B6): its next request is refused, where verdicts are kept once Settle has
// returned. It reports whether the session lived until now. An administrator who goes away does not stop it halfway.
func (e *Engine) EndByAdmin(ctx context.Context, s session.Session, actor string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	now := e.clock()
	if s.State.Ended(now) {
		return false, nil
	}
	next, err := e.endAs(ctx, s, wire.EndedByAdmin, actor, now)
	return err == nil && next.State.EndedAt == now && next.State.Reason == wire.EndedByAdmin, err
}

// WhereOf is where a session began; the zero value when that is not known.
func (e *Engine) WhereOf(ctx context.Context, s session.Session) (Where, error) {
	kept, err := e.secrets(ctx, s, e.clock())
	if errors.Is(err, errNoSecrets) {
		return Where{}, nil
	}
	return kept.Where, err
}

// IDTokenOf is the last ID token of a session, as the provider gave it; empty when it is not at hand. It was verified when it came.
func (e *Engine) IDTokenOf(ctx context.Context, s session.Session) (string, error) {
	kept, err := e.secrets(ctx, s, e.clock())
	if errors.Is(err, errNoSecrets) {
		return "", nil
	}
	return kept.IDToken, err
}
