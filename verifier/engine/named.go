package engine

import (
	"context"

	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Named is the session that a cookie names which was made here for the environment, however old it is. Nothing is looked up: the session
// may have ended. It is for telling requests apart, and decides nothing about them.
func (e *Engine) Named(env settings.Environment, cookie string) (session.ID, bool) {
	id, _, err := e.openCookie(env, cookie)
	return id, err == nil
}

// Claims reports whether a proof says that it was made with a session's key. Nothing of it is verified. It looks the session up.
func (e *Engine) Claims(ctx context.Context, id session.ID, proofs []string) bool {
	claimed, ok := proofcheck.Claimed(proofs)
	if !ok {
		return false
	}
	s, ok, err := e.store.Get(ctx, id, e.clock())
	return err == nil && ok && sameKey(claimed, s.Key)
}
