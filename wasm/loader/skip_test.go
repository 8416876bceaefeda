package loader_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// skippable lets a test skip time in a page: globalThis.skip moves both of its clocks, so that there is no gap, and runs the timers that
// are due then, in small steps. Other than virtual time it works beside an event stream.
const skippable = `{
	let ahead = 0;
	const pending = new Map(), wall = Date.now, mono = performance.now, start = setTimeout, stop = clearTimeout;
	Date.now = () => wall() + ahead;
	performance.now = () => mono.call(performance) + ahead;
	globalThis.setTimeout = (then, millis = 0, ...rest) => {
		const run = () => { pending.delete(id); then(...rest); };
		const id = start(run, millis);
		pending.set(id, { run, due: performance.now() + millis });
		return id;
	};
	globalThis.clearTimeout = (id) => { pending.delete(id); stop(id); };
	globalThis.skip = async (millis) => {
		for (const step = 1000; millis > 0; millis -= step) {
			ahead += Math.min(step, millis);
			for (const [id, { run, due }] of [...pending].sort((a, b) => a[1].due - b[1].due)) {
				if (due <= performance.now() && pending.has(id)) stop(id), run();
			}
			await new Promise((done) => start(done));
		}
		return true;
	};
}`

// skip lets time pass in a skippable page, and on the verifier's clock.
func skip(t testing.TB, s *site, tab context.Context, length time.Duration) {
	t.Helper()
	s.set(func(s *site) { s.ahead += length.Milliseconds() })
	chrome.Eval[bool](t, tab, fmt.Sprintf(`skip(%d)`, length.Milliseconds()))
}

// openWith is open for a tab whose pages run a script before all others.
func openWith(t testing.TB, s *site, browser context.Context, script string) context.Context {
	t.Helper()
	tab := chrome.Tab(t, browser)
	chrome.BeforeLoad(t, tab, script)
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
	return tab
}

// skipUntil lets time pass, a second at a time, until something is so, and returns how many seconds that took.
func skipUntil(t testing.TB, s *site, tab context.Context, limit int, so func() bool) int {
	t.Helper()
	for seconds := range limit + 1 {
		if so() {
			return seconds
		}
		skip(t, s, tab, time.Second)
		time.Sleep(20 * time.Millisecond) // for the network, which lives in real time
	}
	t.Fatalf("not so in %d seconds", limit)
	return 0
}
