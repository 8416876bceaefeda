package loader_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

func untilPages(t testing.TB, ctx context.Context, want int) {
	t.Helper()
	needs.UntilEqual(t, "pages of the browser", want, func() int { return len(chrome.Pages(t, ctx)) })
}

// work makes a page that somebody works on: what was typed is only there.
const work = `<h1>Records</h1><button id=work>Work</button><input id=note><p id=secret>Blood group</p>`

const typeWork = `void (() => {
	document.getElementById("note").value = "half a sentence";
	globalThis.memory = { kept: true };
	curfew.markUnsaved(true);
})()`

const workIsKept = `document.getElementById("note")?.value === "half a sentence" && globalThis.memory?.kept && curfew.state === "armed"`

// working opens a page with unsaved work, recording its events; the identity provider is a page that waits.
func working(t testing.TB, s *site, browser context.Context) context.Context {
	t.Helper()
	s.set(func(s *site) { s.body, s.goTo, s.interval = work, "", 300 })
	tab, _ := open(t, s, browser)
	s.set(func(s *site) { s.goTo = s.URL + "/bye" })
	chrome.BeforeLoad(t, tab, recordEvents)
	chrome.Go(t, tab, s.URL+"/edit?id=5#note")
	knows(t, tab)
	chrome.Eval[any](t, tab, typeWork)
	return tab
}

// knows waits until the page has the verifier's first answer to a proof: before that nobody can tell for whom the page was made.
func knows(t testing.TB, tab context.Context) {
	t.Helper()
	chrome.Until(t, tab, `curfew.state === "armed" && performance.getEntriesByType("resource").some((e) => e.name.endsWith("/heartbeat") && e.responseStatus === 200)`)
	chrome.Until(t, tab, pageIsSeen)
}

// comesBack is what the verifier does when a user has signed in anew.
func (s *site) comesBack(sid, user string) {
	s.set(func(s *site) {
		now := time.Now().UnixMilli()
		s.ended, s.sid, s.seq, s.user, s.began, s.active = "", sid, 0, user, now, now
	})
}

const provider = `location.pathname === "/bye"`

// A15: with unsaved work the cover of an ended session leads to the sign-in in a window of its own, which cannot reach back. The page
// keeps all it had, covered, and goes on when the same user is back; the window closes itself.
func TestA15_SignInInAWindowKeepsThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := working(t, s, chrome.New(t))
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	before := len(chrome.Pages(t, tab))
	window := chrome.Opened(t, tab, func() { click(t, tab, inRoot(`root.querySelector("[part=cover] button")`)) })
	chrome.Until(t, window, provider)
	if !chrome.Eval[bool](t, window, `window.opener === null`) {
		t.Error("the window can reach back to the page")
	}
	wantCovered(t, tab)
	if title := chrome.Eval[string](t, tab, inRoot(`root.querySelector("h1").textContent`)); title != "Continue in the other window" {
		t.Errorf("the cover says %q", title)
	}
	if at := chrome.Eval[string](t, tab, `location.pathname + location.search + location.hash`); at != "/edit?id=5#note" {
		t.Errorf("the page went to %s", at)
	}
	wantTold(t, tab, "ended")

	s.comesBack("s2", "u1")
	chrome.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	chrome.Until(t, tab, workIsKept)
	chrome.Until(t, tab, pageIsSeen)
	wantTold(t, tab, "ended", "resumed")
	untilPages(t, tab, before)
}

// A15: from the session warning, too; the session that is about to end is replaced without any end.
func TestA15_SignInAgainInAWindowBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 500 })
	tab := working(t, s, chrome.New(t))
	s.warnSession(10 * 60_000)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	if body := chrome.Eval[string](t, tab, inRoot(`root.getElementById("body").textContent`)); !contains(body, "unsaved work") {
		t.Errorf("the warning says %q", body)
	}
	before := len(chrome.Pages(t, tab))
	window := chrome.Opened(t, tab, func() { click(t, tab, inRoot(`root.querySelector("dialog button")`)) })
	chrome.Until(t, window, provider)
	chrome.Until(t, tab, pageIsSeen) // the session lives, so the work can go on meanwhile
	s.comesBack("s2", "u1")
	chrome.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	untilPages(t, tab, before)
	chrome.Until(t, tab, `told.length > 1`)
	chrome.Until(t, tab, workIsKept+" && "+pageIsSeen)
	wantTold(t, tab, "warning", "extended")
}

