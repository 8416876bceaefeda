package loader_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// B4: who signs out does not wait for a heartbeat that hangs: it is given up after three seconds.
func TestB4_SignOutPastAHangingHeartbeat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var hang atomic.Bool
	var under, given atomic.Int64 // heartbeats that hang, and that were given up
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.curfew/heartbeat" && hang.Load() {
			under.Add(1)
			select {
			case <-r.Context().Done():
				given.Add(1)
			case <-s.quit:
			}
			return
		}
		inner.ServeHTTP(w, r)
	})
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.interval = 300 })
	chrome.Go(t, tab, s.URL)
	untilNumber(t, s, 2)
	hang.Store(true)
	needs.Until(t, "a heartbeat that hangs", func() bool { return under.Load() > 0 })
	chrome.Eval[bool](t, tab, `curfew.signOut()`)
	wantCovered(t, tab)
	chrome.Until(t, tab, `location.pathname === "/bye"`)
	if n := given.Load(); n != 1 || under.Load() != 1 {
		t.Errorf("%d of %d heartbeats that hang were given up", n, under.Load())
	}
}
