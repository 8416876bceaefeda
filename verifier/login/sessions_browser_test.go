package login_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// B6 in real browsers: a person signs another browser out on the page, with its scripts and without any; that browser's open page is
// covered, and the page itself is guarded like any other.
func TestB6_OwnSessionsInABrowser(t *testing.T) {
	w := newWorld(t, options{register: withAgent(t)})
	desk, phone := chrome.Tab(t, chrome.New(t)), chrome.Tab(t, chrome.New(t))
	for _, tab := range []context.Context{desk, phone} {
		w.signInWith(t, tab, oidctest.Alice(), func() { chrome.Go(t, tab, w.clinic.Origin+"/.curfew/sign-in?return_to=/app") })
	}
	w.pass(2 * time.Second)

	console := chrome.Listen(t, desk)
	chrome.Go(t, desk, w.clinic.Origin+sessionsPage)
	chrome.Until(t, desk, `globalThis.curfew?.state === "armed"`)
	const shown = `[...document.querySelectorAll(".sessions li")].map((li) => li.innerText.includes("This browser"))`
	if got := chrome.Eval[[]bool](t, desk, shown); len(got) != 2 || !got[0] || got[1] {
		t.Fatalf("which of the sessions is this browser's: %v", got)
	}
	if says := chrome.Eval[string](t, desk, `document.querySelector("main").innerText`); strings.Count(says, "Chrome on Linux") != 2 || strings.Contains(says, "new sign-in") {
		t.Errorf("the page says %s", says)
	}
	const visible = `document.querySelector("#done").checkVisibility()`
	if err := chromedp.Do(desk, chromedp.Click(`.sessions button`)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, desk, `location.hash === "#done" && globalThis.curfew?.state === "armed" && `+visible)
	if got := chrome.Eval[[]bool](t, desk, shown); len(got) != 1 || !got[0] {
		t.Errorf("afterwards: %v", got)
	}
	chrome.Until(t, phone, `curfew.state === "ended"`)

	// By forms alone.
	w.pass(2 * time.Second)
	other := w.person(w.clinic, oidctest.Alice())
	other.signIn()
	w.pass(time.Second)
	plain := chrome.Tab(t, chrome.New(t))
	give(t, plain, other)
	if _, err := chromedp.Call(plain, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	chrome.Go(t, plain, w.clinic.Origin+sessionsPage)
	if err := chromedp.Do(plain, chromedp.Click(`button[value=others]`)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, plain, `location.hash === "#done" && `+visible)
	other.checkIs("sub-alice")

	// The page that was open is over, as any page of the application is.
	chrome.Until(t, desk, `curfew.state === "ended"`)
	if covered := chrome.Eval[bool](t, desk, `!!document.querySelector("curfew-agent")?.shadowRoot.querySelector("[part=cover]")?.open`); !covered {
		t.Error("the page of an ended session can be seen")
	}
	for _, line := range console.Errors() {
		if !strings.Contains(line.Text, "status of 401") { // the session is over
			t.Errorf("console: %s", line.Text)
		}
	}
}
