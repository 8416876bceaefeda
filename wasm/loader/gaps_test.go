package loader_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// coverStands says in a page whether it is covered.
const coverStands = `(document.querySelector("curfew-agent")?.shadowRoot.querySelector("[part=cover]")?.open === true)`

// noteSeen notes what a page's own handlers see when they run: whether the page was covered within the event that woke it.
const noteSeen = `globalThis.noted = []; for (const kind of ["pageshow", "keydown", "focus", "visibilitychange"])
	addEventListener(kind, (event) => { if (event.type === "visibilitychange" ? !document.hidden : event.type !== "pageshow" || event.persisted) noted.push(event.type + " " + ` + coverStands + `) }, kind !== "pageshow");`

const isAnswered = `performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/heartbeat") && one.responseEnd > 0).length > 1`

// openAnswered is open for a page that has had the verifier's first answer, and so knows its deadlines.
func openAnswered(t testing.TB, s *site, browser context.Context) context.Context {
	t.Helper()
	tab, _ := open(t, s, browser)
	chrome.Until(t, tab, isAnswered)
	return tab
}

// wantNoted checks that the page's handlers saw an event, and that it and all others were covered.
func wantNoted(t testing.TB, tab context.Context, kind string) {
	t.Helper()
	noted := chrome.Eval[[]string](t, tab, `noted`)
	if !slices.Contains(noted, kind+" true") {
		t.Errorf("the page saw %q, and not %s", noted, kind)
	}
	for _, one := range noted {
		if strings.HasSuffix(one, "false") {
			t.Errorf("the page saw an event uncovered: %q", noted)
		}
	}
}

// holdBack keeps the verifier's answers back until the function is called.
func holdBack(s *site) (release func()) {
	hold := make(chan struct{})
	s.set(func(s *site) { s.hold = hold })
	return func() {
		s.set(func(s *site) { s.hold = nil })
		close(hold)
	}
}

// untilAsked waits for the next heartbeat after so many.
func untilAsked(t testing.TB, s *site, n int) {
	t.Helper()
	needs.Until(t, "the verifier to be asked", func() bool { return len(s.allBeats()) > n })
}

// A13: a page in the back/forward cache comes back covered, before any script of it runs, and is seen again when the verifier has answered; when
// the deadline has passed meanwhile, it never is.
func TestA13_BackForwardCache(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	const onlyPageshow = `for (const kind of ["freeze", "resume"]) addEventListener(kind, (event) => event.stopImmediatePropagation(), true)`
	for name, c := range map[string]struct {
		over   bool
		script string
	}{
		"deadline passed": {over: true},
		"in time":         {},
		"deadline passed, without the events that only Chromium has": {over: true, script: onlyPageshow},
		"in time, without the events that only Chromium has":         {script: onlyPageshow},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.cache = "no-cache" })
			tab := openWith(t, s, browser, c.script)
			chrome.Until(t, tab, isAnswered)
			chrome.Eval[any](t, tab, `void (globalThis.kept = true)`)
			chrome.Eval[any](t, tab, `void (() => { `+noteSeen+` })()`)
			chrome.Go(t, tab, s.URL+"/bye")
			n := len(s.allBeats())
			release := holdBack(s)
			if c.over {
				s.set(func(s *site) { s.ended = wire.Inactivity })
			}
			chrome.Back(t, tab)
			chrome.Until(t, tab, `globalThis.kept && location.pathname === "/back"`)
			chrome.Until(t, tab, coverStands)
			wantCovered(t, tab)
			wantNoted(t, tab, "pageshow")
			release()
			untilAsked(t, s, n)
			if c.over {
				chrome.Until(t, tab, `curfew.state === "ended"`)
				wantCovered(t, tab)
				return
			}
			chrome.Until(t, tab, pageIsSeen)
			if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" || len(s.allBeats()) != n+1 {
				t.Errorf("the page is %q after %d heartbeats", state, len(s.allBeats())-n)
			}
		})
	}
}

// A13: a wall clock that somebody sets, by hours and in either direction, moves nothing: the page is covered within the next event, the
// verifier asked once, and the page goes on. The event is what it is: activity of a session that lives.
func TestA13_ChangedWallClock(t *testing.T) {
	t.Parallel()
	clock := chrome.ShiftedClock(t)
	browser := chrome.New(t, clock.Option())
	s := newSite(t)
	tab := openAnswered(t, s, browser)
	chrome.Eval[any](t, tab, `void (() => { `+noteSeen+"\n"+countWarnings+` })()`)
	for _, by := range []time.Duration{3 * time.Hour, -7 * time.Hour, 40 * time.Minute, -30 * time.Second} {
		chrome.Until(t, tab, pageIsSeen)
		n, refused := len(s.allBeats()), refusals(s)
		release := holdBack(s)
		clock.Shift(t, by)
		chrome.Eval[any](t, tab, `void (noted.length = 0)`)
		press(t, tab, "a")
		pressed := clockNow(s)
		wantNoted(t, tab, "keydown")
		wantCovered(t, tab)
		release()
		untilAsked(t, s, n)
		chrome.Until(t, tab, pageIsSeen)
		wait(t, tab, "500")
		if beats := beatsAfter(s, n); len(beats) != 1 || beats[0].Stay || beats[0].Idle > 20_000 && beats[0].Idle != wire.MaxIdle {
			// A key that may have come after the end is none, until the verifier has said that there is no end.
			t.Errorf("moved by %s: the verifier was told %+v, want once of a key or of nothing", by, beats)
		}
		if got := refusals(s) - refused; got != 0 {
			t.Errorf("moved by %s: %d refusals", by, got)
		}
		if late := lastActive(s) - pressed; late > 20_000 {
			t.Errorf("moved by %s: the session was extended by %d ms", by, late)
		}
	}
	if state := chrome.Eval[string](t, tab, `curfew.state + warned`); state != "armed0" {
		t.Errorf("the page is %q", state)
	}
}

