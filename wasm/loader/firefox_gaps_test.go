package loader_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/firefox"
	"github.com/curfew-project/curfew/wasm/needs"
)

// Firefox keeps no page in its back/forward cache that has a Web Lock, waits for one, or has an event stream open when the next page answers, and
// pagehide comes later than that. So a guarded page is loaded anew, and what counts is that coming back to it extends nothing.
// Without both it is kept: it comes back covered, its own handlers see nothing else, and the verifier's answer decides.
func TestFirefox_A13_BackForwardCache(t *testing.T) {
	t.Parallel()
	browser := firefox.New(t)
	const keepable = `Object.defineProperty(Navigator.prototype, "locks", { value: undefined }); delete globalThis.EventSource`
	for name, c := range map[string]struct {
		over   bool
		script string
	}{
		"deadline passed, loaded anew": {over: true},
		"in time, loaded anew":         {},
		"deadline passed, kept":        {over: true, script: keepable},
		"in time, kept":                {script: keepable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tab, _ := openFirefox(t, s, browser, c.script)
			s.set(func(s *site) {
				s.cache, s.enforces, s.active = "no-cache", true, s.now()
				if c.over { // it ends soon, but not before the page has loaded on a busy machine
					s.settings.InactivityTimeout, s.settings.InactivityWarning = 25_000, 1000
				}
			})
			firefox.Go(t, tab, s.URL+"/kept")
			knowsFirefox(t, tab)
			firefox.Eval[any](t, tab, `void (() => { globalThis.kept = true; `+noteSeen+` })()`)
			firefox.Go(t, tab, s.URL+"/bye")
			n, last := len(s.allBeats()), lastActive(s)
			if c.over {
				needs.Until(t, "the deadline", func() bool { return clockNow(s) > last+26_000 })
			}
			release := holdBack(s)
			firefox.Back(t, tab, 1)
			firefox.Until(t, tab, `location.pathname === "/kept" && document.readyState === "complete"`)
			kept := firefox.Eval[bool](t, tab, `globalThis.kept === true`)
			if !kept && c.script != "" {
				t.Fatal("the browser did not keep the page")
			}
			if kept {
				firefox.Until(t, tab, coverStands)
				wantCoveredFirefox(t, tab)
				noted := firefox.Eval[[]string](t, tab, `noted`)
				if !slices.Contains(noted, "pageshow true") || strings.Contains(strings.Join(noted, ","), "false") {
					t.Errorf("what the page saw when it came back, and whether covered: %q", noted)
				}
			}
			release()
			untilAsked(t, s, n)
			if c.over {
				firefox.Until(t, tab, `curfew.state === "ended"`)
				wantCoveredFirefox(t, tab)
			} else {
				knowsFirefox(t, tab)
			}
			if more := lastActive(s) - last; more > 0 {
				t.Errorf("coming back extended the session by %d ms", more)
			}
		})
	}
}
