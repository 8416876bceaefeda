package loader_test

import (
	"context"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// hide makes a page seem hidden to its scripts, or seen again.
func hide(t testing.TB, tab context.Context, hidden bool) {
	t.Helper()
	state := map[bool]string{true: "hidden", false: "visible"}[hidden]
	chrome.Eval[any](t, tab, `void Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "`+state+`" })`)
}

// titles records every title that the page has, from now on.
const titles = `void (globalThis.titles = [], new MutationObserver(() => titles.push(document.title)).observe(document.head, { childList: true, subtree: true, characterData: true }))`

// The title of a hidden tab alternates between the countdown with the warning's title and the page's own, which stands there again
// when somebody comes or the warning goes, even if the page has set it meanwhile.
func TestTitleBlinks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.warnInactivity(95_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(dialogOpen))
	if title := chrome.Eval[string](t, tab, `document.title`); title != "Clinic" {
		t.Errorf("a tab that is seen has the title %q", title)
	}
	chrome.Eval[any](t, tab, titles)
	hide(t, tab, true)
	chrome.Until(t, tab, `titles.length >= 4`)
	got := chrome.Eval[[]string](t, tab, `titles`)
	for i, title := range got[:4] {
		if ours := strings.HasSuffix(title, " · Are you still there?") && strings.HasPrefix(title, "1:"); ours != (i%2 == 0) || !ours && title != "Clinic" {
			t.Fatalf("the titles are %q", got)
		}
	}
	chrome.Until(t, tab, `document.title.startsWith("1:")`)
	chrome.Eval[any](t, tab, `void (document.title = "Clinic (3)")`)
	hide(t, tab, false)
	chrome.Until(t, tab, `document.title === "Clinic (3)"`)
	chrome.Eval[any](t, tab, `void (titles = [])`)
	chrome.Until(t, tab, inRoot(`/1:[01]\d/.test(root.querySelector("[part=countdown]").textContent)`))
	if got := chrome.Eval[[]string](t, tab, `titles`); len(got) > 0 {
		t.Errorf("a tab that is seen goes on: %q", got)
	}
}

// With reduced motion the title is set once.
func TestTitleWithReducedMotion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	chrome.Emulate(t, tab, map[string]string{"prefers-reduced-motion": "reduce"})
	s.warnInactivity(95_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(dialogOpen))
	chrome.Eval[any](t, tab, titles)
	hide(t, tab, true)
	chrome.Until(t, tab, inRoot(`/1:2\d/.test(root.querySelector("[part=countdown]").textContent)`))
	if got := chrome.Eval[[]string](t, tab, `titles`); len(got) != 1 || got[0] != "Are you still there?" {
		t.Errorf("the titles are %q", got)
	}
}

// While the page is covered its title cannot be seen either, nor what it sets meanwhile; a script that insists does not hang it.
func TestCoveredTitle(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval, s.personal.Name = 200, "Aarhus Clinic" })
	tab, _ := open(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void (document.title = "Jane Doe, AB negative")`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	const covered = `document.title === "You have been signed out · Aarhus Clinic"`
	chrome.Until(t, tab, covered)
	chrome.Eval[any](t, tab, `void (document.title = "Jane Doe, A positive")`)
	chrome.Until(t, tab, covered)
	chrome.Eval[any](t, tab, `void new MutationObserver(() => { if (document.title !== "Jane") document.title = "Jane" }).observe(document.head, { childList: true, subtree: true })`)
	chrome.Eval[any](t, tab, `void (document.title = "Jane")`)
	wantCovered(t, tab)
}

// A notification comes where the operator wants it and the person has allowed it already: once a warning, with a tag, and it goes with
// the warning. The browser is never asked.
func TestNotification(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	const fake = `globalThis.notes = []; globalThis.Notification = class {
		static permission = "PERMISSION";
		static requestPermission() { notes.push("asked") }
		constructor(title, options) { notes.push("shown: " + title + " | " + options.body + " | " + options.tag + " | " + options.dir) }
		close() { notes.push("closed") }
	}`
	for name, c := range map[string]struct {
		notify     bool
		permission string
		want       bool
	}{
		"allowed":     {true, "granted", true},
		"not allowed": {true, "default", false},
		"denied":      {true, "denied", false},
		"not wanted":  {false, "granted", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.personal.Name, s.personal.Notify, s.interval = "Aarhus Clinic", c.notify, 300 })
			tab, _ := open(t, s, browser)
			chrome.BeforeLoad(t, tab, strings.Replace(fake, "PERMISSION", c.permission, 1))
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, `curfew.state === "armed"`)
			for range 2 {
				chrome.Eval[any](t, tab, `void (notes = [])`)
				s.warnUnchecked(10 * 60_000)
				chrome.Until(t, tab, inRoot(dialogOpen))
				hide(t, tab, true)
				chrome.Until(t, tab, `document.title.includes("confirm")`)
				chrome.Until(t, tab, `document.title === "Clinic"`)
				chrome.Until(t, tab, `document.title.includes("confirm")`)
				s.set(func(s *site) { s.checkBy = 0 })
				chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
				chrome.Until(t, tab, `document.title === "Clinic"`)
				hide(t, tab, false)
				got := strings.Join(chrome.Eval[[]string](t, tab, `notes`), "; ")
				want := ""
				if c.want {
					texts := textsOf(t, "en")
					want = "shown: " + texts["unchecked.title"] + " | Aarhus Clinic\n" + texts["unchecked.body"] + " | curfew:/.curfew/ | ltr; closed"
				}
				if got != want {
					t.Errorf("notifications: %q, want %q", got, want)
				}
			}
		})
	}
}
