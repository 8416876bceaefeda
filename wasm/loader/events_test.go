package loader_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

const (
	asking     = `document.querySelector("curfew-agent")?.shadowRoot.querySelector("[part=cover]")?.open && document.querySelector("curfew-agent").shadowRoot.querySelector("h1").textContent === "One moment…"`
	pageIsSeen = `!document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog")`
	// inLine is how many pages of this browser wait for the stream, and holding how many hold it.
	inLine  = `navigator.locks.query().then((all) => all.pending.filter((lock) => lock.name === "curfew:/.curfew/").length)`
	holding = `navigator.locks.query().then((all) => all.held.filter((lock) => lock.name === "curfew:/.curfew/").length)`
)

// untilLocks waits until so many pages wait for the stream, or hold it.
func untilLocks(t testing.TB, tab context.Context, which string, want int) {
	t.Helper()
	got := 0
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if got = chrome.Eval[int](t, tab, which); got == want {
			return
		}
	}
	t.Fatalf("%s: %d, want %d", which, got, want)
}

// anotherTab opens the page once more in a browser that has signed in, and waits until it is in line for the stream, as the one
// of that number.
func anotherTab(t testing.TB, s *site, browser context.Context, number int) context.Context {
	t.Helper()
	tab := chrome.Tab(t, browser)
	chrome.Go(t, tab, s.URL+"/other")
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	untilLocks(t, tab, inLine, number)
	return tab
}

// wait lets real time pass, where a test wants to see that nothing happens.
func wait(t testing.TB, tab context.Context, millis string) {
	t.Helper()
	chrome.Eval[bool](t, tab, `new Promise(done => setTimeout(done, `+millis+`, true))`)
}

func call[P, R any](t testing.TB, tab context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(tab, command, params); err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
}

// freeze hides the tab and freezes it.
func freeze(t testing.TB, tab context.Context) {
	t.Helper()
	call(t, tab, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: page.SetWebLifecycleStateStateFrozen})
}

// thaw lets it go on, still hidden.
func thaw(t testing.TB, tab context.Context) {
	t.Helper()
	call(t, tab, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: page.SetWebLifecycleStateStateActive})
}

// minimize hides the tab's window, or shows it again.
func minimize(t testing.TB, tab context.Context, hide bool) {
	t.Helper()
	window, err := chromedp.Call(tab, browser.GetWindowForTarget, browser.GetWindowForTargetParams{})
	if err != nil {
		t.Fatal(err)
	}
	state, seen := browser.WindowStateNormal, "visible"
	if hide {
		state, seen = browser.WindowStateMinimized, "hidden"
	}
	call(t, tab, browser.SetWindowBounds, browser.SetWindowBoundsParams{WindowID: window.WindowID, Bounds: &browser.Bounds{WindowState: state}})
	chrome.Until(t, tab, `document.visibilityState === "`+seen+`"`)
}

// wantHintForAll checks that an event covers all tabs at once, before any answer, and that the verifier's answer decides.
func wantHintForAll(t testing.TB, s *site, tabs ...context.Context) {
	t.Helper()
	for _, tab := range tabs {
		chrome.Until(t, tab, pageIsSeen)
	}
	hold := make(chan struct{})
	s.set(func(s *site) { s.hold = hold })
	s.say(endedEvent)
	for _, tab := range tabs {
		chrome.Until(t, tab, asking)
		wantCovered(t, tab)
	}
	s.set(func(s *site) { s.hold = nil })
	close(hold)
	for _, tab := range tabs {
		chrome.Until(t, tab, pageIsSeen)
		if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" {
			t.Errorf("a living session is %q after a false hint", state)
		}
	}
}

