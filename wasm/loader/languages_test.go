package loader_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// tags are the languages that come with the verifier, and one that is written from right to left.
var tags = []string{"en", "da", "fr", "de", "es", "ar"}

// textsOf are the texts that the verifier serves for a language.
func textsOf(t testing.TB, tag string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "verifier", "texts", "languages", tag+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// speaks makes the site offer languages, each as a file, as the verifier does. English is not one of them: it is in the agent.
func (s *site) speaks(t testing.TB, tags ...string) {
	t.Helper()
	s.set(func(s *site) {
		s.files, s.personal.Languages = map[string][]byte{}, map[string]string{}
		for _, tag := range tags {
			if tag == "en" {
				continue
			}
			text, err := json.Marshal(textsOf(t, tag))
			if err != nil {
				t.Fatal(err)
			}
			s.files["texts."+tag+".json"], s.personal.Languages[tag] = text, "texts."+tag+".json"
		}
	})
}

func (s *site) pageIn(tag string) {
	s.set(func(s *site) { s.html = "lang=" + tag })
}

const hostIs = `(() => { const h = document.querySelector("curfew-agent"); return h ? h.lang + " " + h.dir : "" })()`

// C7: the dialog, its numbers and lengths, and the cover are in the page's language, in its direction, and change with it.
func TestC7_PageLanguage(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	want := map[string]struct{ host, announce string }{
		"en":    {"en ltr", "within 2 minutes"},
		"da":    {"da ltr", "2 minutter"},
		"fr":    {"fr ltr", "2 minutes"},
		"de-AT": {"de ltr", "2 Minuten"},
		"es":    {"es ltr", "2 minutos"},
		"ar":    {"ar rtl", "دقيقتان"},
		"nl":    {"en ltr", "within 2 minutes"}, // nobody has it, and the browser's person reads English
	}
	for lang, want := range want {
		t.Run(lang, func(t *testing.T) {
			tag, _, _ := strings.Cut(want.host, " ")
			texts := textsOf(t, tag)
			s := newSite(t)
			s.speaks(t, tags...)
			tab, console := open(t, s, browser)
			s.pageIn(lang)
			s.warnInactivity(95_000)
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open && root.getElementById("title").textContent === `+quote(texts["inactivity.title"])))
			for what, expect := range map[string]string{
				hostIs: want.host,
				inRoot(`root.getElementById("body").textContent`):                                texts["inactivity.body"],
				inRoot(`[...root.querySelectorAll("button")].map(b => b.textContent).join("|")`): texts["button.stay"] + "|" + texts["button.sign_out"],
				inRoot(`getComputedStyle(root.querySelector("dialog")).direction`):               strings.Fields(want.host)[1],
			} {
				if got := chrome.Eval[string](t, tab, what); got != expect {
					t.Errorf("%s is %q, want %q", what, got, expect)
				}
			}
			if said := chrome.Eval[string](t, tab, inRoot(`root.getElementById("announce").textContent`)); !strings.Contains(said, want.announce) {
				t.Errorf("it says %q, want %q in it", said, want.announce)
			}
			if count := chrome.Eval[string](t, tab, inRoot(`root.querySelector("[part=countdown]").textContent`)); !chrome.Eval[bool](t, tab, `/^\p{Nd}:\p{Nd}{2}$/u.test(`+quote(count)+`)`) {
				t.Errorf("the countdown is %q", count)
			}
			s.set(func(s *site) { s.ended = wire.EndedByAdmin })
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, inRoot(`root.querySelector("dialog[part=cover]")?.textContent.includes(`+quote(texts["ended.ended_by_admin"])+`)`))
			for _, e := range console.Entries() {
				if e.Level == "exception" || strings.Contains(e.Text, "Curfew") {
					t.Errorf("the console says %v", e)
				}
			}
		})
	}
}

// C7: where neither the page's language nor one of the person's is there, the operator's own English is what they read.
func TestC7_OperatorsEnglish(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	own := textsOf(t, "en")
	own["inactivity.title"] = "Is anybody there?"
	text, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	s.set(func(s *site) {
		s.files, s.personal.Languages = map[string][]byte{"texts.en.json": text}, map[string]string{"en": "texts.en.json"}
	})
	tab := openWith(t, s, chrome.New(t), `Object.defineProperty(navigator, "languages", { value: ["sv"] })`)
	s.pageIn("nl")
	s.warnInactivity(95_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open && root.getElementById("title").textContent === "Is anybody there?"`))
}

// C7: a page that changes its language meanwhile, such as a single-page application, is followed when something is next shown.
func TestC7_PageChangesItsLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.speaks(t, tags...)
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.interval = 300 })
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `curfew.state === "armed"`)
	for _, tag := range []string{"da", "ar", "en", "da"} {
		chrome.Eval[any](t, tab, `void (document.documentElement.lang = "`+tag+`")`)
		s.warnUnchecked(10 * 60_000)
		chrome.Until(t, tab, inRoot(`root.querySelector("dialog")?.open && root.host.lang === "`+tag+`" && root.getElementById("title").textContent === `+quote(textsOf(t, tag)["unchecked.title"])))
		s.set(func(s *site) { s.checkBy = 0 })
		chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
	}
}