// A13: after the machine slept, the first thing that happens covers the page before it is seen. Where a deadline passed, the verifier's
// answer ends it and what woke the page extends nothing; where none did, the page goes on after the answer.
func TestA13_Sleep(t *testing.T) {
	t.Parallel()
	clock := chrome.ShiftedClock(t)
	browser := chrome.New(t, clock.Option())
	wakes := map[string]func(t *testing.T, tab context.Context){
		"a key": func(t *testing.T, tab context.Context) { press(t, tab, "a") },
		"a movement": func(t *testing.T, tab context.Context) {
			move(t, tab, 40, 40)
			move(t, tab, 50, 40)
		},
		"being looked at": func(t *testing.T, tab context.Context) {
			chrome.Minimize(t, tab)
			chrome.Restore(t, tab)
		},
		"a timer": func(t *testing.T, tab context.Context) {},
	}
	for name, wake := range wakes {
		for _, slept := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			t.Run(name+" after "+slept.String(), func(t *testing.T) {
				s := newSite(t)
				s.set(func(s *site) {
					s.enforces, s.ahead = true, clock.Moved().Milliseconds()
					s.began, s.active = s.now(), s.now()
					if name == "a timer" {
						s.interval = 5000
					}
				})
				tab := openAnswered(t, s, browser)
				chrome.Eval[any](t, tab, `void (() => { `+noteSeen+` })()`)
				last := lastActive(s)
				n := len(s.allBeats())
				release := holdBack(s)
				clock.Shift(t, slept)
				s.set(func(s *site) { s.ahead += slept.Milliseconds() })
				woken := clockNow(s)
				wake(t, tab)
				chrome.Until(t, tab, coverStands)
				wantCovered(t, tab)
				if name == "a key" {
					wantNoted(t, tab, "keydown")
				}
				release()
				untilAsked(t, s, n)
				if slept > time.Hour {
					chrome.Until(t, tab, `curfew.state === "ended"`)
					wantCovered(t, tab)
					for _, b := range beatsAfter(s, n) {
						if b.Stay || b.Acted > last+1000 {
							t.Errorf("what woke the page is told as activity: %+v, slept until %d", b, woken)
						}
					}
					if got := lastActive(s); got > last {
						t.Errorf("the session was extended by %d ms", got-last)
					}
					return
				}
				chrome.Until(t, tab, pageIsSeen)
				if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" {
					t.Errorf("the page is %q", state)
				}
			})
		}
	}
}

// A13: a reloaded page, one that it opens, which copies the tab's storage, and what a browser that starts anew restores go on with the same
// session and the same warning; coming anew extends nothing.
func TestA13_ReloadAndRestoreContinue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	browser := chrome.New(t, chrome.UserDataDir(dir), chrome.Flag("disable-popup-blocking", true))
	tab, _ := open(t, s, browser)
	s.set(func(s *site) { s.interval, s.settings.InactivityWarning, s.form = 1000, 600_000, nil })
	s.warnInactivity(590_000)
	chrome.Until(t, tab, warns)
	chrome.Eval[any](t, tab, `void (sessionStorage.tab = "the first")`)
	began := lastActive(s)
	same := func(what string, tab context.Context) {
		t.Helper()
		chrome.Until(t, tab, warns)
		ends, before := began+s.settings.InactivityTimeout, clockNow(s)
		shown := chrome.Eval[string](t, tab, inRoot(`root.querySelector("[part=countdown]").textContent`))
		var minutes, seconds int64
		if _, err := fmt.Sscanf(shown, "%d:%d", &minutes, &seconds); err != nil {
			t.Fatalf("%s: it counts down from %q: %v", what, shown, err)
		}
		// The countdown is rounded up, and moves once in a second.
		if left := (minutes*60 + seconds) * 1000; left < ends-clockNow(s)-slack || left > ends-before+1000+slack {
			t.Errorf("%s: it counts down from %s, %d ms before the end", what, shown, ends-before)
		}
		if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" {
			t.Errorf("%s: the page is %q", what, state)
		}
		untilNumber(t, s, 2)
		if n, more := stays(s), lastActive(s)-began; n != 0 || more != 0 {
			t.Errorf("%s: %d choices were sent, and the session was extended by %d ms", what, n, more)
		}
	}
	copied := func(what string, tab context.Context) {
		t.Helper()
		chrome.Until(t, tab, `location.pathname === "/back"`)
		if got := chrome.Eval[string](t, tab, `String(sessionStorage.tab)`); got != "the first" {
			t.Errorf("%s: the tab's storage says it is %q", what, got)
		}
		same(what, tab)
	}
	chrome.Eval[any](t, tab, `void location.reload()`)
	chrome.Until(t, tab, `performance.getEntriesByType("navigation")[0].type === "reload"`)
	same("reload", tab)
	same("second tab", anotherWindow(t, s, browser, "/second", ""))
	copied("opened", chrome.Opened(t, tab, func() { chrome.Eval[any](t, tab, `void open(location.href)`) }))
	if err := chromedp.Cancel(browser); err != nil {
		t.Fatal("closing the browser:", err)
	}
	again := chrome.New(t, chrome.UserDataDir(dir), chrome.Flag("restore-last-session", true))
	copied("restored", standing(t, again, s.URL+"/back"))
	s.set(func(s *site) {
		if s.form != nil {
			t.Error("a page has signed in anew")
		}
	})
}