// B4: all tabs of a browser share one stream. What it says covers every tab at once and is a hint only: a session that lives comes
// back, one that has ended is covered for good, and then nothing is left of the stream.
func TestB4_OneStreamCoversAllTabs(t *testing.T) {
	s := newSite(t)
	browser := chrome.New(t)
	first, _ := open(t, s, browser)
	s.untilStreams(t, 1, 1)
	second, third := anotherTab(t, s, browser, 1), anotherTab(t, s, browser, 2)
	s.untilStreams(t, 1, 1)
	// What a script says about the page's life means nothing.
	chrome.Eval[any](t, first, `void (dispatchEvent(new Event("pagehide")), document.dispatchEvent(new Event("freeze")))`)
	wantHintForAll(t, s, first, second, third)
	s.untilStreams(t, 1, 1)

	s.say("event: settings\ndata: {}\n\n") // nothing that this page knows
	s.say("data: ended\n\n")
	wait(t, first, "300")
	for _, tab := range []context.Context{first, second, third} {
		if !chrome.Eval[bool](t, tab, pageIsSeen) {
			t.Error("another event covered a page")
		}
	}

	s.set(func(s *site) { s.ended = wire.SignedOutElsewhere })
	s.say(endedEvent)
	for _, tab := range []context.Context{first, second, third} {
		chrome.Until(t, tab, `curfew.state === "ended"`)
		wantCovered(t, tab)
	}
	s.untilStreams(t, 0, -1)
	untilLocks(t, first, holding, 0)
	untilLocks(t, first, inLine, 0)
	if _, asked := s.streamCounts(); asked > 3 {
		t.Errorf("three tabs asked for %d streams", asked)
	}
}

// A14: when the tab that holds the stream goes, in whatever way, the next one takes over, and what comes then reaches all that are
// left. A page that comes back waits for its turn again.
func TestA14_StreamIsHandedOn(t *testing.T) {
	away := func(t testing.TB, s *site, tab context.Context) {
		chrome.Eval[any](t, tab, `void (globalThis.kept = true)`)
		chrome.Go(t, tab, s.URL+"/bye")
	}
	back := func(t testing.TB, s *site, tab context.Context) {
		chrome.Eval[any](t, tab, `void history.back()`)
		chrome.Until(t, tab, `globalThis.kept && location.pathname === "/back"`)
	}
	for name, c := range map[string]struct {
		leave, comeBack func(testing.TB, *site, context.Context)
		script          string
	}{
		"closed": {leave: func(t testing.TB, _ *site, tab context.Context) {
			call(t, tab, page.Close, cdp.Empty{})
		}},
		"crashed": {leave: func(t testing.TB, _ *site, tab context.Context) {
			ctx, cancel := context.WithTimeout(tab, time.Second)
			defer cancel()
			_ = chromedp.Do(ctx, chromedp.Navigate("chrome://crash")) // it never answers
		}},
		"gone elsewhere": {leave: func(t testing.TB, s *site, tab context.Context) {
			chrome.Go(t, tab, "about:blank")
		}},
		"back and forward": {leave: away, comeBack: back},
		"back and forward, without the events that only Chromium has": {leave: away, comeBack: back,
			script: `for (const kind of ["freeze", "resume"]) addEventListener(kind, (event) => event.stopImmediatePropagation(), true)`},
		"frozen": {
			leave:    func(t testing.TB, _ *site, tab context.Context) { freeze(t, tab) },
			comeBack: func(t testing.TB, _ *site, tab context.Context) { thaw(t, tab) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.cache = "no-cache" }) // so that the back/forward cache takes it
			browser := chrome.New(t)
			first := chrome.Tab(t, browser)
			chrome.BeforeLoad(t, first, c.script)
			chrome.Go(t, first, s.URL+"/.curfew/sign-in")
			chrome.Until(t, first, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
			s.untilStreams(t, 1, 1)
			second, third := anotherTab(t, s, browser, 1), anotherTab(t, s, browser, 2)
			c.leave(t, s, first)
			s.untilStreams(t, 1, 2)
			wantHintForAll(t, s, second, third)
			if c.comeBack == nil {
				return
			}
			c.comeBack(t, s, first)
			chrome.Until(t, first, pageIsSeen)
			untilLocks(t, first, inLine, 2)
			wantHintForAll(t, s, first, second, third)
			s.untilStreams(t, 1, 2)
		})
	}
}

// slowTimers keeps the timers that the loader sets for its next stream, the only ones of a broken number of milliseconds, and lets a
// test run them.
const slowTimers = `globalThis.slow = [];
{ const ask = setTimeout; globalThis.setTimeout = (then, millis, ...rest) => Number.isInteger(millis) || millis === undefined
	? ask(then, millis, ...rest) : slow.push({ then, millis }); }`

