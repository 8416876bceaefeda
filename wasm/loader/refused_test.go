package loader_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// D4: when something that the page asked for is refused with 401, the agent asks the verifier at once instead of at its next heartbeat: a
// stale cookie is renewed, and the end of a session is said on the page. However often the page is refused, the verifier is asked once.
func TestD4_RefusedRequestMakesTheAgentAsk(t *testing.T) {
	const refused = `Promise.all(Array.from({ length: 20 }, () => fetch("/refused").then((answer) => answer.status))).then((all) => all[0])`
	browser := chrome.New(t)
	opened := func() (*site, context.Context) {
		s := newSite(t)
		s.set(func(s *site) { s.interval, s.eventsStatus = 3_600_000, http.StatusNoContent }) // nothing else would tell the page for an hour
		return s, openAnswered(t, s, browser)
	}

	s, tab := opened()
	sent := len(s.allBeats())
	for _, other := range []string{"/", "/.curfew/sign-in", "/.curfew/nothing"} {
		chrome.Eval[any](t, tab, `fetch("`+other+`").then((answer) => answer.text()).then(() => null)`)
	}
	if n := len(s.allBeats()) - sent; n != 0 {
		t.Fatalf("requests that were not refused made the agent ask %d times", n)
	}
	if got := chrome.Eval[int](t, tab, refused); got != http.StatusUnauthorized {
		t.Fatalf("the page's fetch gets %d", got)
	}
	needs.Until(t, "the agent to ask", func() bool { return len(s.allBeats()) > sent })
	chrome.Eval[int](t, tab, refused)
	if n := len(s.allBeats()) - sent; n != 1 {
		t.Errorf("forty refused requests made the agent ask %d times", n)
	}

	s, tab = opened()
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Eval[any](t, tab, `{ const request = new XMLHttpRequest(); request.open("GET", "/refused"); request.send(); }`)
	chrome.Until(t, tab, coverStands)
}
