package engine

import (
	"sync"

	"github.com/curfew-project/curfew/verifier/session"
)

// follows are the requests that are open for long and end with their session. There are no more of them than such requests, so nothing
// else bounds them.
type follows struct {
	mu sync.Mutex
	of map[session.ID]map[*follow]struct{}
}

type follow struct{ ended chan struct{} }

// Follow tells when a session ends: ended is closed then. What ended before the call is not told; ask Lasts afterwards. stop must be
// called when nobody waits any more.
func (e *Engine) Follow(id session.ID) (ended <-chan struct{}, stop func()) {
	f, one := &e.follows, &follow{make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[session.ID]map[*follow]struct{}{}
	}
	if f.of[id] == nil {
		f.of[id] = map[*follow]struct{}{}
	}
	f.of[id][one] = struct{}{}
	return one.ended, func() { f.remove(id, one) }
}

func (f *follows) remove(id session.ID, one *follow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of[id], one)
	if len(f.of[id]) == 0 {
		delete(f.of, id)
	}
}

func (f *follows) tell(s session.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for one := range f.of[s.ID] {
		close(one.ended)
	}
	delete(f.of, s.ID)
}
