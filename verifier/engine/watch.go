package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Watch waits for the end of one session, and for a change of what is set for it.
type Watch struct {
	// Ended gets the reason when the session ends, once.
	Ended <-chan wire.Reason
	// Changed gets something when the settings of the session's environment have changed (A12). Several changes that nobody took
	// note of are one.
	Changed <-chan struct{}
	Session session.ID

	environment string
	holds       bool // it is a Hold's
	ended       chan wire.Reason
	changed     chan struct{}
	in          *watches
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
	w := e.newWatch(env, s.ID)
	if !e.watches.add(w, MaxWatches) {
		return nil, refuse(wire.TooMany, "too many pages wait for this session")
	}
	// It may have ended between the look and the wait.
	if s, _, err = e.find(ctx, env, cookie, now); err != nil {
		w.Stop()
		return nil, err
	}
	if s.State.Settings != env.For(s.Check.Bypassed, s.Client) {
		w.change() // while nobody waited
	}
	return w, nil
}

func (e *Engine) newWatch(env settings.Environment, id session.ID) *Watch {
	ended, changed := make(chan wire.Reason, 1), make(chan struct{}, 1)
	return &Watch{Ended: ended, Changed: changed, Session: id, environment: env.ID, ended: ended, changed: changed, in: &e.watches}
}

// SettingsChanged tells the pages that wait in some environments, by their IDs, that the settings have changed (A12). Whoever opens
// a Watch after the new settings are in force need not be told. It does not block.
func (e *Engine) SettingsChanged(environments ...string) { e.watches.change(environments) }

func (w *Watch) change() {
	select {
	case w.changed <- struct{}{}:
	default: // one that nobody took note of yet is enough
	}
}

// add takes a watch where fewer than most of its kind are there.
func (w *watches) add(watch *Watch, most int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, same := w.of[watch.Session], 0
	for other := range all {
		if other.holds == watch.holds {
			same++
		}
	}
	if same >= most {
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

// change tells everybody who waits in some environments.
func (w *watches) change(environments []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.of {
		for watch := range all {
			if slices.Contains(environments, watch.environment) {
				watch.change()
			}
		}
	}
}
