package loader_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// click clicks as a person does, in the middle of an element.
func click(t testing.TB, tab context.Context, element string) {
	t.Helper()
	at := chrome.Eval[[]float64](t, tab, `(() => { const r = (`+element+`).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`)
	if err := chromedp.Do(tab, chromedp.MouseClickXY(at[0], at[1])); err != nil {
		t.Fatalf("clicking %s: %v", element, err)
	}
}

func press(t testing.TB, tab context.Context, key string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.KeyEvent(key)); err != nil {
		t.Fatalf("pressing %q: %v", key, err)
	}
}

// wantCovered checks that nothing but the cover can be seen, touched or focused.
func wantCovered(t testing.TB, tab context.Context) {
	t.Helper()
	if chrome.Eval[bool](t, tab, inRoot(`false`)+" === null") {
		t.Error("cover: there is no agent's element")
		return
	}
	problems := chrome.Eval[[]string](t, tab, inRoot(`(() => {
		const wrong = [], host = root.host, cover = root.querySelector("dialog[part=cover]");
		if (!cover?.open || !cover.matches(":modal")) return ["no modal cover"];
		const box = cover.getBoundingClientRect();
		if (box.x > 0 || box.y > 0 || box.right < innerWidth || box.bottom < innerHeight) wrong.push("it does not fill the window: " + JSON.stringify(box));
		const color = getComputedStyle(cover).backgroundColor;
		if (!/^rgb\(/.test(color)) wrong.push("it is not opaque: " + color);
		if (getComputedStyle(cover).opacity !== "1") wrong.push("it is translucent");
		for (let x = 1; x < innerWidth; x += innerWidth / 7) for (let y = 1; y < innerHeight; y += innerHeight / 7) {
			const top = document.elementFromPoint(x, y);
			if (top !== host) wrong.push("at " + x + "," + y + " is " + top?.outerHTML);
		}
		document.getElementById("work")?.focus();
		if (document.activeElement !== host) wrong.push("the focus is on " + document.activeElement?.outerHTML);
		return wrong;
	})()`))
	for _, p := range problems {
		t.Error("cover:", p)
	}
}

// A4: the inactivity warning takes the focus, says what it must to eye and ear, takes Escape as "Stay signed in", and gives the
// focus back. Only a person's click or key is a choice, never a script's (D1, P5).
func TestA4_InactivityDialog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void document.getElementById("work").focus()`)
	s.set(func(s *site) { s.interval = 300 })
	s.warnInactivity(95_000)
	chrome.Go(t, tab, s.URL)
	chrome.Eval[any](t, tab, `void document.getElementById("work").focus()`)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	shot(t, tab, "inactivity")

	for what, expression := range map[string]string{
		"is modal":                   inRoot(`root.querySelector("dialog").matches(":modal")`),
		"has its role":               inRoot(`root.querySelector("dialog").getAttribute("role") === "alertdialog"`),
		"has the focus on Stay":      inRoot(`root.activeElement?.textContent === "Stay signed in"`),
		"counts for the eye":         inRoot(`/^1:\d\d$/.test(root.querySelector("[part=countdown]").textContent)`),
		"hides counting from ears":   inRoot(`root.querySelector("[part=countdown]").getAttribute("aria-hidden") === "true"`),
		"says the time to ears":      inRoot(`root.getElementById("announce").textContent.includes("2 minutes")`),
		"has a name":                 inRoot(`root.getElementById(root.querySelector("dialog").getAttribute("aria-labelledby")).textContent !== ""`),
		"has no second announcement": inRoot(`root.querySelectorAll("[aria-live]").length === 1`),
	} {
		if !chrome.Eval[bool](t, tab, expression) {
			t.Error("the dialog lacks:", what)
		}
	}

	// Scripts: none of this may be a choice.
	chrome.Eval[any](t, tab, inRoot(`void root.querySelectorAll("button").forEach(b => b.click())`))
	chrome.Eval[any](t, tab, inRoot(`void root.querySelector("dialog").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }))`))
	chrome.Eval[any](t, tab, inRoot(`void (root.querySelector("dialog").requestClose?.(), root.querySelector("dialog").close())`))
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").matches(":modal")`))
	before := len(s.allBeats())
	for len(s.allBeats()) < before+3 {
		chrome.Eval[bool](t, tab, `new Promise(done => setTimeout(done, 100, true))`)
	}
	for _, b := range s.allBeats() {
		if b.Stay {
			t.Fatalf("a script chose to stay: %+v", b)
		}
	}

	press(t, tab, kb.Escape)
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
	if beats := s.allBeats(); !beats[len(beats)-1].Stay {
		t.Errorf("Escape sent %+v, want a choice to stay", beats[len(beats)-1])
	}
	if !chrome.Eval[bool](t, tab, `document.activeElement.id === "work"`) {
		t.Error("the focus was not given back")
	}
}

