package loader_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

const (
	title    = `root.getElementById("title").textContent`
	buttons  = `[...root.querySelectorAll("dialog button")].filter((one) => one.checkVisibility()).map((one) => one.textContent).join()`
	hasFocus = `root.activeElement?.textContent`
)

// A7: the warning of the provider's silence offers one thing, which has the focus and is what Escape means; it closes by itself when
// the provider is back, gives the focus back, and the next silence shows it again.
func TestA7_UncheckedDialog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.interval = 300 })
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `curfew.state === "armed"`)
	chrome.Eval[any](t, tab, `void document.getElementById("work").focus()`)
	silence := func() {
		t.Helper()
		s.warnUnchecked(10 * 60_000)
		chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
		for what, want := range map[string]string{title: "We cannot confirm your account right now", buttons: "Dismiss", hasFocus: "Dismiss"} {
			if got := chrome.Eval[string](t, tab, inRoot(what)); got != want {
				t.Errorf("%s is %q, want %q", what, got, want)
			}
		}
		if said := chrome.Eval[string](t, tab, inRoot(`root.getElementById("announce").textContent`)); !contains(said, "10 minutes") {
			t.Errorf("it says %q", said)
		}
	}
	answered := func() {
		t.Helper()
		s.set(func(s *site) { s.checkBy = 0 })
		chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
		if !chrome.Eval[bool](t, tab, `document.activeElement.id === "work"`) {
			t.Error("the focus was not given back")
		}
	}
	silence()
	answered()
	silence()
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
	answered()
	silence()
	click(t, tab, inRoot(`root.querySelector("dialog button")`))
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
	s.set(func(s *site) { s.ended = wire.PolicyCheckOverdue })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	if got := chrome.Eval[string](t, tab, inRoot(`root.querySelector("[part=cover]").innerText`)); !contains(got, "could not confirm your account") {
		t.Errorf("the cover says %q", got)
	}
}

// A7, A8: where one warning turns into the other while it shows, the buttons change with it and the focus is never lost.
func TestA7_A8_WarningThatChangesKeepsTheFocus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.interval = 300 })
	s.warnSession(15 * 60_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(buttons+` === "Sign in again now,Dismiss"`))
	press(t, tab, kb.Tab)
	if got := chrome.Eval[string](t, tab, inRoot(hasFocus)); got != "Dismiss" {
		t.Fatalf("after Tab the focus is on %q", got)
	}
	s.set(func(s *site) { s.checkBy = time.Now().UnixMilli() + 5*60_000 })
	chrome.Until(t, tab, inRoot(buttons+` === "Dismiss"`))
	if got := chrome.Eval[string](t, tab, inRoot(hasFocus)); got != "Dismiss" {
		t.Errorf("the focus is on %q", got)
	}
	s.set(func(s *site) { s.checkBy = 0 })
	chrome.Until(t, tab, inRoot(buttons+` === "Sign in again now,Dismiss"`))
	if got := chrome.Eval[string](t, tab, inRoot(hasFocus)); got != "Sign in again now" {
		t.Errorf("the focus is on %q", got)
	}
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
}
