package engine

import (
	"context"
	"sync"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Watch waits for the end of one session.
type Watch struct {
	// Ended gets the reason when the session ends, once.
	Ended   <-chan wire.Reason
	Session session.ID

	ended chan wire.Reason
	in    *watches
}

// Stop must be called when nobody waits any more.
func (w *Watch) Stop() { w.in.remove(w) }

// watches are the pages that wait to be told.
type watches struct {
	mu sync.Mutex
	of map[session.ID]map[*Watch]struct{}
}

// MaxWatches is how many can wait for one session. A browser needs one.
const MaxWatches = 8

// Watch waits for the end of the session that a cookie names, however old the cookie is. It refuses like Check, but without
// wire.StaleCookie, and with wire.TooMany when too many wait for the session already.
func (e *Engine) Watch(ctx context.Context, env settings.Environment, cookie string) (*Watch, error) {
	now := e.clock()
	s, _, err := e.find(ctx, env, cookie, now)
	if err != nil {
		return nil, err
	}
	ended := make(chan wire.Reason, 1)
	w := &Watch{Ended: ended, ended: ended, Session: s.ID, in: &e.watches}
	if !e.watches.add(w) {
		return nil, refuse(wire.TooMany, "too many pages wait for this session")
	}
	// It may have ended between the look and the wait.
	if s, _, err = e.find(ctx, env, cookie, now); err != nil {
		w.Stop()
		return nil, err
	}
	return w, nil
}

func (w *watches) add(watch *Watch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.of[watch.Session]
	if len(all) >= MaxWatches {
		return false
	}
	if all == nil {
		all = map[*Watch]struct{}{}
		w.of[watch.Session] = all
	}
	all[watch] = struct{}{}
	return true
}

func (w *watches) remove(watch *Watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of[watch.Session], watch)
	if len(w.of[watch.Session]) == 0 {
		delete(w.of, watch.Session)
	}
}

// tell tells everybody who waits for the end of a session. Each is told at most once, so it never blocks.
func (w *watches) tell(s session.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for watch := range w.of[s.ID] {
		watch.ended <- s.State.Reason
	}
	delete(w.of, s.ID)
}
