package console

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// click clicks what a selector names, as a person does.
func click(t testing.TB, tab context.Context, selector string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Click(selector)); err != nil {
		t.Fatalf("clicking %s: %v", selector, err)
	}
}

// enter replaces what a field holds, by keyboard.
func enter(t testing.TB, tab context.Context, selector, text string) {
	t.Helper()
	click(t, tab, selector)
	chrome.Eval[bool](t, tab, `(document.activeElement.select(), true)`)
	if _, err := chromedp.Call(tab, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		t.Fatalf("typing %s: %v", text, err)
	}
}

func pressEnter(t testing.TB, tab context.Context) {
	t.Helper()
	for _, params := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"},
		{Type: input.DispatchKeyEventTypeKeyUp, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13},
	} {
		if _, err := chromedp.Call(tab, input.DispatchKeyEvent, params); err != nil {
			t.Fatal(err)
		}
	}
}

// heading waits until a page has this heading.
func heading(t testing.TB, tab context.Context, text string) {
	t.Helper()
	chrome.Until(t, tab, `document.querySelector("h1")?.textContent === "`+text+`" && document.readyState === "complete"`)
}

// C3: a browser that runs no scripts at all sets the times of an environment: what does not count is out of the way, what is wrong has the
// focus, Enter in a field saves and does not move a matcher, and back keeps what was typed.
func TestC3_WithoutScripts(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	server := httptest.NewServer(w.console(clinics))
	defer server.Close()
	tab := chrome.Tab(t, chrome.New(t))
	if _, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	shown := func(id string) bool {
		return chrome.Eval[bool](t, tab, `document.getElementById("`+id+`").checkVisibility()`)
	}
	chrome.Go(t, tab, server.URL+"/environments/clinic")
	if shown("session_timeout") || shown("inactivity_timeout") || !shown("session_warning") {
		t.Error("lengths that do not count are in the way, or one that counts is not there")
	}
	click(t, tab, `input[name=session][value=custom]`)
	click(t, tab, `input[name=inactivity][value=on]`)
	enter(t, tab, "#session_timeout", "30m")
	enter(t, tab, "#inactivity_timeout", "15m")
	pressEnter(t, tab)
	chrome.Until(t, tab, `document.activeElement?.id === "problems"`)
	click(t, tab, `#problems a[href="#session_timeout"]`)
	chrome.Until(t, tab, `document.activeElement?.id === "session_timeout"`)
	enter(t, tab, "#session_timeout", "8h")
	click(t, tab, ".save button")
	heading(t, tab, "Review the change: clinic")
	click(t, tab, `button[value=back]`)
	heading(t, tab, "clinic")
	if got := chrome.Eval[string](t, tab, `document.querySelector("#session_timeout").value`); got != "8h" {
		t.Errorf("back has lost what was typed: %q", got)
	}
	click(t, tab, ".save button")
	heading(t, tab, "Review the change: clinic")
	click(t, tab, `button[value=apply]`)
	chrome.Until(t, tab, `document.querySelector("[role=status]")?.textContent.startsWith("Saved.")`)
	if set := w.env("clinic").Set; set.SessionTimeout != 8*time.Hour || set.InactivityTimeout != 15*time.Minute {
		t.Errorf("%+v", set)
	}

	chrome.Go(t, tab, server.URL+"/environments/clinic/clients")
	for range 2 {
		click(t, tab, `button[value=add]`)
		chrome.Until(t, tab, `document.activeElement?.name?.endsWith("user_agent") && document.activeElement.value === ""`)
		if _, err := chromedp.Call(tab, input.InsertText, input.InsertTextParams{Text: "*Mobile*"}); err != nil {
			t.Fatal(err)
		}
	}
	pressEnter(t, tab)
	heading(t, tab, "Review the change: the clients of clinic")
	click(t, tab, `button[value=apply]`)
	chrome.Until(t, tab, `document.querySelector("[role=status]")?.textContent.startsWith("Saved.")`)
	if got := w.env("clinic").Clients.Matchers; len(got) != 2 || got[1] != (settings.Matcher{Client: "outlook_add_in", UserAgent: "*Mobile*"}) {
		t.Errorf("%+v", got)
	}
}
