package storybook

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/texts"
)

func get(t testing.TB, book *Book, method, address string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, address, nil)
	r.Host = "localhost:8500"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	book.ServeHTTP(w, r)
	return w
}

// Every text that people may read stands in a story, except what a state passes through too quickly to be one.
func TestEveryTextHasAStory(t *testing.T) {
	book, _ := newBook(t)
	file, err := texts.Template(texts.English)
	if err != nil {
		t.Fatal(err)
	}
	var english map[texts.Key]string
	if err := json.Unmarshal(file, &english); err != nil {
		t.Fatal(err)
	}
	delete(english, "language")
	delete(english, "direction")
	language := book.language(texts.English)
	said := strings.Builder{}
	for _, s := range book.stories {
		for _, text := range words(t, book, s, language) {
			said.WriteString("\n" + text)
		}
	}
	// A reason that nobody knows comes only from a verifier that is newer than the agent.
	delete(english, "ended.other")
	for key, text := range english {
		if !isSaid(said.String(), text) {
			t.Errorf("no story says %s, %q", key, text)
		}
	}
}

// isSaid reports whether a text is there. What is put in its places may be anything.
func isSaid(all, text string) bool {
	before, rest, placed := strings.Cut(text, "{browser}")
	if !placed {
		return strings.Contains(all, text)
	}
	between, after, _ := strings.Cut(rest, "{system}")
	pattern := ">" + regexp.QuoteMeta(before) + "[^<]+" + regexp.QuoteMeta(between) + "[^<]+" + regexp.QuoteMeta(after)
	return regexp.MustCompile(pattern).MatchString(all)
}

// words are all texts of a story.
func words(t testing.TB, book *Book, s story, l *texts.Language) []string {
	t.Helper()
	own := agentTexts(l)
	switch {
	case s.warns:
		v := own.View(view(s), warning.EnglishFormat{})
		return []string{v.Title, v.Body, v.Note, v.Buttons[0], v.Buttons[1], own[saying(s)]}
	case s.failure != "":
		return []string{l.Text("failure.title"), l.Text(s.failure), l.Text("button.retry")}
	case s.page != nil:
		return []string{html.UnescapeString(get(t, book, http.MethodGet, place{s, l, light, ltr}.base()).Body.String())}
	}
	c := own.Cover(s.cover)
	return []string{c.Title, c.Body, c.Button}
}

// Every story has a name and a title of its own, is exactly one thing, and there is one for each end of a session.
func TestTheTable(t *testing.T) {
	var names, titles []string
	for _, s := range stories() {
		kinds := 0
		for _, is := range []bool{s.warns, s.cover.Kind != "", s.failure != "", s.page != nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || s.group == "" || s.title == "" {
			t.Errorf("%s: %d kinds, %q in %q", s.name, kinds, s.title, s.group)
		}
		names, titles = append(names, s.name), append(titles, s.group+s.title)
	}
	for _, list := range [][]string{names, titles} {
		slices.Sort(list)
		if n := len(slices.Compact(slices.Clone(list))); n != len(list) {
			t.Errorf("%d of %d differ: %q", n, len(list), list)
		}
	}
	for _, reason := range wire.Reasons() {
		if !slices.Contains(names, "ended-"+string(reason)) {
			t.Errorf("no story for %s", reason)
		}
	}
}

// The storybook answers this machine only, and knows no other addresses than it links to.
func TestAddresses(t *testing.T) {
	book, _ := newBook(t)
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, status := range map[string]int{"localhost:8500": 200, "127.0.0.1:8500": 200, "[::1]:8500": 200, "localhost": 200,
		"example.org": 403, "localhost.example.org:8500": 403, "192.0.2.1:8500": 403, "": 403} {
		if got := get(t, book, http.MethodGet, "/", host(name)).Code; got != status {
			t.Errorf("host %q: %d, want %d", name, got, status)
		}
	}
	for address, status := range map[string]int{
		"/s/inactivity/en/light/ltr/": 200, "/s/nothing/en/light/ltr/": 404, "/s/inactivity/nl/light/ltr/": 404, "/s/inactivity/en/blue/ltr/": 404,
		"/s/inactivity/en/light/up/": 404, "/s/inactivity/en/light/ltr/.curfew/agent.js": 200, "/s/inactivity/en/light/ltr/.curfew/agent.0.wasm": 404,
		"/s/failure-status/en/light/ltr/.curfew/" + book.Agent.WasmName(): 404, "/agent/" + book.Agent.WasmName(): 200, "/agent/agent.0.wasm": 404,
		"/s/inactivity/da/light/ltr/.curfew/" + book.Texts.Names()["da"]: 200, "/s/inactivity/en/light/ltr/.curfew/texts.nl.json": 404,
		"/assets/page.css": 200, "/assets/page.html": 404, "/assets/nothing": 404, "/assets/": 404,
		"/?language=nl&theme=blue&direction=up&width=1": 200,
	} {
		if got := get(t, book, http.MethodGet, address).Code; got != status {
			t.Errorf("%s: %d, want %d", address, got, status)
		}
	}
	// What does not stand in the lists is not taken over.
	if page := get(t, book, http.MethodGet, "/?language=da&theme=%22%3E&width=480").Body.String(); !strings.Contains(page, "/s/inactivity/da/light/ltr/") || !strings.Contains(page, "w480") {
		t.Errorf("the index has other stories: %.600s", page)
	}
	policy := get(t, book, http.MethodGet, "/").Header().Get("Content-Security-Policy")
	if strings.Contains(policy, "script-src") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the index may run scripts: %s", policy)
	}
}

// C7: an operator's language is there like the built-in ones.
func TestOperatorsLanguage(t *testing.T) {
	book, _ := newBook(t)
	dir := t.TempDir()
	text, err := texts.Template("da")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/nb.json", []byte(strings.Replace(strings.Replace(string(text), `"da"`, `"nb"`, 1), "Log ind", "Logg inn", -1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if book.Texts, err = texts.Load(dir); err != nil {
		t.Fatal(err)
	}
	if page := get(t, book, http.MethodGet, "/?language=nb").Body.String(); !strings.Contains(page, "/s/inactivity/nb/light/ltr/") {
		t.Errorf("the index does not show it: %.600s", page)
	}
	if page := get(t, book, http.MethodGet, "/s/page-not-signed-in/nb/light/ltr/").Body.String(); !strings.Contains(page, "Logg inn") {
		t.Errorf("its pages do not speak it: %s", page)
	}
}
