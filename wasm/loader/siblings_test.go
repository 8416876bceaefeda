package loader_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/debugger"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// anotherWindow opens a page in a window of its own, in a browser that has signed in. What sent a heartbeat is told by its path.
func anotherWindow(t testing.TB, s *site, browser context.Context, path, script string) context.Context {
	t.Helper()
	tab := chrome.NewWindow(t, browser)
	if script != "" {
		chrome.BeforeLoad(t, tab, script)
	}
	chrome.Go(t, tab, s.URL+path)
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	return tab
}

// from is the path of the page that sent a heartbeat.
func from(s *site, b beat) string {
	path, _, _ := strings.Cut(strings.TrimPrefix(b.From, s.URL), "?")
	return path
}

// beatsAfter are the heartbeats after so many.
func beatsAfter(s *site, n int) []beat { return s.allBeats()[n:] }

// refusals is how many requests were refused.
func refusals(s *site) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// lastActive is the session's last activity as the verifier has it.
func lastActive(s *site) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// clockNow is the verifier's clock.
func clockNow(s *site) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// untilSender waits for heartbeats of a page.
func untilSender(t testing.TB, s *site, path string) {
	t.Helper()
	n := len(s.allBeats())
	needs.Until(t, "a heartbeat of "+path, func() bool {
		return slices.ContainsFunc(beatsAfter(s, n), func(b beat) bool { return from(s, b) == path })
	})
}

// untilNumber waits for so many more heartbeats.
func untilNumber(t testing.TB, s *site, more int) []beat {
	t.Helper()
	n := len(s.allBeats())
	needs.Until(t, "heartbeats", func() bool { return len(s.allBeats()) >= n+more })
	return beatsAfter(s, n)
}

// untilQuiet waits until nobody has a reason to ask the verifier, and returns how many heartbeats there were until then. The leader
// asks at once for a window that is new.
func untilQuiet(t testing.TB, s *site) (n int) {
	t.Helper()
	var since time.Time
	needs.Until(t, "quiet", func() bool {
		if now := len(s.allBeats()) + refusals(s); now != n || since.IsZero() {
			n, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
	return len(s.allBeats())
}

// slack is how many milliseconds a busy machine may leave between an input and the test's look at the clock.
const slack = 2000

const warns = `!!document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog:not([part=cover])")?.open`

// watchdog notes in a page how late its timers are, and what another page tells it, in milliseconds.
const watchdog = `globalThis.latest = 0; {
	const channel = new BroadcastChannel("watchdog"), often = 100;
	let due = performance.now() + often;
	channel.onmessage = (event) => { latest = Math.max(latest, Date.now() - event.data) };
	setInterval(() => {
		const now = performance.now();
		latest = Math.max(latest, now - due);
		due = now + often;
		channel.postMessage(Date.now());
	}, often);
}`

// latest is how late the latest of several pages with a watchdog has been.
func latest(t testing.TB, windows []context.Context) (late float64) {
	t.Helper()
	for _, tab := range windows {
		late = max(late, chrome.Eval[float64](t, tab, `latest`))
	}
	return late
}

// complaint is how a scene says what is wrong.
type complaint func(format string, args ...any)

// undisturbed runs a scene that returns how late its pages were. A leader that gets no time for as long as the others are patient rightly
// loses the lead. So what a scene complains of counts when no page was nearly that late; otherwise it is played again.
func undisturbed(t *testing.T, scene func(wrong complaint) (late float64)) {
	t.Helper()
	for range 3 {
		var wrong []string
		late := scene(func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) })
		if len(wrong) == 0 {
			return
		}
		if late < tabs.Patience/2 {
			t.Errorf("%q, and no page was later than %.0f ms", wrong, late)
			return
		}
		t.Logf("a page was %.0f ms late, so this says nothing: %q", late, wrong)
	}
	t.Error("the machine is too busy for this test")
}

// onlyFrom complains of what other pages than one have sent.
func onlyFrom(s *site, path string, wrong complaint) {
	for _, b := range s.allBeats() {
		if from(s, b) != path {
			wrong("%s sends, beside %s", from(s, b), path)
		}
	}
}

// A14: of several tabs one sends, for all, and no request of theirs is ever refused: the first page asks for its nonce, and nobody
// else has to. What is done in another window reaches the verifier through it.
func TestA14_OneTabSends(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	undisturbed(t, func(wrong complaint) float64 {
		s := newSite(t)
		windows := []context.Context{openWith(t, s, browser, watchdog)}
		s.set(func(s *site) { s.interval = 1000 })
		for _, path := range []string{"/second", "/third"} {
			windows = append(windows, anotherWindow(t, s, browser, path, watchdog))
		}
		for _, b := range untilNumber(t, s, 5) {
			if b.Idle != wire.MaxIdle {
				t.Errorf("nobody touched a page, and one claims activity %d ms ago", b.Idle)
			}
		}
		press(t, windows[2], "a")
		pressed := clockNow(s)
		needs.Until(t, "the activity of the third window", func() bool { return lastActive(s) > pressed-1000 })
		untilNumber(t, s, 3)
		if late := lastActive(s) - pressed; late > slack {
			t.Errorf("a key that was pressed once counts until %d ms later", late)
		}
		onlyFrom(s, "/back", wrong)
		if n := refusals(s); n != 1 {
			wrong("%d requests were refused, want only the first of all", n)
		}
		return latest(t, windows)
	})
}

// A14: what nobody sees is late, so a window that is seen takes the lead, and keeps it when the first one is seen again. A hidden
// tab whose timers are throttled delays nobody.
func TestA14_TheVisibleTabLeads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t, chrome.ThrottleAfter(2*time.Second))
	first, _ := open(t, s, browser)
	s.set(func(s *site) { s.interval = 1000 })
	second := anotherWindow(t, s, browser, "/second", "")
	chrome.Minimize(t, first)
	untilSender(t, s, "/second")
	chrome.Restore(t, first)
	for _, b := range untilNumber(t, s, 3) {
		if from(s, b) != "/second" {
			t.Errorf("%s took the lead from a window that is seen", from(s, b))
		}
	}
	// Nobody sees any: the leader goes on, if late, and the first one that is seen takes over.
	chrome.Minimize(t, first)
	chrome.Minimize(t, second)
	untilSender(t, s, "/second")
	chrome.Restore(t, first)
	untilSender(t, s, "/back")
	if n := refusals(s); n > 3 {
		t.Errorf("%d requests were refused", n)
	}
}