// A14: a stream that the verifier does not give is asked for again after half a minute to a minute and not before, whatever the reason;
// and once it gives one, the hints come.
func TestStreamIsAskedForAgainWithoutHaste(t *testing.T) {
	browser := chrome.New(t)
	for name, break_ := range map[string]func(s *site){
		"401":           func(s *site) { s.eventsStatus = http.StatusUnauthorized },
		"500":           func(s *site) { s.eventsStatus = http.StatusInternalServerError },
		"204":           func(s *site) { s.eventsStatus = http.StatusNoContent },
		"ends at once":  func(s *site) { s.eventsLast = time.Millisecond },
		"no connection": func(s *site) { s.eventsStatus = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(break_)
			if s.eventsStatus < 0 {
				breakConnections(s)
			}
			tab := chrome.Tab(t, browser)
			chrome.BeforeLoad(t, tab, slowTimers)
			chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
			chrome.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
			const again = `void slow.pop().then()`
			for attempt := range 2 {
				chrome.Until(t, tab, `slow.length === 1`)
				if millis := chrome.Eval[float64](t, tab, `slow[0].millis`); millis < 30_000 || millis > 60_000 {
					t.Errorf("the next attempt is due after %v ms", millis)
				}
				_, asked := s.streamCounts()
				if asked < attempt+1 || asked > 3*(attempt+1) { // a connection that breaks is tried again by the browser's network
					t.Errorf("%d requests in %d attempts", asked, attempt+1)
				}
				wait(t, tab, "1500")
				s.untilStreams(t, 0, asked)
				if attempt == 0 {
					chrome.Eval[any](t, tab, again)
				}
			}
			s.set(func(s *site) { s.eventsStatus, s.eventsLast = 0, 0 })
			chrome.Eval[any](t, tab, again)
			s.untilStreams(t, 1, -1)
			wantHintForAll(t, s, tab)
			if chrome.Eval[int](t, tab, `slow.length`) != 0 {
				t.Error("a timer is left beside the stream")
			}
		})
	}
}

// breakConnections answers requests for a stream by breaking the connection, as long as the status is negative.
func breakConnections(s *site) {
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		broken := s.eventsStatus < 0 && r.URL.Path == "/.curfew/events"
		if broken {
			s.opened++
		}
		s.mu.Unlock()
		if broken {
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	})
}

// The verifier closes streams now and then. The browser opens the next one as soon as the verifier told it to; where that fails, the
// loader waits as for the first.
func TestStreamThatLivedIsOpenedAgainAtOnce(t *testing.T) {
	s := newSite(t)
	breakConnections(s)
	tab := chrome.Tab(t, chrome.New(t))
	chrome.BeforeLoad(t, tab, slowTimers)
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
	s.untilStreams(t, 1, 1)
	const later = `void (() => { const now = performance.now; performance.now = () => now.call(performance) + 11e3 })()`
	for asked := 2; asked <= 4; asked++ {
		chrome.Eval[any](t, tab, later)
		s.say("")
		s.untilStreams(t, 1, asked)
		wantHintForAll(t, s, tab)
	}
	chrome.Eval[any](t, tab, later)
	s.set(func(s *site) { s.eventsStatus = -1 })
	s.say("")
	chrome.Until(t, tab, `slow.length === 1`)
	_, asked := s.streamCounts()
	chrome.Eval[any](t, tab, later)
	wait(t, tab, "1000")
	s.untilStreams(t, 0, asked)
}

// An agent that failed holds no stream, and none is left waiting.
func TestD5_FailedPageHasNoStream(t *testing.T) {
	s := newSite(t)
	s.set(func(s *site) { s.interval = 500 })
	tab, _ := open(t, s, chrome.New(t))
	s.untilStreams(t, 1, 1)
	chrome.Eval[any](t, tab, `void (Reflect.get = () => { throw new Error("broken from outside") })`)
	chrome.Until(t, tab, `curfew.state === "failed"`)
	s.untilStreams(t, 0, 1)
	untilLocks(t, tab, holding, 0)
}