// C7: texts that are not complete are not used, and the console says what is wrong with them. What cannot be had is English.
func TestC7_BrokenTexts(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	change := func(how func(map[string]string)) []byte {
		texts := textsOf(t, "da")
		how(texts)
		text, err := json.Marshal(texts)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"a key is missing":   {change(func(m map[string]string) { delete(m, "offline") }), "offline is not a string"},
		"a text is empty":    {change(func(m map[string]string) { m["button.stay"] = "" }), "button.stay"},
		"a text is too long": {change(func(m map[string]string) { m["deciding"] = strings.Repeat("x", 5000) }), "deciding is not short enough"},
		"no place":           {change(func(m map[string]string) { m["say.session"] = "nu" }), "say.session"},
		"no direction":       {change(func(m map[string]string) { m["direction"] = "up" }), "direction"},
		"another type":       {[]byte(`"da"`), "no object"},
		"no JSON":            {[]byte(`{`), ""},
		"not there":          {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.speaks(t, "da")
			s.set(func(s *site) {
				s.files["texts.da.json"] = c.file
				if c.file == nil {
					delete(s.files, "texts.da.json")
				}
			})
			tab, console := open(t, s, browser)
			s.pageIn("da")
			s.warnInactivity(95_000)
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open && root.getElementById("title").textContent === "Are you still there?"`))
			if c.says == "" {
				return
			}
			chrome.Until(t, tab, inRoot(`root.host.lang === "en"`))
			if !console.Has("warning", c.says) {
				t.Errorf("the console says %v, want a warning with %q", console.Entries(), c.says)
			}
		})
	}
}

// C7: where the browser has no Intl, or one that does not know the language, the texts are that language's all the same.
func TestC7_WithoutIntl(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, script := range map[string]string{
		"none":    `globalThis.Intl = undefined`,
		"unknown": `Intl.NumberFormat.supportedLocalesOf = () => []`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.speaks(t, "da")
			tab, _ := open(t, s, browser)
			s.pageIn("da")
			chrome.BeforeLoad(t, tab, script)
			s.warnInactivity(95_000)
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open && root.host.lang === "da"`))
			if said := chrome.Eval[string](t, tab, inRoot(`root.getElementById("announce").textContent`)); !strings.Contains(said, "2 minutes") {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// C7 D5: what the loader says when the agent cannot run is in the page's language too.
func TestC7_Failure(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for _, tag := range []string{"da", "ar"} {
		s := newSite(t)
		s.speaks(t, tags...)
		s.pageIn(tag)
		s.set(func(s *site) { s.damage = true })
		tab := chrome.Tab(t, browser)
		chrome.Go(t, tab, s.URL)
		chrome.Until(t, tab, `globalThis.curfew?.state === "failed"`)
		texts := textsOf(t, tag)
		chrome.Until(t, tab, inRoot(`root.getElementById("cover-title").textContent === `+quote(texts["failure.title"])))
		for what, want := range map[string]string{
			inRoot(`root.getElementById("cover-body").textContent`): texts["failure.general"],
			inRoot(`root.querySelector("button").textContent`):      texts["button.retry"],
			hostIs: tag + " " + texts["direction"],
		} {
			if got := chrome.Eval[string](t, tab, what); got != want {
				t.Errorf("%s is %q, want %q", what, got, want)
			}
		}
		wantCovered(t, tab)
	}
}

// C7: what covers the page before the agent has answered is in the page's language.
func TestC7_CheckingCover(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.speaks(t, "da")
	tab, _ := open(t, s, chrome.New(t))
	s.pageIn("da")
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `curfew.state === "armed"`)
	chrome.Until(t, tab, `performance.getEntriesByName(location.origin + "/.curfew/texts.da.json")[0]?.responseEnd`)
	if armed := chrome.Eval[bool](t, tab, `performance.getEntriesByName(location.origin + "/.curfew/texts.da.json")[0].startTime >= performance.getEntriesByName("curfew:armed")[0].startTime`); !armed {
		t.Error("the texts were fetched before the page was armed")
	}
	hold := make(chan struct{})
	defer close(hold)
	s.set(func(s *site) { s.hold = hold })
	gap(t, tab)
	chrome.Until(t, tab, inRoot(`root.getElementById("cover-title").textContent === `+quote(textsOf(t, "da")["checking.title"])))
}

// gap makes the clocks move apart, as in sleep, and has a person come back.
func gap(t testing.TB, tab context.Context) {
	t.Helper()
	chrome.Eval[any](t, tab, `void (() => { const now = Date.now; Date.now = () => now() + 3600_000 })()`)
	press(t, tab, "x")
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(quoted)
}