// A14: a leader that dies in any way neither blocks nor extends: a person in another window stays signed in within seconds, and
// what was done in the dead one before, or is pending there when it comes back, extends nothing.
func TestA14_DeadLeaderNeitherBlocksNorExtends(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kill, revive func(t *testing.T, tab context.Context)
	}{
		"frozen": {
			kill: func(t *testing.T, tab context.Context) { chrome.Freeze(t, tab) },
			revive: func(t *testing.T, tab context.Context) {
				chrome.Thaw(t, tab)
				chrome.Restore(t, tab)
			},
		},
		"hung": {
			kill: func(t *testing.T, tab context.Context) {
				chrome.Eval[any](t, tab, `void setTimeout(() => { for (const began = performance.now(); performance.now() - began < 12e3;); globalThis.hung = true; })`)
			},
			revive: func(t *testing.T, tab context.Context) { chrome.Until(t, tab, `globalThis.hung`) },
		},
		"paused": {
			kill: func(t *testing.T, tab context.Context) {
				call(t, tab, debugger.Enable, debugger.EnableParams{})
				call(t, tab, debugger.Pause, cdp.Empty{})
			},
			revive: func(t *testing.T, tab context.Context) {
				call(t, tab, debugger.Disable, cdp.Empty{})
			},
		},
		"crashed":   {kill: func(t *testing.T, tab context.Context) { chrome.Crash(t, tab) }},
		"discarded": {kill: func(t *testing.T, tab context.Context) { chrome.Discard(t, tab) }},
		"closed":    {kill: func(t *testing.T, tab context.Context) { call(t, tab, page.Close, cdp.Empty{}) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			browser := chrome.New(t)
			first, _ := open(t, s, browser)
			s.set(func(s *site) { s.interval = 2000 })
			second := anotherWindow(t, s, browser, "/second", "")
			s.warnInactivity(100_000)
			warned := lastActive(s)
			for _, tab := range []context.Context{first, second} {
				chrome.Until(t, tab, warns)
			}
			press(t, first, "a") // while it warns this is no choice
			c.kill(t, first)
			n, killed := len(s.allBeats()), clockNow(s)
			press(t, second, kb.Escape)
			chosen := clockNow(s)
			needs.Until(t, "the choice", func() bool {
				return slices.ContainsFunc(beatsAfter(s, n), func(b beat) bool { return b.Stay })
			})
			for _, b := range beatsAfter(s, n) {
				if from(s, b) != "/second" && b.At > killed+slack { // one may have been on its way
					t.Errorf("the dead tab %s sent", from(s, b))
				}
				if b.Stay && b.At-chosen > 10_000 {
					t.Errorf("the choice took %d ms", b.At-chosen)
				}
			}
			chrome.Until(t, second, `!`+warns)
			extended := lastActive(s)
			if extended <= warned || extended > chosen+slack {
				t.Errorf("the session was extended to %d ms after the choice", extended-chosen)
			}
			if c.revive != nil {
				c.revive(t, first)
				chrome.Until(t, first, pageIsSeen)
			}
			for _, b := range untilNumber(t, s, 4) {
				if b.Acted > extended+slack {
					t.Errorf("%s extended the session once more: %+v", from(s, b), b)
				}
			}
			// A leader that comes back at once may still take the question; what it then says is the same choice.
			if got := lastActive(s); got > extended+slack {
				t.Errorf("the session was extended by %d ms after the choice", got-extended)
			}
		})
	}
}

