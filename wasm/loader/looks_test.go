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

// in opens pages in a language.
func in(tag string) func(testing.TB, context.Context) {
	return func(t testing.TB, tab context.Context) {
		t.Helper()
		chrome.BeforeLoad(t, tab, `new MutationObserver(() => { if (document.documentElement) document.documentElement.lang = "`+tag+`" }).observe(document, { childList: true })`)
	}
}

const logo = `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="150" height="40"><rect width="40" height="40" rx="8" fill="teal"/><path d="M20 8v24M8 20h24" stroke="white" stroke-width="6"/><text x="52" y="27" font-family="sans-serif" font-size="20" fill="teal">Clinic</text></svg>`

// The dialog and the cover fit and can be read in every look: WCAG 2.2 reflow at 320 px (1.4.10), dark, forced colours,
// right-to-left, in languages with long words, and with texts twice as large (1.4.4). They open at their title, and what can be pressed
// is in sight.
func TestLooks(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	begins := map[string]func(*site){
		"inactivity": func(s *site) { s.warnInactivity(95_000) },
		"session":    func(s *site) { s.warnSession(19 * 60_000) },
		"unchecked":  func(s *site) { s.warnUnchecked(4*60_000 + 30_000) },
		"refused":    func(s *site) { s.set(func(s *site) { s.ended = wire.ProviderRefused }) },
		"cover":      func(s *site) { s.set(func(s *site) { s.ended = wire.SessionTimeout }) },
	}
	looks := map[string][]func(testing.TB, context.Context){
		"wide":                        {window(1280, 800)},
		"narrow":                      {window(320, 568)},
		"low":                         {window(640, 240)},
		"dark":                        {window(800, 600), media("prefers-color-scheme", "dark")},
		"forced colours":              {window(800, 600), media("forced-colors", "active")},
		"low and narrow":              {window(320, 256), in("de")}, // 1280 by 1024 at 400 %
		"German":                      {window(360, 640), in("de")},
		"still":                       {window(800, 600), media("prefers-reduced-motion", "reduce")},
		"right to left":               {window(800, 600), in("ar")},
		"dark, right to left, narrow": {window(320, 568), in("ar"), media("prefers-color-scheme", "dark")},
		"large text": {window(640, 800), func(t testing.TB, tab context.Context) {
			chrome.BeforeLoad(t, tab, `addEventListener("DOMContentLoaded", () => { const s = new CSSStyleSheet(); s.replaceSync("html{font-size:32px}"); document.adoptedStyleSheets.push(s) })`)
		}},
	}
	s := newSite(t)
	s.speaks(t, tags...)
	s.set(func(s *site) {
		s.personal.Name, s.personal.Logo = "Aarhus Clinic", logo
		s.policy += "; img-src data:"
	})
	for look, prepare := range looks {
		tab, _ := open(t, s, browser)
		for _, step := range prepare {
			step(t, tab)
		}
		for state, begin := range begins {
			t.Run(look+" "+state, func(t *testing.T) {
				s.set(func(s *site) { s.ended, s.checkBy, s.settings.SessionTimeout = "", 0, 24*3600_000 })
				s.warnInactivity(s.settings.InactivityTimeout)
				begin(s)
				chrome.Go(t, tab, s.URL)
				chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
				chrome.Until(t, tab, inRoot(`root.querySelector("dialog").getAnimations().length === 0`))
				chrome.Until(t, tab, `(() => { const lang = document.documentElement.lang; return document.querySelector("curfew-agent").lang === lang })()`)
				chrome.Until(t, tab, inRoot(`root.querySelector("img").complete`))
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
					if (dialog.scrollTop > 0) wrong.push("it is scrolled by " + dialog.scrollTop);
					const clock = root.querySelector("[part=countdown]"), row = root.querySelector("[part=buttons]");
					if (dialog.contains(clock) && dialog.scrollHeight <= dialog.clientHeight && clock.getBoundingClientRect().bottom > row.getBoundingClientRect().top) wrong.push("the buttons stand on the countdown");
					const { top } = root.querySelector("#title, #cover-title").getBoundingClientRect();
					if (top < 0 || top > innerHeight - 20) wrong.push("the title is at " + top);
					if (dialog.matches("[part=dialog]")) for (const b of dialog.querySelectorAll("button")) {
						if (b.checkVisibility() && b.getBoundingClientRect().bottom > innerHeight) wrong.push(b.textContent + " is out of sight");
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
