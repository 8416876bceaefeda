package login_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/texts"
)

var branded = settings.Page{Name: "Nordlys <Hospital>", Logo: "https://cdn.example:8443/logo.svg?a=1&b=2"}

// pageTexts are the texts of the pages in one language, by their keys.
func pageTexts(t testing.TB, tag string) map[string]string {
	t.Helper()
	text, err := texts.Template(tag)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for key := range all {
		if !strings.HasPrefix(key, "page.") {
			delete(all, key)
		}
	}
	return all
}

// C7: every page, in every language: whole, in that language only, with the right direction. Between them the pages show every text
// that there is for pages, so none is there for nothing and none is missing here.
func TestC7_EveryPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{login: login.Options{AskStay: true}, env: func(e *settings.Environment) { e.Page = branded }})
	english := pageTexts(t, texts.English)
	one := w.begun("sub-one", firefoxOnWindows)
	for range engine.MaxOwn { // more sessions than are listed, and where they began is not known
		w.begun("sub-many", "")
	}
	many := w.begun("sub-many", firefoxOnWindows)
	for _, tag := range texts.Embedded() {
		all := pageTexts(t, tag)
		shown := map[string]bool{}
		look := func(name string, answer apitest.Answer) {
			t.Helper()
			body := string(answer.Body)
			direction := "ltr"
			if tag == "ar" {
				direction = "rtl"
			}
			if !strings.Contains(body, `<html lang="`+tag+`" dir="`+direction+`">`) || answer.Header.Get("Content-Language") != tag || answer.Header.Get("Vary") != "Accept-Language" {
				t.Errorf("%s, %s: %.60s %v", tag, name, body, answer.Header)
			}
			for _, wrong := range markup(body) {
				t.Errorf("%s, %s: %s in\n%s", tag, name, wrong, body)
			}
			said := html.UnescapeString(body)
			if !strings.Contains(said, `<span><bdi>Nordlys <Hospital></bdi></span>`) || !strings.Contains(said, `<img src="https://cdn.example:8443/logo.svg?a=1&b=2" alt="">`) ||
				!strings.Contains(answer.Header.Get("Content-Security-Policy"), "; img-src https://cdn.example:8443") {
				t.Errorf("%s, %s: without the application's name and logo:\n%s", tag, name, body)
			}
			for key, text := range all {
				shown[key] = shown[key] || says(said, text)
			}
			for key, text := range english {
				if tag != texts.English && strings.Contains(said, ">"+text+"<") {
					t.Errorf("%s, %s: %s is in English", tag, name, key)
				}
			}
		}
		get := func(p *person, path, from string) apitest.Answer {
			t.Helper()
			request, err := http.NewRequest(http.MethodGet, p.Origin+path, nil)
			w.must(err)
			request.Header.Set("Accept-Language", tag+"-XX, "+tag+";q=0.9, zh;q=0.1")
			if from != "" {
				request.Header.Set("Sec-Fetch-Site", from)
			}
			return p.Do(request)
		}
		w.pass(time.Second)
		stranger, alice := w.person(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
		for _, c := range []struct {
			name, path, from string
			p                *person
		}{
			{"question", "/.curfew/sign-in", "", stranger},
			{"signing in", "/.curfew/sign-in?continue=1", "", stranger},
			{"bad link", "/.curfew/sign-in?return_to=//evil.example", "", stranger},
			{"resume", "/.curfew/resume", "", stranger},
			{"not signed in", "/.curfew/signed-in", "", stranger},
			{"not begun", "/.curfew/callback?state=x", "", stranger},
			{"signed out", "/.curfew/signed-out", "", stranger},
			{"not told", "/.curfew/signed-out?provider=not-told", "", stranger},
			{"signed in", "/.curfew/signed-in", "", alice},
			{"still in", "/.curfew/callback?state=x", "", alice},
			{"has a session", "/.curfew/signed-out", "", alice},
			{"ask", "/.curfew/sign-out?scope=ask", "", alice},
			{"linked", "/.curfew/sign-out", "cross-site", alice},
			{"signing out", "/.curfew/sign-out", "", alice},
			{"one session", sessionsPage, "", one},
			{"many sessions", sessionsPage, "", many},
		} {
			look(c.name, get(c.p, c.path, c.from))
		}
		stale, err := http.NewRequest(http.MethodPost, many.Origin+sessionsPage, nil)
		w.must(err)
		stale.Header.Set("Accept-Language", tag)
		look("a form that is stale", many.Do(stale))
		for _, scope := range []string{"browser", "everywhere"} {
			p := w.signedIn(w.clinic, oidctest.Bob())
			_, to, refusal := p.SignOut(url.Values{"scope": {scope}})
			if refusal.Error != "" {
				t.Fatalf("%+v", refusal)
			}
			back := oidctest.Logout(t, p.site, to.Location)
			look("signed out, "+scope, get(p, strings.TrimPrefix(back, p.Origin), ""))
			w.pass(2 * time.Second)
		}
		for name, page := range w.login.Problems(w.clinic.Environment) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Language", tag)
			recorder := httptest.NewRecorder()
			page(recorder, r)
			look(name, apitest.Answer{Response: recorder.Result(), Body: recorder.Body.Bytes()})
		}
		for key := range all {
			if !shown[key] {
				t.Errorf("%s: no page shows %s, %q", tag, key, all[key])
			}
		}
	}
}