// A14: a leader that hangs with the lock and the warning not yet in sight costs the lease: the next one leads within its own interval
// and the time that followers leave the leader.
func TestA14_LeaseOfAHungLeader(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	first, _ := open(t, s, browser)
	s.set(func(s *site) { s.interval = 1000 })
	anotherWindow(t, s, browser, "/second", "")
	untilNumber(t, s, 2)
	began := clockNow(s)
	chrome.Eval[any](t, first, `void setTimeout(() => { for (const began = performance.now(); performance.now() - began < 25e3;); globalThis.hung = true; })`)
	untilSender(t, s, "/second")
	if took := clockNow(s) - began; took > 1000+5000+10_000+1500+3000 {
		t.Errorf("the next one leads after %d ms", took)
	}
	chrome.Until(t, first, `globalThis.hung`)
	n := len(s.allBeats())
	untilNumber(t, s, 4)
	for _, b := range beatsAfter(s, n+2) {
		if from(s, b) != "/second" {
			t.Errorf("the one that hung still sends")
		}
	}
}

// stays counts the choices to stay that the verifier has got.
func stays(s *site) (n int) {
	for _, b := range s.allBeats() {
		if b.Stay {
			n++
		}
	}
	return n
}

// A14, known from others: one "Stay signed in" extends exactly once, however many tabs see it; that the others see the session go on is
// no activity of theirs. Whichever window it is pressed in, both close.
func TestA14_OneStayExtendsOnce(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for i, name := range []string{"in the leader", "in another"} {
		t.Run(name, func(t *testing.T) {
			undisturbed(t, func(wrong complaint) float64 {
				s := newSite(t)
				windows := []context.Context{openWith(t, s, browser, watchdog)}
				s.set(func(s *site) { s.interval = 1000 })
				for _, path := range []string{"/second", "/third"} {
					windows = append(windows, anotherWindow(t, s, browser, path, watchdog))
				}
				s.warnInactivity(100_000)
				for _, tab := range windows {
					chrome.Until(t, tab, warns)
				}
				click(t, windows[i], inRoot(`root.querySelector("dialog button")`))
				chosen := clockNow(s)
				for _, tab := range windows {
					chrome.Until(t, tab, `!`+warns)
				}
				extended := lastActive(s)
				if extended > chosen+slack {
					t.Errorf("the session was extended to %d ms after the choice", extended-chosen)
				}
				untilNumber(t, s, 4)
				if more := lastActive(s) - extended; more > slack {
					t.Errorf("after the choice the session was extended by %d ms more", more)
				}
				if n := stays(s); n != 1 { // a second leader repeats what the first one may not have sent
					wrong("the choice was sent %d times", n)
				}
				onlyFrom(s, "/back", wrong)
				return latest(t, windows)
			})
		})
	}
}

// A2, A14: the session warning shows in every window, and what is dismissed in one is dismissed in all, on the pages that come after, in
// new tabs too.
func TestA2_A14_DismissedInAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	first, _ := open(t, s, browser)
	s.set(func(s *site) { s.interval = 1000 })
	second := anotherWindow(t, s, browser, "/second", "")
	s.warnSession(10 * 60_000)
	for _, tab := range []context.Context{first, second} {
		chrome.Until(t, tab, warns)
	}
	press(t, second, kb.Escape)
	for _, tab := range []context.Context{first, second} {
		chrome.Until(t, tab, `!`+warns)
	}
	chrome.BeforeLoad(t, first, countWarnings)
	chrome.Go(t, first, s.URL+"/again")
	third := anotherWindow(t, s, browser, "/third", countWarnings)
	untilNumber(t, s, 3)
	for _, tab := range []context.Context{first, second, third} {
		if chrome.Eval[bool](t, tab, warns) {
			t.Error("the dismissed warning shows again")
		}
	}
	for name, tab := range map[string]context.Context{"again": first, "third": third} {
		if n := chrome.Eval[int](t, tab, `warned`); n != 0 {
			t.Errorf("the page /%s warned %d times of what was dismissed", name, n)
		}
	}
	if n := stays(s); n > 0 {
		t.Errorf("%d choices to stay were sent", n)
	}
	// In its last minute it is back, in all.
	s.warnSession(50_000)
	for _, tab := range []context.Context{first, second, third} {
		chrome.Until(t, tab, warns)
	}
}

