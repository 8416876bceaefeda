package chrome_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// diary writes down what a page hears of its life, and holds a lock for as long as it lives.
const diary = `<!doctype html><title>diary</title><script>
globalThis.heard = [];
for (const [target, types] of [[document, ["visibilitychange", "freeze", "resume"]], [window, ["pagehide"]]])
	for (const type of types) target.addEventListener(type, () => heard.push(type === "visibilitychange" ? document.visibilityState : type));
navigator.locks.request("alive" + location.pathname, () => new Promise(() => {}));
globalThis.ticks = 0;
setInterval(() => ticks++, 50);
</script>`

// locks asks who lives, in the page of any tab.
const locks = `navigator.locks.query().then((all) => all.held.map((lock) => lock.name).sort().join(" "))`

func diaries(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(diary))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func wantHeard(t *testing.T, tab context.Context, want string) {
	t.Helper()
	if got := chrome.Eval[string](t, tab, `heard.join(" ")`); got != want {
		t.Errorf("the page heard %q, want %q", got, want)
	}
}

func untilLocks(t *testing.T, tab context.Context, want string) {
	t.Helper()
	needs.UntilEqual(t, "who holds a lock", want, func() string { return chrome.Eval[string](t, tab, locks) })
}

func TestFreezeAndThaw(t *testing.T) {
	url, tab := diaries(t), chrome.Tab(t, chrome.New(t))
	chrome.Go(t, tab, url)
	chrome.Until(t, tab, `ticks > 2`)
	chrome.Freeze(t, tab)
	wantHeard(t, tab, "hidden freeze")
	before := chrome.Eval[int](t, tab, `ticks`)
	other := chrome.Tab(t, tab)
	chrome.Go(t, other, url+"/other")
	chrome.Until(t, other, `ticks > 10`)
	if after := chrome.Eval[int](t, tab, `ticks`); after != before {
		t.Errorf("a frozen page's timer ran %d times", after-before)
	}
	untilLocks(t, other, "alive/ alive/other") // a frozen tab keeps its lock
	chrome.Thaw(t, tab)
	chrome.Until(t, tab, "ticks > "+strconv.Itoa(before))
	chrome.Restore(t, tab)
	chrome.Until(t, tab, `heard.join(" ") === "hidden freeze resume visible"`)
}

func TestCrash(t *testing.T) {
	url, browser := diaries(t), chrome.New(t)
	tab, other := chrome.Tab(t, browser), chrome.Tab(t, browser)
	chrome.Go(t, tab, url+"/crashing")
	chrome.Go(t, other, url+"/other")
	untilLocks(t, other, "alive/crashing alive/other")
	chrome.Crash(t, tab)
	untilLocks(t, other, "alive/other")
	chrome.Go(t, tab, url+"/again")
	untilLocks(t, other, "alive/again alive/other")
}

func TestWindows(t *testing.T) {
	url, browser := diaries(t), chrome.New(t)
	first, second := chrome.Tab(t, browser), chrome.NewWindow(t, browser)
	chrome.Go(t, first, url+"/first")
	chrome.Go(t, second, url+"/second")
	wantHeard(t, first, "") // the second window does not hide the first
	chrome.Minimize(t, first)
	chrome.Restore(t, first)
	wantHeard(t, first, "hidden visible")
}

// After the grace a hidden page's timers run once a minute: between two whole minutes of its clock not at all.
func TestThrottleAfter(t *testing.T) {
	url, tab := diaries(t), chrome.Tab(t, chrome.New(t, chrome.ThrottleAfter(2*time.Second)))
	chrome.Go(t, tab, url)
	chrome.Minimize(t, tab)
	ticks := func() int { return chrome.Eval[int](t, tab, `ticks`) }
	began, last, still := time.Now(), ticks(), time.Now()
	for time.Since(began) < 30*time.Second {
		time.Sleep(100 * time.Millisecond)
		if now := ticks(); now != last {
			last, still = now, time.Now()
		}
		if time.Since(still) > 4*time.Second { // mild throttling lets it run every second
			return
		}
	}
	t.Errorf("the timer of a hidden page still ran after %s", time.Since(began))
}

func TestDiscard(t *testing.T) {
	url, browser := diaries(t), chrome.New(t)
	for range 2 { // the browser's own page is asked for leave once
		other, twin, tab := chrome.Tab(t, browser), chrome.Tab(t, browser), chrome.Tab(t, browser)
		chrome.Go(t, other, url+"/other")
		chrome.Go(t, twin, url+"/page")
		chrome.Go(t, tab, url+"/page")
		chrome.Eval[any](t, twin, `void (heard.push("twin"))`)
		chrome.Eval[any](t, tab, `void navigator.locks.request("mine", () => new Promise(() => {}))`)
		untilLocks(t, other, "alive/other alive/page mine")
		discarded := chrome.Discard(t, tab)
		untilLocks(t, other, "alive/other alive/page") // the twin has it now
		wantHeard(t, twin, "twin")
		again := discarded.Open(t)
		chrome.Until(t, again, `document.wasDiscarded && location.pathname === "/page" && document.visibilityState === "visible"`)
	}
}