// says reports whether a page has a text of its own, which is not a part of another. What is put in its places may be anything.
func says(page, text string) bool {
	pieces := strings.Split(regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(text, "\x00"), "\x00")
	for i := range pieces {
		pieces[i] = regexp.QuoteMeta(pieces[i])
	}
	return regexp.MustCompile(">" + strings.Join(pieces, "[^<]+")).MatchString(page)
}

// markup lists what is wrong with the markup of a page: tags that do not match, and elements of text without any.
func markup(page string) []string {
	var wrong []string
	in := xml.NewDecoder(strings.NewReader(page))
	in.Strict, in.Entity = false, xml.HTMLEntity
	var open []string
	text := map[int]bool{}
	for {
		token, err := in.RawToken() // it leaves the matching to us
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(wrong, err.Error())
		}
		switch token := token.(type) {
		case xml.StartElement:
			if slices.Contains(xml.HTMLAutoClose, token.Name.Local) {
				continue
			}
			open = append(open, token.Name.Local)
			text[len(open)] = false
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				for depth := 1; depth <= len(open); depth++ {
					text[depth] = true
				}
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				return append(wrong, "</"+token.Name.Local+"> ends "+strings.Join(open, " "))
			}
			if slices.Contains([]string{"title", "h1", "p", "a", "button", "label", "strong", "span", "bdi"}, token.Name.Local) && !text[len(open)] {
				wrong = append(wrong, "<"+token.Name.Local+"> is empty")
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		wrong = append(wrong, "not closed: "+strings.Join(open, " "))
	}
	return wrong
}

// The checker of the markup finds what it is there for.
func TestMarkupIsChecked(t *testing.T) {
	for page, fine := range map[string]bool{
		"<!doctype html><html><head><meta charset=\"utf-8\"><title>a</title></head><body><p>a<br>b</p></body></html>": true,
		"<html><p></p></html>":             false,
		"<html><p>a</html>":                false,
		"<html><p>a</p>":                   false,
		"<html><a href=\"/\"> </a></html>": false,
	} {
		if wrong := markup(page); (len(wrong) == 0) != fine {
			t.Errorf("%s: %v", page, wrong)
		}
	}
}

// A15: a window that was opened to sign in ends on a page that tells its person so and acts by itself, and that nobody can frame or keep.
func TestA15_SignedInPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	address, _ := p.callback("/.curfew/signed-in")
	answer := p.Get(address)
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/.curfew/signed-in" {
		t.Fatalf("the callback answered %d to %q: %s", answer.StatusCode, to, answer.Body)
	}
	page := p.Get("/.curfew/signed-in")
	if says := text(page); page.StatusCode != 200 || says != "You are signed in You can close this window." {
		t.Errorf("%d %s", page.StatusCode, says)
	}
	policy := page.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if page.Header.Get("Cache-Control") != "no-store" || !strings.Contains(string(page.Body), `data-mode="signed-in"`) || strings.Contains(string(page.Body), `class="busy"`) {
		t.Errorf("%v\n%s", page.Header, page.Body)
	}
	// The page says nothing that is not so, to nobody: without a session it tells the other tabs of none, and stays to be read.
	other := w.person(w.clinic, oidctest.Bob())
	if page := other.Get("/.curfew/signed-in"); page.StatusCode != 200 || !strings.Contains(text(page), "You are not signed in") || strings.Contains(string(page.Body), `agent.js`) {
		t.Errorf("without a session: %d %s", page.StatusCode, page.Body)
	}
	// Whoever is signed in already comes there by resuming.
	if answer := p.Get("/.curfew/sign-in?return_to=/.curfew/signed-in"); answer.Header.Get("Location") != "/.curfew/resume?return_to=%2F.curfew%2Fsigned-in" {
		t.Errorf("with a session: %d to %s", answer.StatusCode, answer.Header.Get("Location"))
	}
	if answer := p.Get("/.curfew/resume?return_to=/.curfew/signed-in"); answer.StatusCode != 200 || !strings.Contains(string(answer.Body), `data-return-to="/.curfew/signed-in"`) {
		t.Errorf("resume: %d %s", answer.StatusCode, answer.Body)
	}
	for _, path := range []string{"sign-out", "signed-in?a=b", "signed-out", "resume"} {
		if answer := p.Get("/.curfew/resume?return_to=/.curfew/" + url.QueryEscape(path)); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("return_to %s: %d", path, answer.StatusCode)
		}
	}
}

// The logo may come from its own origin and from nowhere else, and what is no logo is not shown.
func TestLogosOrigin(t *testing.T) {
	t.Parallel()
	for logo, want := range map[string]string{
		"":                                "",
		"/logo.svg":                       "; img-src 'self'",
		"https://cdn.example/a/logo.svg?": "; img-src https://cdn.example",
		"http://cdn.example/logo.svg":     "",
		"javascript:alert(1)":             "",
		"//cdn.example/logo.svg":          "",
		"logo.svg":                        "",
	} {
		w := newWorld(t, options{env: func(e *settings.Environment) { e.Page.Logo = logo }})
		answer := w.person(w.clinic, oidctest.Alice()).Get("/.curfew/signed-out")
		policy := answer.Header.Get("Content-Security-Policy")
		_, images, found := strings.Cut(policy, "; img-src ")
		if found != (want != "") || found && "; img-src "+images != want || strings.Contains(string(answer.Body), "<img") != found {
			t.Errorf("logo %q: %s\n%s", logo, policy, answer.Body)
		}
	}
}