// A14: sign-out covers all at once, before any page asks the verifier.
func TestA14_SignOutCoversAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	first, _ := open(t, s, browser)
	second, third := anotherWindow(t, s, browser, "/second", ""), anotherWindow(t, s, browser, "/third", "")
	n := untilQuiet(t, s)
	chrome.Eval[any](t, second, `void curfew.signOut()`)
	for _, tab := range []context.Context{first, third} {
		chrome.Until(t, tab, `curfew.state === "ended"`)
	}
	asked := beatsAfter(s, n) // later they ask whether somebody has signed in anew
	for _, tab := range []context.Context{first, third} {
		wantCovered(t, tab)
	}
	for _, b := range asked {
		t.Errorf("%s asked the verifier", from(s, b))
	}
	chrome.Until(t, second, `location.pathname === "/bye"`)
}

// countWarnings counts the warnings that a page shows.
const countWarnings = `globalThis.warned = 0; document.addEventListener("curfew:warning", () => warned++)`

// A14, known from others: activity in one tab while another is idle never signs out, and shows no warning anywhere; and when nobody is
// active any more, a dead tab does not stop the sign-out.
func TestA14_ActivityInOneTabCountsForAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) {
		s.settings.InactivityTimeout, s.settings.InactivityWarning = 12_000, 4_000
		s.enforces = true
		s.interval = 3000
	})
	browser := chrome.New(t)
	first := openWith(t, s, browser, countWarnings)
	second := anotherWindow(t, s, browser, "/second", countWarnings)
	for began := time.Now(); time.Since(began) < 30*time.Second; {
		press(t, second, "a")
		wait(t, second, "700")
	}
	pressed := clockNow(s)
	for name, tab := range map[string]context.Context{"idle": first, "active": second} {
		if n := chrome.Eval[int](t, tab, `warned`); n != 0 {
			t.Errorf("the %s window warned %d times", name, n)
		}
		if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" {
			t.Errorf("the %s window is %s", name, state)
		}
	}
	ended := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.ended == wire.Inactivity
	}
	if ended() {
		t.Fatal("the session ended")
	}
	chrome.Crash(t, first)
	chrome.Until(t, second, `warned > 0`)
	chrome.Until(t, second, `curfew.state === "ended"`)
	wantCovered(t, second)
	needs.Until(t, "the end", ended)
	if extended := lastActive(s) - pressed; extended > slack {
		t.Errorf("the session was extended by %d ms after the last key", extended)
	}
}

// A14: a browser without channels or without locks gets the simpler path: each tab talks for itself. A choice in one is one, and the others
// see it with their next heartbeat.
func TestA14_WithoutLocksOrChannels(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, script := range map[string]string{
		"locks":    `Object.defineProperty(Navigator.prototype, "locks", { value: undefined })`,
		"channels": `delete globalThis.BroadcastChannel`,
		"both":     `Object.defineProperty(Navigator.prototype, "locks", { value: undefined }); delete globalThis.BroadcastChannel`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.interval = 1000 })
			first := openWith(t, s, browser, script)
			second := anotherWindow(t, s, browser, "/second", script)
			untilSender(t, s, "/back")
			untilSender(t, s, "/second")
			s.warnInactivity(100_000)
			for _, tab := range []context.Context{first, second} {
				chrome.Until(t, tab, warns)
			}
			press(t, second, kb.Escape)
			for _, tab := range []context.Context{first, second} {
				chrome.Until(t, tab, `!`+warns)
			}
			untilSender(t, s, "/back")
			untilSender(t, s, "/second")
			if got := stays(s); got != 1 {
				t.Errorf("%d choices to stay were sent, want one", got)
			}
			// A refusal tells a tab where the other one is, so that there is at most one for each heartbeat of the other, besides the
			// first of each tab, which has no nonce.
			if refused, accepted := refusals(s), len(s.allBeats()); refused > accepted+2 {
				t.Errorf("%d requests were refused, and %d answered", refused, accepted)
			}
			s.set(func(s *site) { s.ended = wire.EndedByAdmin })
			for _, tab := range []context.Context{first, second} {
				chrome.Until(t, tab, `curfew.state === "ended"`)
			}
		})
	}
}

