package loader_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

const (
	dialogOpen = `root.querySelector("dialog[part=dialog]")?.open`
	coverOpen  = `root.querySelector("dialog[part=cover]")?.open`
)

// states are how a site comes to show its dialog, and its cover.
var states = map[string]struct {
	begin func(*site)
	open  string
}{
	"dialog": {func(s *site) { s.warnInactivity(95_000) }, dialogOpen},
	"cover":  {func(s *site) { s.set(func(s *site) { s.ended = wire.SessionTimeout }) }, coverOpen},
}

// show brings a tab of a site to a state and waits until nothing moves.
func show(t testing.TB, s *site, tab context.Context, state string) {
	t.Helper()
	states[state].begin(s)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(states[state].open))
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").getAnimations().length === 0`))
}

// A2 A4: what a screen reader is told of the dialog, and that what is spoken keeps its cadence, each time once: each minute above one
// minute, then at 60, 40 and 20 seconds.
func TestA4_Announcements(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := openWith(t, s, chrome.New(t), skippable)
	s.set(func(s *site) { s.settings.InactivityWarning = 240_000 })
	s.warnInactivity(230_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(dialogOpen))
	name, description := accessible(t, tab, "alertdialog")
	if name != "Are you still there?" || !strings.HasPrefix(description, "You have not been active") || !strings.Contains(description, "within") {
		t.Errorf("the dialog's name is %q and its description %q", name, description)
	}
	heard := chrome.HearAnnouncements(t, tab)
	const countdown = `root.querySelector("[part=countdown]")?.textContent`
	var told []string
	for at := ""; at != "0:04"; {
		skip(t, s, tab, time.Second)
		if at = chrome.Eval[string](t, tab, inRoot(countdown)); len(told) > 20 || at == "" {
			t.Fatalf("the dialog is gone, or talks without an end: %q", told)
		}
		for _, said := range heard.All()[len(told):] {
			told = append(told, at+" "+said)
		}
	}
	want := []string{"3:00 3 minutes", "2:00 2 minutes", "1:00 60 seconds", "0:40 40 seconds", "0:20 20 seconds"}
	for i, w := range want {
		at, length, _ := strings.Cut(w, " ")
		want[i] = at + " You will be signed out within " + length
	}
	if !slices.Equal(told, want) {
		t.Errorf("it said %q, want %q", told, want)
	}
}

// accessible is the name and the description of the one element with a role, in Chromium's accessibility tree.
func accessible(t testing.TB, tab context.Context, role string) (name, description string) {
	t.Helper()
	tree, err := chromedp.Call(tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	value := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `"`)
	}
	found := 0
	for _, node := range tree.Nodes {
		if !node.Ignored && value(node.Role) == role {
			found++
			name, description = value(node.Name), value(node.Description)
		}
	}
	if found != 1 {
		t.Fatalf("there are %d elements with the role %s", found, role)
	}
	return name, description
}

// A4: the focus stays inside while the dialog shows, and goes back to where it was: into a shadow root, and when what had it is gone,
// to what it was in.
func TestA4_Focus(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, c := range map[string]struct{ focus, meanwhile, back string }{
		"shadow root": {
			`const h = document.createElement("x-y"); document.body.append(h); h.attachShadow({mode:"open"}).innerHTML; const b = document.createElement("button"); h.shadowRoot.append(b); b.focus()`, ``,
			`document.activeElement.localName === "x-y" && document.activeElement.shadowRoot.activeElement.localName === "button"`,
		},
		"gone": {
			`const s = document.createElement("section"), b = document.createElement("button"); s.id = "section"; s.append(b); document.body.append(s); b.focus()`,
			`document.querySelector("section button").remove()`,
			`document.activeElement.id === "section"`,
		},
		"all gone": {
			`const s = document.createElement("section"), b = document.createElement("button"); s.append(b); document.body.append(s); b.focus()`,
			`document.querySelector("section").remove()`,
			`document.activeElement === document.body && !document.body.hasAttribute("tabindex")`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tab, _ := open(t, s, browser)
			s.set(func(s *site) { s.interval = 300 })
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, `curfew.state === "armed"`)
			chrome.Eval[any](t, tab, `void (() => { `+strings.ReplaceAll(c.focus, ".innerHTML", "")+` })()`)
			s.warnUnchecked(10 * 60_000)
			chrome.Until(t, tab, inRoot(dialogOpen))
			for range 4 {
				press(t, tab, kb.Tab)
				if !chrome.Eval[bool](t, tab, `[document.body, document.querySelector("curfew-agent")].includes(document.activeElement)`) {
					t.Error("Tab leads to", chrome.Eval[string](t, tab, `document.activeElement.outerHTML`))
				}
			}
			chrome.Eval[any](t, tab, `void (() => { `+c.meanwhile+` })()`)
			s.set(func(s *site) { s.checkBy = 0 })
			chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
			chrome.Until(t, tab, c.back)
		})
	}
}

// The operator's name is on dialog and cover, and the logo when it can be had; the page's policy may forbid it.
func TestBrand(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, c := range map[string]struct{ logo, policy, want string }{
		"name":    {"", "", "Aarhus Clinic"},
		"logo":    {logo, "; img-src data:", "Aarhus Clinic, an image"},
		"blocked": {logo, "", "Aarhus Clinic"},
		"missing": {"/none.png", "; img-src 'self'", "Aarhus Clinic"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) {
				s.personal.Name, s.personal.Logo = "Aarhus Clinic", strings.ReplaceAll(c.logo, "#", url.QueryEscape("#"))
				s.policy += c.policy
			})
			tab, _ := open(t, s, browser)
			for _, state := range []string{"dialog", "cover"} {
				show(t, s, tab, state)
				chrome.Until(t, tab, inRoot(`[...root.querySelectorAll("[part=brand]")].map((p) => p.textContent || p.firstChild.alt + (p.firstChild.naturalWidth ? ", an image" : "...")).join() === "`+c.want+`"`))
			}
		})
	}
}

// The page's own color-scheme says whether the dialog is dark; without one, the person's preference.
func TestColorScheme(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for _, c := range []struct{ html, head, prefers, want string }{
		{"", "", "light", "light"},
		{"", "", "dark", "dark"},
		{`lang=en style="color-scheme: light"`, "", "dark", "light"},
		{`lang=en style="color-scheme: dark"`, "", "light", "dark"},
		{`lang=en style="color-scheme: light dark"`, "", "dark", "dark"},
		{"", `<meta name=color-scheme content="dark">`, "light", "dark"},
		{"", `<meta name=color-scheme content="light">`, "dark", "light"},
	} {
		s := newSite(t)
		s.set(func(s *site) { s.policy += "; style-src 'unsafe-inline'" })
		tab, _ := open(t, s, browser)
		s.set(func(s *site) { s.html, s.head = c.html, c.head })
		chrome.Emulate(t, tab, map[string]string{"prefers-color-scheme": c.prefers})
		show(t, s, tab, "dialog")
		color := chrome.Eval[string](t, tab, inRoot(`getComputedStyle(root.querySelector("dialog")).backgroundColor`))
		if got := map[string]string{"rgb(255, 255, 255)": "light", "rgb(27, 34, 48)": "dark"}[color]; got != c.want {
			t.Errorf("%+v: the dialog is %s", c, color)
		}
	}
}
