package loader_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
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
	needs.UntilEqual(t, which, want, func() int { return chrome.Eval[int](t, tab, which) })
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

// minimize hides the tab's window, or shows it again.
func minimize(t testing.TB, tab context.Context, hide bool) {
	t.Helper()
	if hide {
		chrome.Minimize(t, tab)
	} else {
		chrome.Restore(t, tab)
	}
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
	t.Parallel()
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

	s.say("event: extended\ndata: {}\n\n") // nothing that this page knows
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

// A12: one message makes one tab ask, and all tabs warn, and stop, by what the verifier then says. Nothing covers them meanwhile, and a
// flood of messages is no flood of requests.
func TestA12_ChangedSettingsReachAllTabs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	first, _ := open(t, s, browser)
	s.untilStreams(t, 1, 1)
	tabs := []context.Context{first, anotherTab(t, s, browser, 1), anotherTab(t, s, browser, 2)}
	for _, tab := range tabs {
		chrome.Until(t, tab, pageIsSeen)
		chrome.Eval[any](t, tab, `void (globalThis.covered = 0, setInterval(() => {
			covered += document.querySelector("curfew-agent")?.shadowRoot.querySelector("[part=cover]")?.open ? 1 : 0
		}, 20))`)
	}
	began := len(s.allBeats())
	hold := make(chan struct{})
	s.set(func(s *site) {
		s.settings.InactivityWarning, s.hold = s.settings.InactivityTimeout-1, hold
		s.past = s.now()
	})
	s.say(settingsEvent)
	wait(t, first, "300")
	for _, tab := range tabs {
		if !chrome.Eval[bool](t, tab, pageIsSeen) {
			t.Error("a hint at other settings shows before the verifier has answered")
		}
	}
	s.set(func(s *site) { s.hold = nil })
	close(hold)
	for _, tab := range tabs {
		chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	}
	if n := len(s.allBeats()) - began; n != 1 {
		t.Errorf("%d heartbeats for a change, want 1", n)
	}

	s.set(func(s *site) { s.settings.InactivityWarning = 120_000 })
	for range 300 {
		s.say(settingsEvent)
	}
	for _, tab := range tabs {
		chrome.Until(t, tab, pageIsSeen)
	}
	wait(t, first, "2500")
	if n := len(s.allBeats()) - began; n > 3 {
		t.Errorf("%d heartbeats for 301 messages", n)
	}
	for _, tab := range tabs {
		if n := chrome.Eval[int](t, tab, `covered`); n > 0 {
			t.Errorf("a tab was seen covered %d times", n)
		}
	}
	s.untilStreams(t, 1, 1)
}

