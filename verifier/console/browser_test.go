package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/chrome/axe"
)

// gallery serves every state at an address of its own, as the console answers it.
func gallery(t testing.TB) string {
	t.Helper()
	pages := map[string]state{}
	for _, s := range states() {
		pages["/state/"+s.name] = s
	}
	console := mount(t, newFake(), everything, true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, ok := pages[r.URL.Path]
		switch {
		case r.URL.Path == "/.curfew/agent.js":
			w.Header().Set("Content-Type", "text/javascript")
		case !ok:
			console.ServeHTTP(w, r)
		default:
			_, header, page := s.render(t)
			for name, values := range header {
				w.Header()[name] = values
			}
			w.Write([]byte(page)) // as 200: Chromium would write any other status to the console
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// wide lists what is wider than the page.
const wide = `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".unseen, .skip, svg, thead") && e.getClientRects().length && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1))
	.map((e) => e.outerHTML.slice(0, 160))`

// Nothing breaks a rule of WCAG 2.2 AA in any state of any page, light or dark, at a desk or at 320 px, where nothing has to be scrolled
// sideways. Nothing is written to the console: the strict policy refuses nothing.
func TestC3_EveryStateInABrowser(t *testing.T) {
	address := gallery(t)
	browser := chrome.New(t)
	for _, look := range []struct {
		theme string
		width int
	}{{"light", 1280}, {"dark", 320}} {
		t.Run(look.theme, func(t *testing.T) {
			t.Parallel()
			tab := chrome.Tab(t, browser)
			console := chrome.Listen(t, tab)
			for _, s := range states() {
				chrome.Size(t, tab, look.width, 600)
				chrome.Go(t, tab, address+"/state/"+s.name)
				chrome.Emulate(t, tab, map[string]string{"prefers-color-scheme": look.theme, "prefers-reduced-motion": "reduce"})
				check(t, tab, s.name, look.width)
			}
			for _, line := range console.Errors() {
				t.Errorf("console: %s", line.Text)
			}
		})
	}
}

// broken lists the words in tables that stand on two lines, but not what machines write, nor the longest names.
const broken = `[...document.querySelectorAll("main :is(th, td)")].flatMap((cell) => {
	const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange();
	for (let node; (node = walk.nextNode()); ) {
		if (node.parentElement.closest(".unseen, .origins, .detail, code, small")) continue;
		for (const word of node.data.matchAll(/\p{L}{2,14}/gu)) {
			range.setStart(node, word.index);
			range.setEnd(node, word.index + word[0].length);
			const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
			if (lines.size > 1) found.push(word[0]);
		}
	}
	return found;
})`

// Words in tables stay whole at a desk and on a tablet, however much there is beside them, and nothing has to be scrolled sideways.
func TestC3_WordsInTablesStayWhole(t *testing.T) {
	address := gallery(t)
	tab := chrome.Tab(t, chrome.New(t))
	for _, name := range []string{"overview", "overview-crowded", "sessions", "audit", "preview", "conflict", "history", "remove"} {
		for _, width := range []int{1200, 840, 1040, 1070} {
			chrome.Size(t, tab, width, 600)
			chrome.Go(t, tab, address+"/state/"+name)
			if words := chrome.Eval[[]string](t, tab, broken); len(words) > 0 {
				t.Errorf("%s at %d px breaks %q", name, width, words)
			}
			if chrome.Eval[bool](t, tab, `document.documentElement.scrollWidth > innerWidth`) {
				t.Errorf("%s at %d px is wider than its window: %s", name, width, strings.Join(chrome.Eval[[]string](t, tab, wide), "\n\t"))
			}
		}
	}
}

// check wants axe to find nothing, and nothing to be wider than the page, in either direction.
func check(t *testing.T, tab context.Context, name string, width int) {
	t.Helper()
	// The bar with the buttons stays in sight, so axe would find it above what lies below it.
	chrome.Size(t, tab, width, int(chrome.Eval[float64](t, tab, `Math.max(600, document.documentElement.scrollHeight)`)))
	violations, _ := axe.Run(t, tab)
	for _, found := range violations {
		t.Errorf("%s: axe found %s", name, found)
	}
	for _, direction := range []string{"rtl", "ltr"} {
		chrome.Eval[string](t, tab, `document.documentElement.dir = "`+direction+`"`)
		if chrome.Eval[bool](t, tab, `document.documentElement.scrollWidth > innerWidth`) {
			t.Errorf("%s, %s: it is wider than its window: %s", name, direction, strings.Join(chrome.Eval[[]string](t, tab, wide), "\n\t"))
		}
	}
}
