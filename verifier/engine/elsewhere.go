package engine

import (
	"context"

	"github.com/curfew-project/curfew/verifier/session"
)

// Hear takes note of what another verifier has done to a session: pages that wait here for its end are told. It records nothing, because
// the other one has. It does not block.
func (e *Engine) Hear(s session.Session) {
	if s.State.EndedAt != 0 {
		e.watches.tell(s)
	}
}

// Recheck looks at every session that pages wait for here, for ends that were not heard of: the connection to the store may have been
// lost meanwhile. Its error is the first of the store.
func (e *Engine) Recheck(ctx context.Context) error {
	for _, id := range e.watches.sessions() {
		s, ok, err := e.store.Get(ctx, id, e.clock())
		if err != nil {
			return unavailable(err)
		}
		if ok {
			e.Hear(s)
		}
	}
	return ctx.Err()
}

// sessions are those that somebody waits for.
func (w *watches) sessions() []session.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]session.ID, 0, len(w.of))
	for id := range w.of {
		all = append(all, id)
	}
	return all
}