// A2: Escape dismisses the session warning, and a click on the first button goes to the sign-in.
func TestA2_SessionDialog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.warnSession(10 * 60_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	shot(t, tab, "session")
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))

	s.warnSession(9 * 60_000) // of another end than the one that was dismissed
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	click(t, tab, inRoot(`root.querySelector("button")`))
	chrome.Until(t, tab, `location.pathname === "/back"`)
}

// The cover stays on top and in place, whatever the page does afterwards.
func TestCoverStaysOnTop(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, script := range map[string]string{
		"z-index":           `const d = document.createElement("div"); d.style.cssText = "position:fixed;inset:0;z-index:2147483647;background:red"; document.body.append(d)`,
		"modal dialog":      `const d = document.createElement("dialog"); d.style.cssText = "width:100vw;height:100vh"; document.body.append(d); d.showModal()`,
		"popover":           `const d = document.createElement("div"); d.popover = "manual"; document.body.append(d); d.showPopover()`,
		"popover in shadow": `const h = document.createElement("x-y"), d = document.createElement("div"); d.popover = "manual"; d.style.cssText = "width:100vw;height:100vh"; document.body.append(h); h.attachShadow({mode: "closed"}).append(d); d.showPopover(); globalThis.popover = d`,
		"element removed":   `document.querySelector("curfew-agent").remove()`,
		"content removed":   `document.querySelector("curfew-agent").shadowRoot.replaceChildren()`,
		"dialog closed":     `document.querySelector("curfew-agent").shadowRoot.querySelector("dialog").close()`,
		"attribute removed": `document.querySelector("curfew-agent").shadowRoot.querySelector("dialog").removeAttribute("open")`,
		"body replaced":     `document.body.replaceWith(document.createElement("body"))`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.damage = true; s.policy = "script-src 'self'" }) // fails at once: no download is needed
			tab := chrome.Tab(t, browser)
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, `globalThis.curfew?.state === "failed"`)
			chrome.Eval[any](t, tab, `void (() => { `+script+` })()`)
			wantCovered(t, tab)
			// Nothing tells of this one, and what is inert cannot be found at a point, so that it must not be painted at all.
			if chrome.Eval[bool](t, tab, `globalThis.popover?.checkVisibility({ visibilityProperty: true }) === true`) {
				t.Error("cover: a popover in a shadow root is seen")
			}
		})
	}
}

// While the page is covered it neither scrolls nor prints, and afterwards it is where it was.
func TestCoveredPageStandsStill(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) {
		s.body = `<div style="height:5000px">long <p id=secret>secret</p></div>`
		s.interval = 200
		s.policy += "; style-src 'unsafe-inline'" // for the height
	})
	tab, _ := open(t, s, chrome.New(t))
	const visible = `document.getElementById("secret").checkVisibility()`
	chrome.Eval[any](t, tab, `void scrollTo(0, 700)`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	for _, key := range []string{kb.End, kb.PageDown, " "} {
		press(t, tab, key)
	}
	if y := chrome.Eval[float64](t, tab, `scrollY`); y != 700 {
		t.Errorf("it scrolled to %v", y)
	}
	if !chrome.Eval[bool](t, tab, visible) {
		t.Error("the test cannot tell what is printed")
	}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	if chrome.Eval[bool](t, tab, visible) {
		t.Error("it would be printed")
	}
}