// standing is a tab that the browser has opened by itself, at an address that begins so.
func standing(t testing.TB, browser context.Context, address string) context.Context {
	t.Helper()
	var tab context.Context
	needs.Until(t, "a tab at "+address, func() bool {
		all, err := chromedp.Targets(browser)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(all, func(one *target.Info) bool { return one.Type == "page" && strings.HasPrefix(one.URL, address) })
		if at < 0 {
			return false
		}
		var leave context.CancelFunc
		tab, leave = chromedp.NewContext(browser, chromedp.WithTargetID(all[at].TargetID))
		t.Cleanup(leave)
		return true
	})
	if err := chromedp.Do(tab); err != nil {
		t.Fatal("attaching to the tab:", err)
	}
	return tab
}

// D1, known from others: what polls in the background extends nothing, in whatever way it asks.
func TestD1_PollingIsNoActivity(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 500 })
	tab, _ := open(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void (() => {
		globalThis.polled = 0;
		setInterval(() => {
			fetch("/poll").then(() => polled++);
			const request = new XMLHttpRequest();
			request.open("GET", "/poll");
			request.send();
			navigator.sendBeacon("/poll", "x");
			history.pushState(null, "", "/polled" + polled);
			document.title = "polled " + polled;
		}, 100);
	})()`)
	chrome.Until(t, tab, `polled > 10`)
	for _, b := range untilNumber(t, s, 3) {
		if b.Idle != wire.MaxIdle {
			t.Errorf("polling counts as activity %d ms ago", b.Idle)
		}
	}
}

// D1, known from others: scrolling inside an element, and inside a shadow root, counts as what it is, even where the page keeps the events
// to itself.
func TestD1_ScrollingInsideCounts(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	const box = `"width:300px;height:200px;overflow:scroll"`
	const long = `const long = document.createElement("div"); long.style.height = "3000px"; long.textContent = "long";`
	for name, make := range map[string]string{
		"element":     long + `const box = document.createElement("div"); box.style.cssText = ` + box + `; box.append(long); document.body.prepend(box); globalThis.box = box;`,
		"shadow root": long + `const host = document.createElement("div"); const root = host.attachShadow({ mode: "closed" }); const box = document.createElement("div"); box.style.cssText = ` + box + `; box.append(long); root.append(box); document.body.prepend(host); globalThis.box = box;`,
		"stopped":     long + `const box = document.createElement("div"); box.style.cssText = ` + box + `; box.append(long); document.body.prepend(box); globalThis.box = box; for (const kind of ["wheel", "scroll", "touchmove", "pointerdown"]) addEventListener(kind, (event) => event.stopImmediatePropagation(), true);`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.interval = 300 })
			tab, _ := open(t, s, browser)
			chrome.Eval[any](t, tab, `void (() => { `+make+` })()`)
			if got := nextIdle(t, s); got != wire.MaxIdle {
				t.Fatalf("nobody touched it, and it claims %d ms", got)
			}
			params := input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: 60, Y: 60, DeltaX: 1, DeltaY: 120}
			call(t, tab, input.DispatchMouseEvent, params)
			chrome.Until(t, tab, `box.scrollTop > 0`)
			if got := nextIdle(t, s); got > 5000 {
				t.Errorf("it counts as activity %d ms ago", got)
			}
		})
	}
}

// A13, A2: the escape of one page is not undone by the next: see TestA2_A14_DismissedInAll. Here the page itself is left and comes back.
func TestA13_DismissedStaysOverReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.interval = 1000 })
	s.warnSession(10 * 60_000)
	chrome.Until(t, tab, warns)
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, `!`+warns)
	chrome.BeforeLoad(t, tab, countWarnings)
	chrome.Eval[any](t, tab, `void location.reload()`)
	chrome.Until(t, tab, `globalThis.warned === 0 && globalThis.curfew?.state === "armed"`)
	untilNumber(t, s, 3)
	if n := chrome.Eval[int](t, tab, `warned`); n != 0 || chrome.Eval[bool](t, tab, warns) {
		t.Errorf("it warned %d times after the reload", n)
	}
}
