package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

const (
	halfANote = "Half a sentence about the"
	noteKept  = `document.getElementById("note")?.value === "` + halfANote + `"`
	noCover   = `!(` + covered + `)`
)

// writing signs in and begins a note on a record.
func (r *running) writing(t *testing.T, tab context.Context) {
	t.Helper()
	r.signIn(t, tab, r.short+"/patients/FH-1042")
	if err := chromedp.Do(tab, chromedp.SendKeys("#note", halfANote)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, noteKept)
}

// expire lets the session end by inactivity, as the verifier sees it; the page learns it with its next heartbeat.
func (r *running) expire(t *testing.T, tab context.Context) {
	t.Helper()
	r.clock.stop()
	r.clock.advance(41 * time.Second)
	chrome.Until(t, tab, covered+` && `+button("Sign in"))
	r.clock.advance(time.Second) // auth_time counts whole seconds, and must be later than the end
	r.clock.run()
}

// signInWindow presses the cover's button and returns the window that opens.
func (r *running) signInWindow(t *testing.T, tab context.Context) context.Context {
	t.Helper()
	return chrome.Opened(t, tab, func() { press(t, tab, "Sign in") })
}

// A15, B1: a note that is being written survives the end of the session: the person signs in, with the password, in a window of its own
// that closes itself, and goes on writing where they were. What is then saved is saved in the new session.
func TestA15_NoteSurvivesTheEndOfTheSession(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	r.writing(t, tab)
	old := cookie(t, tab, "curfew")
	r.expire(t, tab)
	shot(t, tab, "ended-unsaved")
	window := r.signInWindow(t, tab)
	chrome.Until(t, window, passwordIn)
	if !chrome.Eval[bool](t, window, `window.opener === null`) {
		t.Error("the provider's page can reach back to the record")
	}
	shot(t, tab, "elsewhere")
	r.sendPassword(t, window, users[0])
	chrome.Until(t, tab, noteKept+` && `+noCover+` && curfew.state === "armed"`)
	needs.Until(t, "the window to close itself", func() bool {
		return !slices.Contains(chrome.Pages(t, tab), chromedp.FromContext(window).Target.TargetID)
	})
	if cookie(t, tab, "curfew") == old {
		t.Error("it is the old session")
	}
	if err := chromedp.Do(tab, chromedp.SendKeys("#note", " knee"), chromedp.Click(`form[action$="/notes"] button`)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, `document.querySelector(".notes .text")?.textContent === "`+halfANote+` knee"`)
}

// A15: somebody else who signs in there gets nothing of it: the record is emptied and left.
func TestA15_AnotherUserGetsNothingOfTheNote(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	r.writing(t, tab)
	chrome.Eval[any](t, tab, `void addEventListener("pagehide", () => { sessionStorage.found = document.documentElement.textContent })`)
	r.expire(t, tab)
	window := r.signInWindow(t, tab)
	r.sendPassword(t, window, users[1])
	chrome.Until(t, tab, `location.pathname === "/" && sessionStorage.found !== undefined`)
	if found := chrome.Eval[string](t, tab, `sessionStorage.found`); found != "" {
		t.Errorf("when the record was left, it still said %.100q", found)
	}
	chrome.Go(t, tab, r.short+"/patients/FH-1042")
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed" && document.getElementById("note")`)
	if chrome.Eval[bool](t, tab, noteKept) {
		t.Error("the other user finds the note")
	}
}

// A15: a sign-out waits for the draft, which its author finds after the next sign-in.
func TestA15_SignOutSavesTheDraft(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	r.writing(t, tab)
	if !chrome.Eval[bool](t, tab, `curfew.signOut()`) {
		t.Fatal("the page could not sign out")
	}
	chrome.Until(t, tab, `location.pathname === "/.curfew/signed-out"`)
	r.clock.advance(time.Second) // auth_time counts whole seconds
	r.signIn(t, tab, r.short+"/patients/FH-1042")
	chrome.Until(t, tab, noteKept)
	shot(t, tab, "draft")
}
