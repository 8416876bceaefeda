package storybook

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/texts"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/chrome/axe"
	"github.com/curfew-project/curfew/wasm/dist"
)

// newBook serves a storybook with the built-in languages.
func newBook(t testing.TB) (*Book, string) {
	t.Helper()
	agent, err := dist.Load()
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := texts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	book, err := New(Config{Agent: agent, Texts: catalog, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(book)
	t.Cleanup(server.Close)
	return book, server.URL
}

// seen is what a person sees and hears of a story.
type seen struct {
	Story     string // its address
	Kind      string // dialog, cover, page
	Language  string
	Direction string // in which it is laid out
	Page      string // the page's own direction
	Scheme    string
	Title     string
	Texts     []string // in their order
	Countdown string
	Announce  string
	Buttons   []string
	Wide      bool // it is wider than its frame
	Hidden    bool // the buttons hide texts although there is room for both
}

// looking reads all frames of the index, or only the page itself, as they are now.
const looking = `(() => {
	const frames = [...document.querySelectorAll("iframe")].map((frame) => frame.contentWindow);
	const shown = (element) => element && !element.hidden && element.getClientRects().length > 0;
	return JSON.stringify((frames.length ? frames : [window]).map((view) => {
		const page = view.document;
		const root = page.querySelector("curfew-agent")?.shadowRoot;
		const top = [...root?.querySelectorAll("dialog[open]") ?? []].at(-1);
		const box = top ?? page.querySelector("main");
		const text = (selector) => [...box?.querySelectorAll(selector) ?? []].filter(shown).map((element) => element.textContent.trim());
		const style = box && view.getComputedStyle(box);
		return {
			story: view.location.pathname, kind: top ? top.getAttribute("part") : "page",
			language: (top ? root.host : page.documentElement)?.lang ?? "", direction: style?.direction ?? "", page: page.documentElement?.dir ?? "", scheme: style?.colorScheme ?? "",
			title: text("h1, h2")[0] ?? "", texts: text("p:not(.buttons, [part=brand], [part=countdown], [part=announce], .spoken), [part=note], label"),
			countdown: text("[part=countdown]")[0] ?? "", announce: root?.querySelector(".spoken")?.textContent ?? "",
			hidden: !!top && top.scrollHeight <= top.clientHeight && [...top.querySelectorAll("h1, h2, p, [part=countdown]")].filter(shown).some((element) =>
				!element.matches(".spoken") && [...top.querySelectorAll("button")].filter(shown).some((button) => button.getBoundingClientRect().top < element.getBoundingClientRect().bottom - 1)),
			buttons: text("button, .button"), wide: (box?.scrollWidth ?? 0) > (box?.clientWidth ?? 0) || page.documentElement?.scrollWidth > view.innerWidth,
		};
	}));
})()`

func look(t testing.TB, tab context.Context) []seen {
	t.Helper()
	var all []seen
	if err := json.Unmarshal([]byte(chrome.Eval[string](t, tab, looking)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// agentTexts is a language as the agent has it.
func agentTexts(l *texts.Language) warning.Texts {
	all := warning.Texts{}
	for _, key := range warning.Keys() {
		all[key] = l.Text(texts.Key(key))
	}
	return all
}

// view is what the agent shows at the beginning of a story that warns.
func view(s story) warning.View {
	now := int64(1_800_000_000_000)
	session := s.session(now)
	if session.Warning(now) == wire.WarnInactivity {
		return warning.Inactivity(session, now, s.inputs)
	}
	return warning.Session(session, now, s.inputs)
}

// saying is the key of what a screen reader says in it.
func saying(s story) warning.Key {
	switch v := view(s); {
	case v.Kind == wire.WarnInactivity:
		return "say.inactivity"
	case v.Reason == wire.PolicyCheckOverdue:
		return "say.unchecked"
	}
	return "say.session"
}

// expects says what is wrong with a story in a language; nothing while it is right.
func expects(s story, l *texts.Language, scheme, direction string, got seen) []string {
	var wrong []string
	want := func(what, got, want string) {
		if got != want {
			wrong = append(wrong, what+" is "+strconv.Quote(got)+", want "+strconv.Quote(want))
		}
	}
	list := func(all ...string) string {
		return strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), " | ")
	}
	own := agentTexts(l)
	want("language", got.Language, l.Tag())
	want("direction", got.Direction, l.Direction())
	want("color-scheme", got.Scheme, scheme)
	if got.Wide {
		wrong = append(wrong, "it is wider than the frame")
	}
	if got.Hidden {
		wrong = append(wrong, "the buttons are over the texts")
	}
	if s.page == nil {
		want("the page's direction", got.Page, direction)
	}
	switch {
	case s.warns:
		words := own.View(view(s), warning.EnglishFormat{})
		want("kind", got.Kind, "dialog")
		want("title", got.Title, words.Title)
		want("texts", list(got.Texts...), list(words.Body, words.Note))
		want("buttons", list(got.Buttons...), list(words.Buttons[:]...))
		if !regexp.MustCompile(`^[\x{200e}\x{200f}]?\p{Nd}{1,2}:\p{Nd}\p{Nd}$`).MatchString(got.Countdown) {
			wrong = append(wrong, "countdown is "+strconv.Quote(got.Countdown))
		}
		before, after, _ := strings.Cut(own[saying(s)], warning.Place)
		if len(got.Announce) <= len(before)+len(after) || !strings.HasPrefix(got.Announce, before) || !strings.HasSuffix(got.Announce, after) {
			wrong = append(wrong, "announced is "+strconv.Quote(got.Announce)+", want "+own[saying(s)])
		}
	case s.failure != "":
		want("kind", got.Kind, "cover")
		want("title", got.Title, l.Text("failure.title"))
		want("texts", list(got.Texts...), l.Text(s.failure))
		want("buttons", list(got.Buttons...), l.Text("button.retry"))
	case s.page != nil:
		page := s.page(pages.Page{Language: l})
		want("kind", got.Kind, "page")
		want("title", got.Title, page.Title)
		for _, text := range page.Paragraphs {
			if !slices.Contains(got.Texts, text) {
				wrong = append(wrong, "it does not say "+text)
			}
		}
		var buttons []string
		if page.AskStay != nil {
			buttons = append(buttons, page.Say(texts.ButtonContinue))
		}
		if list := page.Sessions; list != nil {
			for _, s := range list.All {
				key := texts.ButtonSignOutThere
				if s.This {
					key = texts.ButtonSignOut
				}
				buttons = append(buttons, page.Say(key))
			}
			if list.Others() {
				buttons = append(buttons, page.Say(texts.ButtonSignOutOthers))
			}
		}
		for _, button := range page.Buttons {
			buttons = append(buttons, button.Text)
		}
		want("buttons", list(got.Buttons...), list(buttons...))
	default:
		words := own.Cover(s.cover)
		want("kind", got.Kind, "cover")
		want("title", got.Title, words.Title)
		want("texts", list(got.Texts...), words.Body)
		want("buttons", list(got.Buttons...), words.Button)
	}
	return wrong
}

// patience is how long all stories together may take, on a busy machine.
const patience = 2 * time.Minute

// again is after how long a key is pressed once more.
const again = 10 * time.Second

// press presses the first button of a story's dialog or cover with a key, as a person does.
func press(t testing.TB, tab context.Context, story string) {
	t.Helper()
	frame := `[...document.querySelectorAll("iframe")].find((frame) => frame.contentWindow.location.pathname === ` + strconv.Quote(story) + `)`
	chrome.Until(t, tab, `(() => {
		const frame = `+frame+`; const root = frame.contentDocument.querySelector("curfew-agent")?.shadowRoot;
		const button = root?.querySelector("dialog[open] button:not([hidden])");
		frame.focus(); frame.contentWindow.focus(); button?.focus();
		return button && root.activeElement === button && document.activeElement === frame;
	})()`)
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		params := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
		if kind == input.DispatchKeyEventTypeKeyDown {
			params.Text = "\r"
		}
		if _, err := chromedp.Call(tab, input.DispatchKeyEvent, params); err != nil {
			t.Fatalf("pressing Enter: %v", err)
		}
	}
}

// C7, D5: every story comes to its state, by itself or after the key press that it names, and says so in the chosen language only. All
// of it fits into 320 px, has the language's direction whatever the page's is, and the page's theme. Nothing is written to the console
// but what the stories are about. Nothing breaks a rule of WCAG 2.2 AA (A2, A4), light or dark, from left to right or from right to left.
func TestEveryStoryInEveryLanguage(t *testing.T) {
	book, address := newBook(t)
	browser := chrome.New(t)
	for _, run := range []struct {
		language, theme, direction string
		axe                        bool
	}{
		{"en", light, ltr, true}, {"ar", dark, rtl, true}, {"da", dark, rtl, false}, {"de", light, ltr, false}, {"es", preferred, rtl, false},
		{"fr", dark, ltr, false}, {"ar", light, ltr, false},
	} {
		language := book.language(run.language)
		if language == nil {
			t.Fatalf("there is no %s", run.language)
		}
		t.Run(run.language+" "+run.direction, func(t *testing.T) {
			began := time.Now()
			tab := chrome.Tab(t, browser)
			console := chrome.Listen(t, tab)
			chrome.Size(t, tab, 1040, 600)
			query := url.Values{"language": {run.language}, "theme": {run.theme}, "direction": {run.direction}, "width": {"320"}}
			chrome.Go(t, tab, address+"/?"+query.Encode())
			// As if somebody had scrolled through all of them.
			chrome.Eval[bool](t, tab, `document.querySelectorAll("iframe").forEach((frame) => { frame.loading = "eager" }), true`)
			if n := len(look(t, tab)); n != len(book.stories) {
				t.Fatalf("%d frames, want %d", n, len(book.stories))
			}
			pressed, reached := map[string]time.Time{}, map[string]bool{} // what is pressed for may pass
			for {
				all := look(t, tab)
				wrong := map[string][]string{}
				for i, s := range book.stories {
					at := place{s, language, run.theme, run.direction}
					if reached[s.name] {
						continue
					}
					if got := all[i]; got.Story != at.base() {
						wrong[s.name] = []string{"the frame is at " + got.Story}
					} else if faults := expects(s, language, scheme(run.theme), run.direction, got); len(faults) > 0 {
						wrong[s.name] = faults
					}
					reached[s.name] = s.press != "" && len(wrong[s.name]) == 0
				}
				if len(wrong) == 0 {
					break
				}
				if time.Since(began) > patience {
					for name, faults := range wrong {
						t.Errorf("%s:\n%s", name, strings.Join(faults, "\n"))
					}
					break
				}
				// What must be pressed comes last, when all else is there: it opens a window. A window that opens may take the focus
				// before the key arrives, so it is pressed again where nothing came of it.
				others := 0
				for _, s := range book.stories {
					if s.press == "" && len(wrong[s.name]) > 0 {
						others++
					}
				}
				for _, s := range book.stories {
					if others == 0 && s.press != "" && len(wrong[s.name]) > 0 && time.Since(pressed[s.name]) > again {
						press(t, tab, place{s, language, run.theme, run.direction}.base())
						pressed[s.name] = time.Now()
					}
				}
				time.Sleep(250 * time.Millisecond)
			}
			checkConsole(t, book, console)
			if run.axe {
				checkAccess(t, tab, len(book.stories))
			}
		})
	}
}

// checkConsole wants every error to be one that a story must make, and of each failure what it says to whoever has to fix it (D5).
func checkConsole(t *testing.T, book *Book, console *chrome.Console) {
	t.Helper()
	for _, line := range console.Errors() {
		known := slices.ContainsFunc(book.stories, func(s story) bool {
			return slices.ContainsFunc(s.console, func(part string) bool { return strings.Contains(line.Text, part) })
		})
		if !known {
			t.Errorf("console: %s", line.Text)
		}
	}
	for _, s := range book.stories {
		if s.failure != "" && !console.Has("error", s.console[len(s.console)-1]) {
			t.Errorf("%s: the console does not say so", s.name)
		}
	}
}

// checkAccess wants axe to find nothing in any story, and every text to have enough contrast.
func checkAccess(t *testing.T, tab context.Context, stories int) {
	t.Helper()
	checked := 0
	axe.RunFrames(t, tab, func(address string, violations, _ []axe.Finding) {
		checked++
		for _, found := range violations {
			t.Errorf("%s: axe found %s", address, found)
		}
	})
	if checked != stories {
		t.Errorf("axe looked at %d of %d stories", checked, stories)
	}
	for _, low := range chrome.Eval[[]string](t, tab, contrast) {
		t.Error("too little contrast:", low)
	}
}

// contrast lists the texts of all frames whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3). Axe cannot judge what stands above a translucent backdrop.
const contrast = `[...document.querySelectorAll("iframe")].flatMap((frame) => {
	const story = frame.contentDocument, root = story.querySelector("curfew-agent")?.shadowRoot;
	const texts = [...root?.querySelectorAll("dialog h1, dialog h2, dialog p:not(.spoken), dialog button") ?? [], ...story.querySelectorAll("main :is(h1, h2, p, dt, dd, .tag, .button, label)")];
	return texts.filter((e) => e.checkVisibility() && e.textContent).flatMap((e) => {
		const luminance = (color) => {
			const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
			return .2126 * r + .7152 * g + .0722 * b;
		};
		let ground = e;
		while (/^rgba\(.*, 0\)$/.test(getComputedStyle(ground).backgroundColor) && ground.parentElement) ground = ground.parentElement;
		const [low, high] = [getComputedStyle(ground).backgroundColor, getComputedStyle(e).color].map(luminance).sort((a, b) => a - b);
		const ratio = (high + .05) / (low + .05);
		return ratio >= 4.5 ? [] : [frame.contentWindow.location.pathname + ": " + e.textContent + ": " + ratio];
	});
})`
