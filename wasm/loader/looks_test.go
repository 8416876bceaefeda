package loader_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

func media(features ...string) func(testing.TB, context.Context) {
	return func(t testing.TB, tab context.Context) {
		t.Helper()
		var list []*emulation.MediaFeature
		for i := 0; i < len(features); i += 2 {
			list = append(list, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
		}
		if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: list}); err != nil {
			t.Fatal(err)
		}
	}
}

func window(width, height int64) func(testing.TB, context.Context) {
	return func(t testing.TB, tab context.Context) {
		t.Helper()
		if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height)); err != nil {
			t.Fatal(err)
		}
	}
}

func rightToLeft(t testing.TB, tab context.Context) {
	chrome.BeforeLoad(t, tab, `new MutationObserver(() => { if (document.documentElement) document.documentElement.dir = "rtl" }).observe(document, { childList: true })`)
}

// The dialog and the cover fit and can be read in every look: WCAG 2.2 reflow at 320 px (1.4.10), dark, forced colours,
// right-to-left, and with texts twice as large (1.4.4).
func TestLooks(t *testing.T) {
	browser := chrome.New(t)
	states := map[string]func(*site){
		"inactivity": func(s *site) { s.warnInactivity(95_000) },
		"session":    func(s *site) { s.warnSession(19 * 60_000) },
		"unchecked":  func(s *site) { s.warnUnchecked(4*60_000 + 30_000) },
		"refused":    func(s *site) { s.set(func(s *site) { s.ended = wire.ProviderRefused }) },
		"cover":      func(s *site) { s.set(func(s *site) { s.ended = wire.SessionTimeout }) },
	}
	looks := map[string][]func(testing.TB, context.Context){
		"wide":           {window(1280, 800)},
		"narrow":         {window(320, 568)},
		"low":            {window(640, 240)},
		"dark":           {window(800, 600), media("prefers-color-scheme", "dark")},
		"forced colours": {window(800, 600), media("forced-colors", "active")},
		"still":          {window(800, 600), media("prefers-reduced-motion", "reduce")},
		"right to left":  {window(800, 600), rightToLeft},
		"large text": {window(640, 800), func(t testing.TB, tab context.Context) {
			chrome.BeforeLoad(t, tab, `addEventListener("DOMContentLoaded", () => { const s = new CSSStyleSheet(); s.replaceSync("html{font-size:32px}"); document.adoptedStyleSheets.push(s) })`)
		}},
	}
	s := newSite(t)
	for look, prepare := range looks {
		tab, _ := open(t, s, browser)
		for _, step := range prepare {
			step(t, tab)
		}
		for state, begin := range states {
			t.Run(look+" "+state, func(t *testing.T) {
				s.set(func(s *site) { s.ended, s.checkBy, s.settings.SessionTimeout = "", 0, 24*3600_000 })
				s.warnInactivity(s.settings.InactivityTimeout)
				begin(s)
				chrome.Go(t, tab, s.URL)
				chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
				chrome.Until(t, tab, inRoot(`root.querySelector("dialog").getAnimations().length === 0`))
				shot(t, tab, state+" "+look)
				for _, problem := range chrome.Eval[[]string](t, tab, inRoot(`(() => {
					const wrong = [], dialog = root.querySelector("dialog"), page = document.documentElement;
					const width = page.clientWidth;
					if (dialog.scrollWidth > dialog.clientWidth) wrong.push("it scrolls sideways");
					for (const e of [dialog, ...dialog.querySelectorAll("h1,h2,p:not(.spoken),button,div")]) {
						if (e.hidden || getComputedStyle(e).display === "none") continue;
						const r = e.getBoundingClientRect();
						if (r.left < 0 || r.right > width + .5) wrong.push(e.outerHTML.slice(0, 60) + " is cut off: " + r.left + " to " + r.right + " of " + width);
						if (e.localName === "button" && (r.height < 44 || r.width < 44)) wrong.push("a small button: " + r.width + " by " + r.height);
					}
					if (dialog.getBoundingClientRect().height > innerHeight) wrong.push("it is taller than the window");
					return wrong;
				})()`)) {
					t.Error(problem)
				}
			})
		}
	}
}