// Only pages of the application listen: Curfew's own have nothing to protect.
func TestOwnPagesHaveNoStream(t *testing.T) {
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.untilStreams(t, 1, 1)
	s.set(func(s *site) { s.hold = make(chan struct{}) })
	chrome.Go(t, tab, s.URL+"/.curfew/sign-out")
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	wait(t, tab, "1500")
	s.untilStreams(t, 0, 1)
}

// Where a browser has no locks or no channels, each visible tab has a stream of its own.
func TestStreamWithoutLocks(t *testing.T) {
	for name, script := range map[string]string{
		"locks":    `Object.defineProperty(Navigator.prototype, "locks", { value: undefined })`,
		"channels": `delete globalThis.BroadcastChannel`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			browser := chrome.New(t)
			var tabs []context.Context
			for range 2 {
				tab := chrome.Tab(t, browser)
				chrome.BeforeLoad(t, tab, script)
				chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
				chrome.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
				tabs = append(tabs, tab)
			}
			s.untilStreams(t, 2, 2)
			wantHintForAll(t, s, tabs...)
			minimize(t, tabs[0], true)
			s.untilStreams(t, 1, 2)
			freeze(t, tabs[0])
			thaw(t, tabs[0])
			wait(t, tabs[0], "1500")
			s.untilStreams(t, 1, 2)
			minimize(t, tabs[0], false)
			s.untilStreams(t, 2, 3)
			wantHintForAll(t, s, tabs...)
		})
	}
}

// countCalls counts what the agent does when it wakes, which begins with reading the clock.
const countCalls = `globalThis.calls = 0; { const now = Date.now; Date.now = () => { calls++; return now() } }`

// Quality: a stream that says nothing wakes nobody, however much of it there is.
func TestSilentStreamWakesNobody(t *testing.T) {
	s := newSite(t)
	tab := chrome.Tab(t, chrome.New(t))
	chrome.BeforeLoad(t, tab, countCalls+countWakeUps)
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
	s.untilStreams(t, 1, 1)
	wait(t, tab, "1000")
	chrome.Eval[any](t, tab, `void (calls = wakeUps.length = 0)`)
	for range 100 {
		s.say(":\n\n")
		time.Sleep(10 * time.Millisecond)
	}
	if calls, ups := chrome.Eval[int](t, tab, `calls`), chrome.Eval[int](t, tab, `wakeUps.length`); calls > 0 || ups > 0 {
		t.Errorf("100 comments caused %d looks at the clock and %d timers", calls, ups)
	}
	s.say(endedEvent)
	chrome.Until(t, tab, `calls > 0`)
}

// An attempt that is due when the session ends is not made any more.
func TestEndedPageAsksForNoStream(t *testing.T) {
	s := newSite(t)
	s.set(func(s *site) { s.eventsStatus = http.StatusServiceUnavailable; s.interval = 3000 })
	tab := chrome.Tab(t, chrome.New(t))
	chrome.BeforeLoad(t, tab, `Math.random = () => -.95; globalThis.made = 0; { const E = EventSource; globalThis.EventSource = class extends E { constructor(a) { super(a); made++ } }; EventSource.CONNECTING = 0 }`)
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `made === 2`) // an attempt each second and a half
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	made := chrome.Eval[int](t, tab, `made`)
	wait(t, tab, "3000")
	if got := chrome.Eval[int](t, tab, `made`); got != made {
		t.Errorf("%d attempts after the end", got-made)
	}
}

// D5: a page that was covered in the words of its end, because the verifier could not be asked, is armed again when it comes back, and
// so is its stream.
func TestPageThatComesBackListensAgain(t *testing.T) {
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.untilStreams(t, 1, 1)
	s.warnInactivity(3000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	s.untilStreams(t, 1, 2)
	s.set(func(s *site) {
		s.raw = func([]byte) (int, []byte) { return http.StatusBadGateway, []byte("<h1>Bad gateway</h1>") }
	})
	chrome.Until(t, tab, `curfew.state === "ended"`)
	wantCovered(t, tab)
	s.untilStreams(t, 0, 2)
	s.set(func(s *site) { s.raw, s.active = nil, time.Now().UnixMilli() })
	chrome.Until(t, tab, `curfew.state === "armed"`)
	s.untilStreams(t, 1, 3)
	wantHintForAll(t, s, tab)
}
