package loader_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/curfew-project/curfew/wasm/firefox"
)

// Where a test in Firefox has the same name as one in Chromium, that one says what is proved and why. Here each browser is started once for
// several of them, because it is not started quickly.

// openFirefox is openWith in Firefox.
func openFirefox(t testing.TB, s *site, browser *firefox.Browser, script string) (*firefox.Page, *firefox.Console) {
	t.Helper()
	tab := firefox.Tab(t, browser)
	console := firefox.Listen(t, tab)
	if script != "" {
		firefox.BeforeLoad(t, tab, script)
	}
	firefox.Go(t, tab, s.URL+"/.curfew/sign-in")
	firefox.Until(t, tab, `location.pathname === "/back" && globalThis.curfew?.state === "armed"`)
	return tab, console
}

// windowFirefox is anotherWindow in Firefox.
func windowFirefox(t testing.TB, s *site, browser *firefox.Browser, path, script string) *firefox.Page {
	t.Helper()
	tab := firefox.Window(t, browser)
	if script != "" {
		firefox.BeforeLoad(t, tab, script)
	}
	firefox.Go(t, tab, s.URL+path)
	firefox.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	return tab
}

// knowsFirefox is knows in Firefox.
func knowsFirefox(t testing.TB, tab *firefox.Page) {
	t.Helper()
	firefox.Until(t, tab, `curfew.state === "armed" && performance.getEntriesByType("resource").some((e) => e.name.endsWith("/heartbeat") && e.responseStatus === 200)`)
	firefox.Until(t, tab, pageIsSeen)
}

func waitFirefox(t testing.TB, tab *firefox.Page, millis int) {
	t.Helper()
	firefox.Eval[bool](t, tab, `new Promise(done => setTimeout(done, `+strconv.Itoa(millis)+`, true))`)
}

// wantCoveredFirefox checks that the cover stands before everything, that nothing of the page is painted, and that nothing can be focused or found.
func wantCoveredFirefox(t testing.TB, tab *firefox.Page) {
	t.Helper()
	for _, wrong := range firefox.Eval[[]string](t, tab, `(() => {
		const host = document.querySelector("curfew-agent"), cover = host?.shadowRoot.querySelector("dialog[part=cover]"), wrong = [];
		if (!cover?.open || !cover.matches(":modal")) return ["no modal cover"];
		const box = cover.getBoundingClientRect(), { backgroundColor, opacity } = getComputedStyle(cover);
		if (box.x > 0 || box.y > 0 || box.right < innerWidth || box.bottom < innerHeight) wrong.push("it does not fill the window: " + JSON.stringify(box));
		if (!/^rgb\(/.test(backgroundColor) || opacity !== "1") wrong.push("it is not opaque: " + backgroundColor + " " + opacity);
		for (let i = 0; i < 49; i++) {
			const top = document.elementFromPoint(1 + (i % 7) * innerWidth / 7, 1 + Math.floor(i / 7) * innerHeight / 7);
			if (top !== host) wrong.push("in front is " + top?.outerHTML);
		}
		for (const one of document.body.children) if (one.checkVisibility({ visibilityProperty: true })) wrong.push("painted: " + one.outerHTML);
		document.querySelector("body button")?.focus();
		if (document.activeElement !== host) wrong.push("the focus is on " + document.activeElement?.outerHTML);
		if (find("Blood group")) wrong.push("the browser's search finds the page's text");
		return wrong;
	})()`) {
		t.Error("cover:", wrong)
	}
}

// shotFirefox is shot in Firefox.
func shotFirefox(t testing.TB, tab *firefox.Page, name string) {
	if dir := os.Getenv("CURFEW_SCREENSHOTS"); dir != "" {
		firefox.Screenshot(t, tab, dir+"/firefox "+name+".png")
	}
}
