package loader_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// told is one event that the page heard on its window.
type told struct {
	Type       string  `json:"type"`
	Reason     string  `json:"reason"`
	Left       int64   `json:"left"`
	OnDocument bool    `json:"onDocument"` // it was dispatched there and came up
	Dialog     bool    `json:"dialog"`     // there was one already
	At         float64 `json:"at"`         // performance.now()
}

// recordEvents keeps all of the agent's events, while other listeners do their worst.
const recordEvents = `globalThis.told = [];
for (const type of ["notice", "warning", "extended", "ending", "ended", "resumed"]) {
	document.addEventListener("curfew:" + type, () => { throw new Error("a listener that throws") });
	document.addEventListener("curfew:" + type, (event) => { event.detail.waitUntil("no promise") });
	addEventListener("curfew:" + type, (event) => told.push({
		type, reason: event.detail.reason, left: event.detail.left, onDocument: event.target === document, at: performance.now(),
		dialog: !!document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog"),
	}));
}`

// noteSignOut notes when the request to sign out is sent.
const noteSignOut = `{
	const fetch = globalThis.fetch;
	globalThis.fetch = (...args) => {
		if (String(args[0]).endsWith("/sign-out")) globalThis.signedOutAt = performance.now();
		return fetch(...args);
	};
}`

func allTold(t testing.TB, tab context.Context) []told {
	t.Helper()
	return chrome.Eval[[]told](t, tab, `told`)
}

// wantTold wants exactly these events so far: their types, and the first one's first.
func wantTold(t testing.TB, tab context.Context, types ...string) {
	t.Helper()
	var got []string
	for _, event := range allTold(t, tab) {
		got = append(got, event.Type)
		if !event.OnDocument {
			t.Errorf("curfew:%s did not come from the document", event.Type)
		}
	}
	if !slices.Equal(got, types) {
		t.Fatalf("the page was told %q, want %q", got, types)
	}
}

// idleFor makes the session's last activity lie so long ago that the notice of an inactivity warning is due in ahead milliseconds; it
// then warns 10 seconds later, for warning milliseconds. No answer of the verifier wakes the page meanwhile.
func (s *site) idleFor(ahead, warning int64) {
	s.set(func(s *site) {
		s.settings.InactivityWarning = warning
		s.active = s.now() - s.settings.InactivityTimeout + warning + 10_000 + ahead
		s.began, s.past = s.active, s.now()
		s.interval = 60_000
	})
}

// recorded is a tab whose page records the agent's events and asks the verifier often, so that it hears in time of what a test makes due.
func recorded(t *testing.T, s *site) context.Context {
	t.Helper()
	s.set(func(s *site) { s.interval = 500 })
	tab, _ := open(t, s, chrome.New(t))
	chrome.BeforeLoad(t, tab, recordEvents)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	untilNumber(t, s, 2)
	return tab
}

// A15: while nobody is active a page hears, in this order and with what its scripts need to know: the notice ten seconds before the
// warning, the warning, the last three seconds, the end, and that the same user is back. Listeners that throw harm nothing.
func TestA15_EventsOfASession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.enforces = true })
	tab := recorded(t, s)
	s.idleFor(5000, 6000)
	chrome.Until(t, tab, `curfew.state === "ended"`)
	wantTold(t, tab, "notice", "warning", "ending", "ended")
	all := allTold(t, tab)
	for i, left := range []int64{16_000, 6_000, 3_000, 0} {
		if off := all[i].Left - left; all[i].Reason != string(wire.Inactivity) || off > 0 || off < -slack {
			t.Errorf("curfew:%s says %q and %d ms left, want inactivity and about %d", all[i].Type, all[i].Reason, all[i].Left, left)
		}
	}
	if all[0].Dialog {
		t.Error("there is a dialog already when curfew:notice is told")
	}

	// The same user signs in elsewhere, and somebody comes back to this page.
	s.set(func(s *site) {
		now := time.Now().UnixMilli()
		s.ended, s.sid, s.seq, s.began, s.active = "", "s2", 0, now, now
	})
	minimize(t, tab, true)
	minimize(t, tab, false)
	chrome.Until(t, tab, `curfew.state === "armed"`)
	wantTold(t, tab, "notice", "warning", "ending", "ended", "resumed")
	chrome.Until(t, tab, pageIsSeen)
}

