package loader_test

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// ownScript is the element of the page's script, which offers the same as globalThis.curfew.
const ownScript = `document.querySelector("script[src$='agent.js']")`

// A15: the page's API is what is documented and no more, on the global name and on the script's element, and cannot be changed.
func TestA15_PageAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	for what, expression := range map[string]string{
		"has its four members": `Object.getOwnPropertyNames(curfew).sort().join() === "markUnsaved,signOut,state,stay"`,
		"is frozen":            `Object.isFrozen(curfew)`,
		"cannot be replaced":   `(() => { try { globalThis.curfew = null } catch {} delete globalThis.curfew; return curfew.state === "armed" })()`,
		"is on the element":    ownScript + `.state === "armed" && ["stay", "signOut", "markUnsaved"].every((name) => ` + ownScript + `[name] === curfew[name])`,
		"stays on the element": `(() => { try { ` + ownScript + `.stay = null } catch {} return typeof ` + ownScript + `.stay === "function" })()`,
		"shows no port":        `curfew.port === undefined`,
	} {
		if !chrome.Eval[bool](t, tab, expression) {
			t.Error("the API lacks:", what)
		}
	}
	s.set(func(s *site) { s.ended = wire.EndedByAdmin; s.interval = 200 })
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `curfew.state === "ended"`)
	if got := chrome.Eval[string](t, tab, ownScript+`.state`); got != "ended" {
		t.Errorf("the element says %q after the end", got)
	}
	if chrome.Eval[bool](t, tab, `curfew.signOut() || curfew.stay()`) {
		t.Error("a choice was taken after the end")
	}
}

// D1, P5: stay() is taken only from what a person does: a script alone gets false, whatever it puts in the place of the browser's word,
// and no heartbeat says that anybody wants to stay.
func TestD1_OnlyAPersonMakesAScriptStay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 200 })
	tab, _ := open(t, s, chrome.New(t))
	for name, script := range map[string]string{
		"a plain call":      `0`,
		"a scripted click":  `document.getElementById("work").addEventListener("click", () => { globalThis.got = curfew.stay() }, { once: true }), document.getElementById("work").click()`,
		"a lying getter":    `Object.defineProperty(UserActivation.prototype, "isActive", { get: () => true, configurable: true })`,
		"a lying navigator": `Object.defineProperty(navigator, "userActivation", { value: { isActive: true }, configurable: true })`,
	} {
		if chrome.Eval[bool](t, tab, `(() => { globalThis.got = false; `+script+`; return globalThis.got || curfew.stay() || `+ownScript+`.stay() })()`) {
			t.Errorf("%s: a script alone chose to stay", name)
		}
	}
	before := len(s.allBeats())
	untilBeats(t, s, before+3)
	for _, b := range s.allBeats() {
		if b.Stay {
			t.Fatalf("a script chose to stay: %+v", b)
		}
	}
}

// untilBeats waits until the verifier has had so many heartbeats.
func untilBeats(t testing.TB, s *site, want int) {
	t.Helper()
	needs.Until(t, strconv.Itoa(want)+" heartbeats", func() bool { return len(s.allBeats()) >= want })
}

// A15: within what a person does, a page's script can choose to stay, and the verifier hears of it.
func TestA15_StayByAPersonsClick(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void document.getElementById("work").addEventListener("click", () => { globalThis.got = curfew.stay() })`)
	click(t, tab, `document.getElementById("work")`)
	chrome.Until(t, tab, `globalThis.got === true`)
	needs.Until(t, "a heartbeat that says that the person stays", func() bool { return stays(s) > 0 })
}

// A4 A15: while the inactivity warning shows, only its own button is the explicit choice: a key that a person pressed is none, and what a
// script makes of it is none either.
func TestA4_A15_NoScriptAnswersTheWarning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 300 })
	tab, _ := open(t, s, chrome.New(t))
	s.warnInactivity(100_000)
	chrome.Until(t, tab, inRoot(dialogOpen))
	press(t, tab, "a")
	if !chrome.Eval[bool](t, tab, `navigator.userActivation.isActive`) {
		t.Fatal("the key activated nothing, so the test shows nothing")
	}
	if chrome.Eval[bool](t, tab, `curfew.stay()`) {
		t.Error("the choice was taken")
	}
	untilBeats(t, s, len(s.allBeats())+3)
	for _, b := range s.allBeats() {
		if b.Stay {
			t.Fatalf("a heartbeat says that the person stays: %+v", b)
		}
	}
	if !chrome.Eval[bool](t, tab, inRoot(dialogOpen)) {
		t.Error("the warning is gone")
	}
}

// A15, B4: a page's script can sign out; the page is covered at once.
func TestA15_SignOutByScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hold := make(chan struct{})
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.hold = hold })
	if !chrome.Eval[bool](t, tab, `curfew.signOut()`) {
		t.Fatal("the choice was not taken")
	}
	chrome.Until(t, tab, inRoot(`root.querySelector("[part=cover]").open`))
	wantCovered(t, tab)
	close(hold)
	chrome.Until(t, tab, `location.pathname === "/bye"`)
}

// A15: what a page says of unsaved work, itself or in a frame, is in the dialog, and no longer when it is saved. Whatever else a script
// passes does no harm.
func TestA15_DialogSaysThatWorkIsUnsaved(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) {
		s.body = `<h1>Top</h1><button id=work>Work</button><iframe src="/inner" width=300 height=100></iframe>`
	})
	tab, _ := open(t, s, chrome.New(t))
	chrome.BeforeLoad(t, tab, `if (self !== top) addEventListener("DOMContentLoaded", () => document.querySelector("iframe")?.remove())`)
	s.warnInactivity(110_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`)+` && frames[0].curfew?.state === "armed"`)
	const says = `root.getElementById("body").textContent.includes("unsaved work")`
	for _, step := range []struct {
		script string
		want   bool
	}{
		{`0`, false},
		{`curfew.markUnsaved(true)`, true},
		{`curfew.markUnsaved(true)`, true},
		{`curfew.markUnsaved(false)`, false},
		{ownScript + `.markUnsaved(true)`, true},
		{`frames[0].curfew.markUnsaved(true)`, true},
		{`curfew.markUnsaved(false)`, true}, // the frame's work is still there
		{`frames[0].curfew.markUnsaved(false)`, false},
		{`[null, 1, "x", {}].forEach((page) => curfew.markUnsaved(true, page))`, false},
		{`frames[0].curfew.markUnsaved(true)`, true},
		{`document.querySelector("iframe").remove()`, false}, // and so is its work
	} {
		chrome.Eval[any](t, tab, "void ("+step.script+")")
		not := "!"
		if step.want {
			not = ""
		}
		// The countdown draws anew each second.
		last := chrome.Eval[string](t, tab, inRoot(`root.querySelector("[part=countdown]").textContent`))
		chrome.Until(t, tab, inRoot(`root.querySelector("[part=countdown]").textContent !== "`+last+`"`))
		chrome.Until(t, tab, inRoot(not+says))
	}
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
}
