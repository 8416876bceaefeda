package firefox_test

import (
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/firefox"
	"github.com/curfew-project/curfew/wasm/needs"
)

// serve shows one page, under the policy that the agent must work under but for inline scripts. It refuses the browser's own wish for an icon.
func serve(t *testing.T, page string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", `default-src 'none'; script-src 'unsafe-inline'; require-trusted-types-for 'script'; trusted-types 'none'`)
		_, _ = w.Write([]byte("<!doctype html>" + page))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The helper is only worth something if it sees what a page does: this page's title, its exception and its console.
func TestBrowserSeesThePage(t *testing.T) {
	url := serve(t, `<title>seen</title><script>console.error("spoken"); console.warn("of"); before()</script>`)
	browser := firefox.New(t)
	tab, other := firefox.Tab(t, browser), firefox.Window(t, browser)
	console, others := firefox.Listen(t, tab), firefox.Listen(t, other)
	firefox.BeforeLoad(t, tab, `globalThis.early = true`)
	firefox.Go(t, tab, url)
	firefox.Until(t, tab, `document.title === "seen"`)
	if !firefox.Eval[bool](t, tab, `early && isSecureContext && !navigator.userAgent.includes("Chrome")`) {
		t.Error("the early script did not run, or the page is no secure context")
	}
	if !console.Has("error", "spoken") || !console.Has("warning", "of") || !console.Has("exception", "before is not defined") ||
		!console.Has("error", "img-src") || len(console.Errors()) != 3 {
		t.Errorf("console = %+v", console.Entries())
	}
	if len(others.Entries()) > 0 {
		t.Errorf("the other tab's console = %+v", others.Entries())
	}
	path := filepath.Join(t.TempDir(), "pictures", "page.png")
	firefox.Size(t, tab, 320, 256)
	firefox.Screenshot(t, tab, path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if picture, err := png.DecodeConfig(file); err != nil || picture.Width != 320 || picture.Height != 256 {
		t.Errorf("the picture is %+v, %v, want 320 by 256", picture, err)
	}
}

// Values of every kind that JSON has come back as they are; a promise is awaited; what throws or has no form in JSON fails the test.
func TestEval(t *testing.T) {
	tab := firefox.Tab(t, firefox.New(t))
	firefox.Go(t, tab, serve(t, `<title>values</title>`))
	got := firefox.Eval[any](t, tab, `Promise.resolve({a: [1, -2.5, "x", true, null, undefined, -0, NaN], b: {c: {}, d: undefined}, e: new Date(0), f: []})`)
	want := map[string]any{"a": []any{1.0, -2.5, "x", true, nil, nil, 0.0, nil}, "b": map[string]any{"c": map[string]any{}},
		"e": "1970-01-01T00:00:00.000Z", "f": []any{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := firefox.Eval[int64](t, tab, `Number.MAX_SAFE_INTEGER`); got != 1<<53-1 {
		t.Errorf("a large number came as %d", got)
	}
	if got := firefox.Eval[string](t, tab, `const several = 1; let text = "statements" + several; text`); got != "statements1" {
		t.Errorf("statements came to %q", got)
	}
	for expression, why := range map[string]string{
		`nowhere`:                           "nowhere is not defined",
		`Promise.reject(new Error("late"))`: "late",
		`(() => {})`:                        "cannot be sent",
		`const o = {}; o.o = o; o`:          "cannot be sent",
	} {
		r := &recorder{TB: t}
		r.run(func() { firefox.Eval[any](r, tab, expression) })
		if !strings.Contains(r.fatal, why) {
			t.Errorf("%s: the test was told %q, want %q", expression, r.fatal, why)
		}
	}
}

// What the helpers do is trusted, and lands where it should: in a shadow tree too.
func TestInputIsTrusted(t *testing.T) {
	tab := firefox.Tab(t, firefox.New(t))
	firefox.Go(t, tab, serve(t, `<title>input</title><x-host></x-host><script>
		const shadow = document.querySelector("x-host").attachShadow({mode: "open"});
		const [button, field] = [document.createElement("button"), document.createElement("input")];
		shadow.append(button, field);
		button.append("press");
		document.body.append(Object.assign(document.createElement("pre"), {textContent: "\n".repeat(300)}));
		globalThis.heard = {};
		for (const type of ["mousemove", "click", "pointerdown", "keydown", "wheel", "scroll", "touchstart"])
			addEventListener(type, (event) => {
				if (!event.isTrusted) heard.untrusted = type;
				heard[type] = (heard[type] ?? 0) + 1;
				if (type === "click") heard.clicked = event.composedPath()[0].localName;
				if (type === "pointerdown") heard.pointer = event.pointerType;
			}, {capture: true, passive: true});
	</script>`))
	heard := func(expression string) {
		t.Helper()
		firefox.Until(t, tab, `!heard.untrusted && heard.`+expression)
	}
	firefox.Move(t, tab, 100, 100)
	heard(`mousemove`)
	firefox.ClickOn(t, tab, `shadow.querySelector("button")`)
	heard(`clicked === "button"`)
	heard(`pointer === "mouse"`)
	firefox.Press(t, tab, firefox.TabKey)
	firefox.Type(t, tab, "ælfric")
	heard(`keydown === 7`)
	if got := firefox.Eval[string](t, tab, `field.value`); got != "ælfric" {
		t.Errorf("the field has %q", got)
	}
	firefox.Press(t, tab, firefox.Shift, firefox.TabKey)
	if got := firefox.Eval[string](t, tab, `shadow.activeElement.localName`); got != "button" {
		t.Errorf("the focus went back to %q", got)
	}
	firefox.Wheel(t, tab, 100, 100, 200)
	heard(`wheel && heard.scroll && scrollY > 0`)
	firefox.Touch(t, tab, 100, 200)
	heard(`pointer === "touch"`)
}

func TestTabsAndWindows(t *testing.T) {
	url := serve(t, `<title>tabs</title><script>navigator.locks.request(location.pathname, () => new Promise(() => {}))</script>`)
	browser := firefox.New(t)
	first := firefox.Tab(t, browser)
	firefox.Go(t, first, url+"/first")
	beside := firefox.Tab(t, browser)
	firefox.Go(t, beside, url+"/beside")
	firefox.Until(t, first, `document.visibilityState === "hidden"`)
	window := firefox.Window(t, browser)
	firefox.Go(t, window, url+"/window")
	firefox.Show(t, first)
	firefox.Until(t, beside, `document.visibilityState === "hidden"`)
	firefox.Until(t, window, `document.visibilityState === "visible"`)

	firefox.Minimize(t, window)
	if seen := firefox.Eval[string](t, first, `document.visibilityState`); seen != "visible" {
		t.Errorf("with the other window minimized, the first tab is %s", seen)
	}
	firefox.Restore(t, window)

	const locks = `navigator.locks.query().then((all) => all.held.map((lock) => lock.name).sort().join(" "))`
	if got := firefox.Eval[string](t, first, locks); got != "/beside /first /window" {
		t.Errorf("%q hold locks", got)
	}
	firefox.Close(t, beside)
	needs.UntilEqual(t, "who holds locks after a tab was closed", "/first /window", func() string { return firefox.Eval[string](t, first, locks) })

	firefox.Eval[any](t, first, `void (globalThis.old = true)`)
	firefox.Reload(t, first)
	if firefox.Eval[bool](t, first, `globalThis.old === true`) {
		t.Error("the page is the old one after a reload")
	}
	firefox.Go(t, first, url+"/next")
	firefox.Back(t, first, 1)
	firefox.Until(t, first, `location.pathname === "/first"`)
}

func TestOpened(t *testing.T) {
	url := serve(t, `<title>opener</title>`)
	browser := firefox.New(t)
	tab := firefox.Tab(t, browser)
	firefox.Go(t, tab, url)
	before := firefox.Count(t, browser)
	opened := firefox.Opened(t, browser, func() { firefox.Eval[any](t, tab, `void open("/opened", "", "width=300,height=300")`) })
	firefox.Until(t, opened, `location.pathname === "/opened"`)
	if n := firefox.Count(t, browser); n != before+1 {
		t.Errorf("the browser has %d tabs, want %d", n, before+1)
	}
	firefox.Close(t, opened)
	if n := firefox.Count(t, browser); n != before {
		t.Errorf("the browser has %d tabs after one was closed, want %d", n, before)
	}
}

func TestPreferencesAreSet(t *testing.T) {
	browser := firefox.New(t, firefox.Pref{Name: "general.useragent.override", Value: `a "quoted" name`}, firefox.Pref{Name: "dom.webdriver.enabled", Value: true},
		firefox.Pref{Name: "ui.prefersReducedMotion", Value: 1})
	tab := firefox.Tab(t, browser)
	firefox.Go(t, tab, serve(t, `<title>prefs</title>`))
	if !firefox.Eval[bool](t, tab, `navigator.userAgent === 'a "quoted" name' && matchMedia("(prefers-reduced-motion: reduce)").matches`) {
		t.Error("the page does not see the preferences")
	}
}

// A missing browser fails a test, and skips it only when that is asked for.
func TestMissingBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range []struct{ skip, want string }{{"", "fatal"}, {"0", "fatal"}, {"1", "skip"}} {
		t.Setenv(needs.SkipMissing, c.skip)
		r := &recorder{TB: t}
		r.run(func() { firefox.New(r) })
		if got := map[bool]string{true: "fatal"}[r.fatal != ""] + map[bool]string{true: "skip"}[r.skipped != ""]; got != c.want {
			t.Errorf("%s=%s: %q, want %q", needs.SkipMissing, c.skip, got, c.want)
		}
	}
}