// channelOf listens on the tabs' channel as any script of the origin can, and says what it likes.
const channelOf = `globalThis.overheard = []; globalThis.forger = new BroadcastChannel("curfew:/.curfew/");
forger.onmessage = (event) => { if (typeof event.data === "string") overheard.push(event.data); }; globalThis.thrown = []; addEventListener("error", (event) => thrown.push(event.message));`

// A14: what is not exactly a message, and what is old, does nothing: nothing is extended, nothing fails, and no page that is over comes back.
func TestA14_ForgedAndOldMessages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 1000 })
	browser := chrome.New(t)
	first := chrome.Tab(t, browser)
	console := chrome.Listen(t, first)
	chrome.BeforeLoad(t, first, channelOf)
	chrome.Go(t, first, s.URL+"/.curfew/sign-in")
	chrome.Until(t, first, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
	second := anotherWindow(t, s, browser, "/second", channelOf)
	chrome.Until(t, second, `globalThis.state = overheard.findLast((text) => text.startsWith("state "))`) // the leader does not hear itself
	state := chrome.Eval[string](t, second, `state`)
	chrome.Eval[any](t, first, `void (globalThis.state = `+strconv.Quote(state)+`)`)
	before := lastActive(s)
	const forge = `void (() => {
		const now = Date.now();
		const words = state.split(" ");
		const all = [
			"", " ", "state", "ask", "ask " + now, "nonsense", "here " + now + " 2 0", "acted " + now + " -1", "acted " + now + " 1e3", "acted " + now + " 0 0",
			"ask " + now + " 0 1", "ask " + now + " 0 yes 0", "acted 0" + now + " 0", "acted " + now + " 0\n", "Acted " + now + " 0", "\u0000", "x".repeat(1e6),
			state + " ", state + " 1", " " + state, state.slice(0, -1) + "\u00e6", words.slice(0, -1).join(" "), words.map((word) => word + word).join(" "),
			"over " + now + " s1 because", "over " + now + " other inactivity", "dismissed " + now + " 5 1", "here " + now + " 0 99999999999999999999",
			null, undefined, 5, now, true, {}, [], [state], { data: state }, new ArrayBuffer(8), new Uint8Array(1e5), new Date(), /x/, new Map([[1, state]]), 5n,
			// old ones
			"acted " + (now - 3000) + " 0", "acted 0 0", "ask " + (now - 3000) + " 0 1 0", "ask 1 0 1 0", "ask 0 0 1 0",
		];
		for (const text of all) forger.postMessage(text);
		dispatchEvent(new MessageEvent("message", { data: "acted " + now + " 0" }));
	})()`
	for _, tab := range []context.Context{first, second} {
		chrome.Eval[any](t, tab, forge)
	}
	for _, b := range untilNumber(t, s, 4) {
		if b.Stay || b.Idle != wire.MaxIdle {
			t.Errorf("what was forged is sent as %+v", b)
		}
	}
	if lastActive(s) != before {
		t.Errorf("the session was extended by %d ms", lastActive(s)-before)
	}
	for _, tab := range []context.Context{first, second} {
		chrome.Until(t, tab, pageIsSeen)
		if thrown := chrome.Eval[[]string](t, tab, `thrown`); len(thrown) > 0 {
			t.Errorf("thrown: %q", thrown)
		}
	}
	// Nothing that is said brings back a page that is over.
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	for _, tab := range []context.Context{first, second} {
		chrome.Until(t, tab, `curfew.state === "ended"`)
	}
	chrome.Eval[any](t, second, `void (globalThis.uncovered = 0, new MutationObserver(() => {
		if (!document.querySelector("curfew-agent").shadowRoot.querySelector("[part=cover]")?.open) uncovered++;
	}).observe(document.querySelector("curfew-agent").shadowRoot, { childList: true, subtree: true, attributes: true }))`)
	chrome.Eval[any](t, first, `void (() => {
		const words = state.split(" ");
		words[1] = Date.now();
		for (const text of [state, words.join(" "), "here " + Date.now() + " 0 0", "renewed " + Date.now(), "doubt " + Date.now(), "ask " + Date.now() + " 0 1 0", "acted " + Date.now() + " 0"]) forger.postMessage(text);
	})()`)
	wait(t, second, "2500")
	if n := chrome.Eval[int](t, second, `uncovered`); n > 0 {
		t.Errorf("the ended page was uncovered %d times", n)
	}
	wantCovered(t, second)
	for _, e := range console.Errors() {
		if !strings.Contains(e.Text, "401 (Unauthorized)") && !strings.Contains(e.Text, "409 (Conflict)") { // both tabs may lose patience on a busy machine
			t.Error("on the console:", e)
		}
	}
}