// A15: who is active after the notice is not warned and told of nothing more; a choice to stay ends the warning with curfew:extended.
func TestA15_EventsOfAPersonWhoIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := recorded(t, s)
	s.idleFor(5000, 120_000)
	chrome.Until(t, tab, `told.length > 0`)
	press(t, tab, "a")
	wait(t, tab, "11000") // past the warning that was announced
	wantTold(t, tab, "notice")
	chrome.Until(t, tab, pageIsSeen)

	s.idleFor(-10_100, 60_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	wantTold(t, tab, "warning")
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, pageIsSeen)
	chrome.Until(t, tab, `told.length > 1`)
	wantTold(t, tab, "warning", "extended")
	if last := allTold(t, tab)[1]; last.Reason != string(wire.Inactivity) {
		t.Errorf("curfew:extended says %q", last.Reason)
	}
}

// A15, A2: the session warning is told with its own reason; dismissing it extends nothing.
func TestA15_A2_EventsOfTheSessionWarning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	chrome.BeforeLoad(t, tab, recordEvents)
	s.warnSession(10 * 60_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, pageIsSeen)
	wait(t, tab, "1500")
	wantTold(t, tab, "warning")
	if got := allTold(t, tab)[0]; got.Reason != string(wire.SessionTimeout) || got.Left < 9*60_000 || got.Left > 10*60_000 {
		t.Errorf("curfew:warning says %+v", got)
	}
}

// A15: before a sign-out the page may save its work: the sign-out waits for all promises that scripts of the page and its frames hand
// in, in whatever way they settle, and for three seconds at most. The page is covered meanwhile.
func TestA15_SignOutWaitsForTheWork(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	const forever = 60_000.0
	for name, c := range map[string]struct {
		listen      string
		least, most float64 // milliseconds from curfew:ending to the request
	}{
		"nobody listens":  {`0`, 0, 2500},
		"it settles":      {`hold(() => new Promise((done) => setTimeout(done, 1000)))`, 990, 2700},
		"it rejects":      {`hold(() => Promise.reject(new Error("not saved")))`, 0, 2500},
		"one of two":      {`hold(() => Promise.resolve()); hold(() => new Promise((done) => setTimeout(done, 1200)))`, 1190, 2800},
		"never":           {`hold(() => new Promise(() => {}))`, 2950, forever},
		"in a frame":      {`frames[0].document.addEventListener("curfew:ending", (event) => event.detail.waitUntil(new Promise((done) => setTimeout(done, 1000))))`, 990, 2700},
		"a thenable":      {`hold(() => ({ get then() { throw new Error("no") } }))`, 0, 2500},
		"it comes late":   {`addEventListener("curfew:ending", (event) => setTimeout(() => event.detail.waitUntil(new Promise(() => {}))))`, 0, 2500},
		"one that throws": {`addEventListener("curfew:ending", (event) => { event.detail.waitUntil(new Promise((done) => setTimeout(done, 1000))); throw 1 })`, 990, 2700},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.body = `<h1>Top</h1><button id=work>Work</button><iframe src="/inner"></iframe>` })
			tab, _ := open(t, s, browser)
			chrome.BeforeLoad(t, tab, `if (self !== top) addEventListener("DOMContentLoaded", () => document.querySelector("iframe")?.remove())`)
			chrome.BeforeLoad(t, tab, recordEvents+noteSignOut)
			chrome.Go(t, tab, s.URL)
			// Both of the first requests are answered, so that nothing else is under way.
			chrome.Until(t, tab, `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/heartbeat")).length > 1`)
			chrome.Until(t, tab, `globalThis.curfew?.state === "armed" && frames[0].curfew?.state === "armed"`)
			chrome.Eval[any](t, tab, `void (() => {
				const hold = (work) => addEventListener("curfew:ending", (event) => event.detail.waitUntil(work()));
				`+c.listen+`;
			})()`)
			hold := make(chan struct{})
			s.set(func(s *site) { s.hold = hold })
			chrome.Eval[bool](t, tab, `curfew.signOut()`)
			chrome.Until(t, tab, `told.length > 0`)
			wantTold(t, tab, "ending")
			if e := allTold(t, tab)[0]; e.Reason != string(wire.SignedOut) || e.Left != 0 {
				t.Errorf("curfew:ending says %+v", e)
			}
			wantCovered(t, tab)
			chrome.Until(t, tab, `globalThis.signedOutAt`)
			if took := chrome.Eval[float64](t, tab, `signedOutAt - told[0].at`); took < c.least || took > c.most {
				t.Errorf("the sign-out was sent %.0f ms after curfew:ending, want %v to %v", took, c.least, c.most)
			}
			close(hold)
			chrome.Until(t, tab, `location.pathname === "/bye"`)
		})
	}
}
