package loader_test

import (
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/firefox"
	"github.com/curfew-project/curfew/wasm/needs"
)

// The dialog in Firefox: where the focus is, what is a choice and what is none, and what unsaved work leads to.
func TestFirefox_Warnings(t *testing.T) {
	t.Parallel()
	browser := firefox.New(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *firefox.Browser)
	}{
		{"A4_InactivityDialog", firefoxInactivity},
		{"A4_StayByAClick", firefoxStaysByAClick},
		{"A2_DismissedStaysOverNavigation", firefoxDismisses},
		{"A15_SignInInAWindowKeepsThePage", firefoxKeepsTheWork},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, browser) })
	}
}

const (
	firstButton = `root.querySelector("dialog button")`
	focusInside = `document.activeElement === root.host && root.activeElement?.textContent`
)

// warnedFirefox opens a page whose button had the focus when the inactivity warning came.
func warnedFirefox(t *testing.T, s *site, browser *firefox.Browser) *firefox.Page {
	t.Helper()
	s.set(func(s *site) { s.interval = 300 })
	tab, _ := openFirefox(t, s, browser, countWarnings)
	knowsFirefox(t, tab)
	firefox.Eval[any](t, tab, `void document.getElementById("work").focus()`)
	s.warnInactivity(95_000)
	firefox.Until(t, tab, warns)
	return tab
}

func firefoxInactivity(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	tab := warnedFirefox(t, s, browser)
	warned := lastActive(s)
	shotFirefox(t, tab, "inactivity")
	for what, want := range map[string]string{
		`root.querySelector("dialog").getAttribute("role")`: "alertdialog",
		title:       "Are you still there?",
		focusInside: "Stay signed in",
	} {
		if got := firefox.Eval[string](t, tab, inRoot(what)); got != want {
			t.Errorf("%s is %q, want %q", what, got, want)
		}
	}
	// What no person chose is no choice: what a script does, and activity.
	firefox.Eval[any](t, tab, inRoot(`void (() => {
		for (const target of [root.querySelector("dialog"), root.querySelector("dialog button"), document, window]) {
			for (const type of ["keydown", "keyup"]) target.dispatchEvent(new KeyboardEvent(type, { key: "Escape", bubbles: true, composed: true, cancelable: true }));
		}
		root.querySelector("dialog button").click();
		root.querySelector("dialog button").dispatchEvent(new PointerEvent("click", { bubbles: true, composed: true }));
		root.querySelector("dialog").close();
		root.querySelector("dialog").requestClose?.();
		curfew.stay();
	})()`))
	untouched := func(what string) {
		t.Helper()
		untilNumber(t, s, 4)
		if n := stays(s); n != 0 || lastActive(s) != warned || !firefox.Eval[bool](t, tab, warns) {
			t.Fatalf("after %s: %d choices were sent that nobody made, and the session was extended by %d ms", what, n, lastActive(s)-warned)
		}
	}
	untouched("what a script did")
	firefox.Move(t, tab, 40, 40)
	firefox.Move(t, tab, 60, 40)
	firefox.Click(t, tab, 60, 40)
	firefox.Press(t, tab, "a")
	firefox.Wheel(t, tab, 40, 40, 30)
	untouched("activity")
	// The focus moves within the dialog. After its last button it is with the browser itself, as for every modal dialog in Firefox, and never in the page.
	firefox.Eval[any](t, tab, inRoot(`void root.querySelector("dialog button").focus()`))
	for range 6 {
		firefox.Press(t, tab, firefox.TabKey)
		if at := firefox.Eval[string](t, tab, `document.activeElement.localName`); at != "curfew-agent" && (at != "body" || firefox.Eval[bool](t, tab, `document.hasFocus()`)) {
			t.Errorf("Tab leads to %s", at)
		}
	}
	firefox.Eval[any](t, tab, inRoot(`void root.querySelector("dialog button").focus()`))
	for _, step := range []struct {
		keys []string
		want string
	}{{[]string{firefox.TabKey}, "Sign out"}, {[]string{firefox.Shift, firefox.TabKey}, "Stay signed in"}} {
		firefox.Press(t, tab, step.keys...)
		if got := firefox.Eval[string](t, tab, inRoot(focusInside)); got != step.want {
			t.Errorf("the focus moved to %q, want %q", got, step.want)
		}
	}
	firefox.Press(t, tab, firefox.Escape)
	firefox.Until(t, tab, pageIsSeen)
	needs.Until(t, "the choice", func() bool { return stays(s) == 1 })
	if !firefox.Eval[bool](t, tab, `document.activeElement.id === "work"`) {
		t.Errorf("the focus went back to %s", firefox.Eval[string](t, tab, `document.activeElement.outerHTML`))
	}
	untilNumber(t, s, 3)
	if n := stays(s); n != 1 || firefox.Eval[int](t, tab, `warned`) != 1 {
		t.Errorf("%d choices were sent, want one", n)
	}
}