// A14: when the tab that holds the stream goes, in whatever way, the next one takes over, and what comes then reaches all that are
// left. A page that comes back waits for its turn again.
func TestA14_StreamIsHandedOn(t *testing.T) {
	t.Parallel()
	away := func(t testing.TB, s *site, tab context.Context) {
		chrome.Eval[any](t, tab, `void (globalThis.kept = true)`)
		chrome.Go(t, tab, s.URL+"/bye")
	}
	back := func(t testing.TB, s *site, tab context.Context) {
		chrome.Back(t, tab)
		chrome.Until(t, tab, `globalThis.kept && location.pathname === "/back"`)
	}
	for name, c := range map[string]struct {
		leave, comeBack func(testing.TB, *site, context.Context)
		script          string
	}{
		"closed": {leave: func(t testing.TB, _ *site, tab context.Context) {
			call(t, tab, page.Close, cdp.Empty{})
		}},
		"crashed": {leave: func(t testing.TB, _ *site, tab context.Context) { chrome.Crash(t, tab) }},
		"gone elsewhere": {leave: func(t testing.TB, s *site, tab context.Context) {
			chrome.Go(t, tab, "about:blank")
		}},
		"back and forward": {leave: away, comeBack: back},
		"back and forward, without the events that only Chromium has": {leave: away, comeBack: back,
			script: `for (const kind of ["freeze", "resume"]) addEventListener(kind, (event) => event.stopImmediatePropagation(), true)`},
		"frozen": {
			leave: func(t testing.TB, _ *site, tab context.Context) { chrome.Freeze(t, tab) },
			comeBack: func(t testing.TB, _ *site, tab context.Context) {
				chrome.Thaw(t, tab)
				chrome.Restore(t, tab)
			},
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

// A14: a stream that the verifier does not give is asked for again after half a minute to a minute and not before, whatever the reason;
// and once it gives one, the hints come.
func TestStreamIsAskedForAgainWithoutHaste(t *testing.T) {
	t.Parallel()
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
			tab := openWith(t, s, browser, skippable)
			asked := func() int {
				_, asked := s.streamCounts()
				return asked
			}
			skipUntil(t, s, tab, 3, func() bool { return asked() > 0 })
			for attempt := range 2 {
				failed := `performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/events") && one.responseEnd > 0).length > ` + strconv.Itoa(attempt)
				chrome.Until(t, tab, failed)
				before := asked()
				if before > 8*(attempt+1) { // a connection that breaks is tried again by the browser's network
					t.Errorf("%d requests in %d attempts", before, attempt+1)
				}
				if attempt == 1 {
					s.set(func(s *site) { s.eventsStatus, s.eventsLast = 0, 0 })
				}
				if seconds := skipUntil(t, s, tab, 62, func() bool { return asked() > before }); seconds < 29 {
					t.Errorf("the next attempt came after %d s", seconds)
				}
			}
			s.untilStreams(t, 1, -1)
			wantHintForAll(t, s, tab)
			before := asked()
			skip(t, s, tab, 2*time.Minute)
			s.untilStreams(t, 1, before)
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
	t.Parallel()
	s := newSite(t)
	breakConnections(s)
	tab := openWith(t, s, chrome.New(t), skippable)
	s.untilStreams(t, 1, 1)
	wantHintForAll(t, s, tab)
	for asked := 2; asked <= 4; asked++ {
		skip(t, s, tab, 11*time.Second)
		s.say("")
		s.untilStreams(t, 1, asked)
		wantHintForAll(t, s, tab)
	}
	s.set(func(s *site) { s.eventsStatus = -1 })
	skip(t, s, tab, 11*time.Second)
	_, before := s.streamCounts()
	s.say("")
	needs.Until(t, "the stream to be asked for again", func() bool {
		_, asked := s.streamCounts()
		return asked > before
	})
	skip(t, s, tab, 29*time.Second)
	if _, now := s.streamCounts(); now == before || now > before+3 {
		t.Errorf("%d requests after one that failed, in half a minute", now-before)
	}
	s.set(func(s *site) { s.eventsStatus = 0 })
	skip(t, s, tab, 32*time.Second)
	s.untilStreams(t, 1, -1)
}

// An agent that failed holds no stream, and none is left waiting.
func TestD5_FailedPageHasNoStream(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
			chrome.Minimize(t, tabs[0])
			s.untilStreams(t, 1, 2)
			chrome.Freeze(t, tabs[0])
			chrome.Thaw(t, tabs[0])
			wait(t, tabs[0], "1500")
			s.untilStreams(t, 1, 2)
			chrome.Restore(t, tabs[0])
			s.untilStreams(t, 2, 3)
			wantHintForAll(t, s, tabs...)
		})
	}
}

// countCalls counts what the agent does when it wakes, which begins with reading the clock.
const countCalls = `globalThis.calls = 0; { const now = Date.now; Date.now = () => { calls++; return now() } }`

// Quality: a stream that says nothing wakes nobody, however much of it there is.
func TestSilentStreamWakesNobody(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.eventsStatus, s.interval = http.StatusServiceUnavailable, 3000 })
	tab := openWith(t, s, chrome.New(t), skippable)
	s.untilStreams(t, 0, 1)
	skip(t, s, tab, 61*time.Second)
	s.untilStreams(t, 0, 2)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	skip(t, s, tab, 4*time.Second)
	chrome.Until(t, tab, `curfew.state === "ended"`)
	skip(t, s, tab, 3*time.Minute)
	s.untilStreams(t, 0, 2)
}

// D5: a page that was covered in the words of its end, because the verifier could not be asked, is armed again when that answers, and
// has listened all along.
func TestPageThatComesBackListensAgain(t *testing.T) {
	t.Parallel()
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
	s.set(func(s *site) { s.raw, s.active = nil, s.now() })
	chrome.Until(t, tab, `curfew.state === "armed"`)
	s.untilStreams(t, 1, 2)
	wantHintForAll(t, s, tab)
}
