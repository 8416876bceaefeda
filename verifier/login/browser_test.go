package login_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/chrome/axe"
	"github.com/curfew-project/curfew/wasm/dist"
)

// give gives the tab's browser the cookies of a person's.
func give(t testing.TB, tab context.Context, p *person) {
	t.Helper()
	u, err := url.Parse(p.Origin)
	p.w.must(err)
	for _, c := range p.Client.Jar.Cookies(u) {
		if _, err := chromedp.Call(tab, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: p.Origin}); err != nil {
			t.Fatal(err)
		}
	}
}

func forget(t testing.TB, tab context.Context) {
	t.Helper()
	if _, err := chromedp.Call(tab, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
}

func window(width, height int64) func(testing.TB, context.Context) {
	return func(t testing.TB, tab context.Context) {
		if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height)); err != nil {
			t.Fatal(err)
		}
	}
}

func media(name, value string) func(testing.TB, context.Context) {
	return func(t testing.TB, tab context.Context) {
		params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}}
		if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
	}
}

// Every page fits and can be used at 320 px (WCAG 2.2 reflow), dark, in forced colours, right to left, in German and with large text,
// and axe-core finds nothing.
func TestPagesInABrowser(t *testing.T) {
	w := newWorld(t, options{login: login.Options{AskStay: true}, register: withLogo,
		env: func(e *settings.Environment) {
			e.Page = settings.Page{Name: "Nordlys Universitetshospital, afdelingen for patientjournaler", Logo: "/logo.svg"}
		}})
	stranger, alice := w.person(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Bob())
	w.on(w.clinic, oidctest.Bob(), safariOnIPhone, "2001:db8:85a3:8d3:1319:8a2e:370:7348")
	answered := func(code string) func() (*person, string) {
		return func() (*person, string) {
			p := w.person(w.clinic, oidctest.Alice())
			address, _ := p.authorize(p.begin(url.Values{"return_to": {"/"}}))
			return p, change(t, change(t, address, "code", ""), "error", code)
		}
	}
	at := func(p *person, path string) func() (*person, string) {
		return func() (*person, string) { return p, p.Origin + "/.curfew/" + path }
	}
	states := map[string]func() (*person, string){
		"question":      at(stranger, "sign-in?return_to=/a"),
		"signing-in":    at(stranger, "sign-in?continue=1"), // there is no agent here to leave the page
		"bad-link":      at(stranger, "sign-in?return_to=//evil.example"),
		"not-begun":     at(stranger, "callback?state=x"),
		"still-in":      at(alice, "callback?state=x"),
		"ask":           at(alice, "sign-out?scope=ask"),
		"signed-in":     at(alice, "signed-out"),
		"window":        at(alice, "signed-in"),
		"no-session":    at(stranger, "signed-in"),
		"resume":        at(alice, "resume"),
		"signed-out":    at(stranger, "signed-out?provider=not-told"),
		"sessions":      at(alice, "sessions"),
		"refused":       answered("access_denied"),
		"more-needed":   answered("login_required"),
		"unreachable":   answered("server_error"),
		"misconfigured": answered("unauthorized_client"),
	}
	browser := chrome.New(t)
	for look, prepare := range map[string][]func(testing.TB, context.Context){
		"wide":           {window(1280, 800)},
		"narrow":         {window(320, 568)},
		"dark":           {window(800, 600), media("prefers-color-scheme", "dark")},
		"forced colours": {window(800, 600), media("forced-colors", "active")},
		"right to left":  {window(320, 568), speaking("ar")},
		"German":         {window(320, 568), speaking("de")},
		"large text":     {window(640, 800), largeText},
	} {
		tab := chrome.Tab(t, browser)
		for _, step := range prepare {
			step(t, tab)
		}
		for state, begin := range states {
			if look != "narrow" && look != "right to left" && look != "German" && !slices.Contains([]string{"question", "ask", "signed-in", "more-needed", "window", "sessions"}, state) {
				continue // the others are like these
			}
			t.Run(look+" "+state, func(t *testing.T) {
				p, address := begin()
				forget(t, tab)
				give(t, tab, p)
				chrome.Go(t, tab, address)
				if dir := os.Getenv("CURFEW_SCREENSHOTS"); dir != "" {
					chrome.Screenshot(t, tab, dir+"/"+state+" "+look+".png")
				}
				for _, wrong := range chrome.Eval[[]string](t, tab, looksWrong) {
					t.Error(wrong)
				}
				axe.Check(t, tab)
			})
		}
	}
}