func firefoxStaysByAClick(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	tab := warnedFirefox(t, s, browser)
	firefox.ClickOn(t, tab, inRoot(firstButton))
	chosen := clockNow(s)
	firefox.Until(t, tab, pageIsSeen)
	untilNumber(t, s, 5)
	if n, late := stays(s), lastActive(s)-chosen; n != 1 || late > slack || late < -slack {
		t.Errorf("%d choices were sent, want one; the session was extended to %d ms after the click", n, late)
	}
	if n := firefox.Eval[int](t, tab, `warned`); n != 1 {
		t.Errorf("it warned %d times", n)
	}
	if state := firefox.Eval[string](t, tab, `curfew.state`); state != "armed" {
		t.Errorf("the page is %q", state)
	}
}

func firefoxDismisses(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.interval = 300 })
	tab, _ := openFirefox(t, s, browser, countWarnings)
	knowsFirefox(t, tab)
	s.warnSession(10 * 60_000)
	firefox.Until(t, tab, warns)
	shotFirefox(t, tab, "session")
	firefox.Press(t, tab, firefox.Escape)
	firefox.Until(t, tab, pageIsSeen)
	for name, leave := range map[string]func(){
		"another page": func() { firefox.Go(t, tab, s.URL+"/again") },
		"a reload":     func() { firefox.Reload(t, tab) },
	} {
		leave()
		knowsFirefox(t, tab)
		untilNumber(t, s, 3)
		if n := firefox.Eval[int](t, tab, `warned`); n != 0 || firefox.Eval[bool](t, tab, warns) {
			t.Errorf("after %s it warned %d times", name, n)
		}
	}
	if n := stays(s); n != 0 {
		t.Errorf("%d choices to stay were sent", n)
	}
	s.warnSession(50_000) // in its last minute it is back
	firefox.Until(t, tab, warns)
}

func firefoxKeepsTheWork(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.body, s.interval = work, 300 })
	tab, _ := openFirefox(t, s, browser, recordEvents)
	s.set(func(s *site) { s.goTo = s.URL + "/bye" })
	firefox.Go(t, tab, s.URL+"/edit?id=5#note")
	knowsFirefox(t, tab)
	firefox.Eval[any](t, tab, typeWork)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	firefox.Until(t, tab, `curfew.state === "ended"`)
	wantCoveredFirefox(t, tab)
	before := firefox.Count(t, browser)
	window := firefox.Opened(t, browser, func() { firefox.ClickOn(t, tab, inRoot(`root.querySelector("[part=cover] button")`)) })
	firefox.Until(t, window, provider)
	if !firefox.Eval[bool](t, window, `window.opener === null`) {
		t.Error("the window can reach back to the page")
	}
	wantCoveredFirefox(t, tab)
	if said := firefox.Eval[string](t, tab, inRoot(`root.querySelector("h1").textContent`)); said != "Continue in the other window" {
		t.Errorf("the cover says %q", said)
	}
	shotFirefox(t, tab, "elsewhere")
	if at := firefox.Eval[string](t, tab, `location.pathname + location.search + location.hash`); at != "/edit?id=5#note" {
		t.Errorf("the page went to %s", at)
	}
	s.comesBack("s2", "u1")
	firefox.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	firefox.Until(t, tab, workIsKept+" && "+pageIsSeen)
	if got := firefox.Eval[string](t, tab, `told.map((one) => one.type).join()`); got != "ended,resumed" {
		t.Errorf("the page was told %q", got)
	}
	needs.Until(t, "the window to close itself", func() bool { return firefox.Count(t, browser) == before })
}
