package loader_test

import (
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// The dialog is on top of whatever the page has brought into the top layer before or brings there while it shows, and can be used.
func TestDialogStaysOnTop(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	const big = `d.style.cssText = "position:fixed;inset:0;width:100vw;height:100vh;z-index:2147483647;background:red";`
	for name, script := range map[string]string{
		"full screen":            `document.getElementById("work").onclick = () => document.querySelector("main").requestFullscreen(); `,
		"modal dialog":           `const d = document.createElement("dialog"); ` + big + ` document.body.append(d); d.showModal()`,
		"dialog in a shadow":     `const h = document.createElement("x-y"), d = document.createElement("dialog"); ` + big + ` document.body.append(h); h.attachShadow({mode: "closed"}).append(d); d.showModal()`,
		"popover":                `const d = document.createElement("div"); d.popover = "manual"; ` + big + ` document.body.append(d); d.showPopover()`,
		"z-index":                `const d = document.createElement("div"); ` + big + ` document.body.append(d)`,
		"inert body":             `document.body.inert = true`,
		"inert root":             `document.documentElement.inert = true`,
		"hidden by the page":     `const s = new CSSStyleSheet(); s.replaceSync("curfew-agent { visibility: hidden; opacity: 0; pointer-events: none; transform: scale(0) } curfew-agent::part(dialog) { visibility: hidden; opacity: 0 }"); document.adoptedStyleSheets.push(s)`,
		"element removed":        `document.querySelector("curfew-agent")?.remove()`,
		"everything is replaced": `document.body.replaceChildren()`,
	} {
		for _, when := range []string{"before", "after"} {
			t.Run(name+" "+when, func(t *testing.T) {
				s := newSite(t)
				tab, _ := open(t, s, browser)
				s.set(func(s *site) { s.interval = 300 })
				chrome.Go(t, tab, s.URL)
				chrome.Until(t, tab, `curfew.state === "armed"`)
				act := func() {
					chrome.Eval[any](t, tab, `void (() => { `+script+` })()`)
					if name == "full screen" && when == "before" { // afterwards nobody can click there any more
						click(t, tab, `document.getElementById("work")`)
						chrome.Until(t, tab, `document.fullscreenElement`)
					}
				}
				if when == "before" {
					act()
				}
				// Not warnInactivity: the page knows of the click.
				s.set(func(s *site) { s.settings.InactivityTimeout = s.settings.InactivityWarning + 1000 })
				chrome.Until(t, tab, inRoot(dialogOpen))
				if when == "after" {
					act()
				}
				const button = `root.querySelector("dialog[part=dialog] button")`
				chrome.Until(t, tab, inRoot(`(() => { const r = `+button+`.getBoundingClientRect(); return root.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2) === `+button+` && document.elementFromPoint(r.x + 9, r.y + 9) === root.host && `+button+`.checkVisibility({ visibilityProperty: true }) && getComputedStyle(root.querySelector("dialog")).opacity === "1" })()`))
				chrome.Until(t, tab, inRoot(`root.activeElement === `+button))
				click(t, tab, inRoot(button))
				chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
			})
		}
	}
}