// A15: for anybody else the page is emptied, covered all the while, and left for the start of the application.
func TestA15_AnotherUserGetsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := working(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void addEventListener("pagehide", () => {
		sessionStorage.found = document.documentElement.textContent + "|" + (document.getElementById("note")?.value ?? "no note") + "|" +
			!!document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog[part=cover]")?.open;
	})`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	window := chrome.Opened(t, tab, func() { click(t, tab, inRoot(`root.querySelector("[part=cover] button")`)) })
	chrome.Until(t, window, provider)
	s.comesBack("s2", "u2")
	chrome.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	chrome.Until(t, tab, `location.pathname === "/" && globalThis.curfew?.state === "armed"`)
	if found := chrome.Eval[string](t, tab, `sessionStorage.found`); found != "|no note|true" {
		t.Errorf("when the page was left it had %q, want nothing, covered", found)
	}
	if chrome.Eval[bool](t, tab, `document.getElementById("note").value !== ""`) {
		t.Error("the other user sees the work")
	}
	chrome.Back(t, tab)
	chrome.Until(t, tab, `location.pathname === "/edit" && document.getElementById("note")?.value !== "half a sentence"`)
}

// A15: a browser that opens no window is not silent: the cover says so, and trying again works as soon as it does.
func TestA15_BlockedWindowCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := working(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void (globalThis.opens = window.open, window.open = () => null)`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	button := inRoot(`root.querySelector("[part=cover] button")`)
	click(t, tab, button)
	chrome.Until(t, tab, inRoot(`root.querySelector("h1").textContent === "The window to sign in was blocked"`))
	wantCovered(t, tab)
	chrome.Eval[any](t, tab, `void (window.open = () => { throw new Error("no windows here") })`)
	click(t, tab, button)
	wait(t, tab, "200")
	wantCovered(t, tab)
	chrome.Eval[any](t, tab, `void (window.open = opens)`)
	window := chrome.Opened(t, tab, func() { click(t, tab, button) })
	chrome.Until(t, window, provider)
	s.comesBack("s2", "u1")
	chrome.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	chrome.Until(t, tab, workIsKept+" && "+pageIsSeen)
}

// A15: a page in a sandbox that may open no windows says so.
func TestA15_SandboxedPageSaysThatTheWindowIsBlocked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.policy += "; sandbox allow-scripts allow-same-origin" })
	tab := working(t, s, chrome.New(t))
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	click(t, tab, inRoot(`root.querySelector("[part=cover] button")`))
	chrome.Until(t, tab, inRoot(`root.querySelector("h1").textContent === "The window to sign in was blocked"`))
	wantCovered(t, tab)
}

// A15, A14: all covered tabs come back, each with its own work; one without any too.
func TestA15_AllCoveredTabsComeBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	tab := working(t, s, browser)
	second, third := anotherTab(t, s, browser, 1), anotherTab(t, s, browser, 2)
	untilBeats(t, s, len(s.allBeats())+2) // the first tab tells the others of each answer
	chrome.Eval[any](t, second, typeWork)
	chrome.Eval[any](t, third, `void (globalThis.memory = { kept: true })`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	for _, one := range []context.Context{tab, second, third} {
		chrome.Until(t, one, `curfew.state === "ended"`)
	}
	window := chrome.Opened(t, second, func() { click(t, second, inRoot(`root.querySelector("[part=cover] button")`)) })
	chrome.Until(t, window, provider)
	s.comesBack("s2", "u1")
	chrome.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	chrome.Until(t, tab, workIsKept+" && "+pageIsSeen)
	chrome.Until(t, second, workIsKept+" && "+pageIsSeen)
	chrome.Until(t, third, `globalThis.memory?.kept && curfew.state === "armed" && `+pageIsSeen)
}

// A15: a page without unsaved work is simply left for the sign-in, with its own address to come back to.
func TestA15_WithoutUnsavedWorkThePageIsLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := working(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void curfew.markUnsaved(false)`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	before := len(chrome.Pages(t, tab))
	click(t, tab, inRoot(`root.querySelector("[part=cover] button")`))
	chrome.Until(t, tab, provider)
	if n := len(chrome.Pages(t, tab)); n != before {
		t.Errorf("%d pages, want %d: a window was opened", n, before)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if to := s.form.Get(wire.FieldReturnTo); to == "/.curfew/signed-in" {
		t.Errorf("the sign-in goes on to %q", to)
	}
}

// A15: a page that is over asks again when somebody comes to it, at most every two seconds, and stays covered while there is no
// session and when the verifier cannot say.
func TestA15_EndedPageAsksWhenSomebodyComes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := working(t, s, chrome.New(t))
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	s.set(func(s *site) { s.nobody = true })
	const asked = `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/heartbeat")).length`
	come := func() {
		minimize(t, tab, true)
		minimize(t, tab, false)
	}
	before := chrome.Eval[int](t, tab, asked)
	began := time.Now()
	for range 4 {
		come()
	}
	chrome.Until(t, tab, asked+" > "+strconv.Itoa(before))
	wait(t, tab, "300")
	if n, most := chrome.Eval[int](t, tab, asked)-before, int(time.Since(began)/(2*time.Second))+1; n > most {
		t.Errorf("the page asked %d times within %v, want at most %d", n, time.Since(began), most)
	}
	wantCovered(t, tab)
	if state := chrome.Eval[string](t, tab, `curfew.state`); state != "ended" {
		t.Errorf("the state is %q", state)
	}
	wait(t, tab, "2100")
	s.set(func(s *site) { s.nobody = false })
	s.comesBack("s2", "u1")
	come()
	chrome.Until(t, tab, workIsKept+" && "+pageIsSeen)
	wantTold(t, tab, "ended", "resumed")
}