// speaking is a browser that asks for a language.
func speaking(tag string) func(testing.TB, context.Context) {
	return func(t testing.TB, tab context.Context) {
		params := network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}}
		if _, err := chromedp.Call(tab, network.SetExtraHTTPHeaders, params); err != nil {
			t.Fatal(err)
		}
	}
}

// withLogo serves the application's logo, which is as wide as logos are.
func withLogo(mux *http.ServeMux) {
	mux.HandleFunc("GET /logo.svg", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 60" width="400" height="60">
<path d="M10 50 40 8l30 42z" fill="#0b6e5f"/><text x="84" y="42" font-family="sans-serif" font-size="34" fill="#12344d">Nordlys</text></svg>`))
	})
}

func largeText(t testing.TB, tab context.Context) {
	chrome.BeforeLoad(t, tab, `addEventListener("DOMContentLoaded", () => { const s = new CSSStyleSheet(); s.replaceSync("html{font-size:32px}"); document.adoptedStyleSheets.push(s) })`)
}

// looksWrong lists what does not fit in a page.
const looksWrong = `(() => {
	const wrong = [], width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) wrong.push("it scrolls sideways");
	if (!document.styleSheets[0]?.cssRules.length) wrong.push("it has no style");
	if (document.querySelectorAll("h1").length !== 1 || !document.title.startsWith(document.querySelector("h1").textContent)) wrong.push("no title, or two");
	const edge = (r) => document.documentElement.dir === "rtl" ? r.right : r.left;
	const lines = [...document.querySelector("bdi")?.getClientRects() ?? []].filter((r) => r.top >= document.querySelector(".brand img").getBoundingClientRect().bottom);
	for (const r of lines) {
		if (Math.abs(edge(r) - edge(document.querySelector(".brand").getBoundingClientRect())) > 1) wrong.push("the name begins on the wrong side");
	}
	for (const i of document.images) if (!i.naturalWidth) wrong.push("no picture: " + i.src);
	for (const e of document.querySelectorAll("main, main *:not(noscript, noscript *, [hidden], [type=hidden])")) {
		const r = e.getBoundingClientRect();
		if (r.left < 0 || r.right > width + .5) wrong.push(e.outerHTML.slice(0, 60) + " is cut off: " + r.left + " to " + r.right + " of " + width);
		if (e.matches(".button") && r.height < 44) wrong.push("a small button: " + r.width + " by " + r.height);
		if (e.matches("input") && (r.height < 24 || r.width < 24)) wrong.push("a small box: " + r.width + " by " + r.height);
	}
	for (const e of document.querySelectorAll("main a, main button, main input")) {
		if (e.type === "hidden") continue;
		e.focus();
		if (e !== document.activeElement) wrong.push(e.outerHTML + " cannot be reached with the keyboard");
	}
	document.activeElement.blur();
	return wrong;
})()`

// appPage is a page of the application with the agent.
const appPage = `<!doctype html><title>app</title><script src="/.curfew/agent.js" async></script>
<a id="all" href="/.curfew/sign-out">Sign out</a> <a id="here" href="/.curfew/sign-out?scope=browser">here</a>`

// withAgent serves the application and the real agent.
func withAgent(t testing.TB) func(*http.ServeMux) {
	agent, err := dist.Load()
	if err != nil {
		t.Fatal(err)
	}
	return func(mux *http.ServeMux) {
		mux.HandleFunc("GET /.curfew/{file}", func(w http.ResponseWriter, r *http.Request) {
			if r.PathValue("file") == "agent.js" {
				agent.ServeLoader(w, r, dist.Site{})
				return
			}
			agent.ServeWasm(w, r)
		})
		mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(appPage))
		})
	}
}

// signInWith signs somebody in with a real browser, from a page of the application to itself.
func (w *world) signInWith(t testing.TB, tab context.Context, who oidctest.User, begin func()) {
	t.Helper()
	begin()
	chrome.Until(t, tab, `document.querySelector("input[name=password]")`)
	if err := chromedp.Do(tab, chromedp.SetValue("input[name=username]", who.Username), chromedp.SetValue("input[name=password]", who.Password),
		chromedp.Click("form button, form input[type=submit]")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		at := chrome.Eval[string](t, tab, `location.href`)
		if strings.HasPrefix(at, w.clinic.Origin) || time.Now().After(deadline) {
			break
		}
		// Consent, where it is asked for.
		_, _ = chromedp.Run(tab, chromedp.Evaluate[any](`document.querySelector("input[name=password]") || document.querySelector("form button")?.click()`))
	}
	chrome.Until(t, tab, `location.pathname.startsWith("/app") && globalThis.curfew?.state === "armed"`)
}

// A7 in a real browser: the question is answered with the keyboard, keeps the fragment, and reaches the session.
// B4: the scope of the page's address reaches the sign-out that the agent posts, and what is cleared does not stop it.
func TestSignInAndOutInABrowser(t *testing.T) {
	w := newWorld(t, options{login: login.Options{AskStay: true}, register: withAgent(t),
		env: func(e *settings.Environment) { e.SignOut.Clear = []string{"cookies", "storage"} }})
	browser := chrome.New(t)
	tab := chrome.Tab(t, browser)
	w.signInWith(t, tab, oidctest.Alice(), func() {
		chrome.Go(t, tab, w.clinic.Origin+"/.curfew/sign-in?return_to=/app%3Fq%3D1#note")
		if err := chromedp.Do(tab, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)); err != nil {
			t.Fatal(err)
		}
	})
	if at := chrome.Eval[string](t, tab, `location.pathname + location.search + location.hash`); at != "/app?q=1#note" {
		t.Errorf("the sign-in ended at %s", at)
	}
	if s := w.sessions(w.clinic, "sub-alice"); len(s) != 1 || !s[0].Check.Stay {
		t.Errorf("sessions %+v", s)
	}

	w.pass(2 * time.Second)
	other := w.person(w.clinic, oidctest.Alice())
	address, _ := other.authorize(other.begin(url.Values{"return_to": {"/"}}))
	other.Get(address)
	other.checkIs("sub-alice")
	if err := chromedp.Do(tab, chromedp.Click("#here")); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, `location.pathname.endsWith("/signed-out") || document.querySelector("form")`)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && !chrome.Eval[bool](t, tab, `location.pathname.endsWith("/signed-out")`); time.Sleep(50 * time.Millisecond) {
		_, _ = chromedp.Run(tab, chromedp.Evaluate[any](`document.querySelector("form button[name=logout], form button, form input[type=submit]")?.click()`))
	}
	chrome.Until(t, tab, `document.querySelector("h1")?.textContent === "You have been signed out"`)
	other.checkIs("sub-alice")
	ended := 0
	for _, s := range w.sessions(w.clinic, "sub-alice") {
		if s.State.Reason == "signed_out" {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("%d sessions were signed out", ended)
	}
	if says := chrome.Eval[string](t, tab, `document.querySelector("main").innerText`); strings.Contains(says, "in this browser") {
		t.Errorf("the cookies were not cleared: %s", says)
	}
}
