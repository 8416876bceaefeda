package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/examples/inprocess/inprocesstest"
	"github.com/curfew-project/curfew/wasm/chrome"
)

func start(t *testing.T) *example {
	t.Helper()
	var e *example
	inprocesstest.Start(t, time.Now, slog.New(slog.DiscardHandler), nil, func(o inprocess.Options) (_ inprocess.Example, err error) {
		if e, err = newExample(context.Background(), o); err != nil {
			return inprocess.Example{}, err
		}
		return e.Example, nil
	})
	return e
}

const (
	warned  = `document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog[part=dialog][open]")`
	covered = `document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog[part=cover][open]")`
	notes   = `frames[0]`
	lines   = `frames[0].frames[0]`
	chart   = `frames[2]`
)

// signIn signs in with the password form and ends on the case.
func (e *example) signIn(t *testing.T, tab context.Context) {
	t.Helper()
	chrome.Go(t, tab, e.own+"/")
	chrome.Until(t, tab, `document.querySelector("input[type=password]")`)
	if err := chromedp.Do(tab,
		chromedp.SetValue("input[name=username]", user.Name),
		chromedp.SetValue("input[type=password]", user.Password),
		chromedp.Click("form button"),
	); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, `location.origin === "`+e.own+`" && curfew?.state === "armed" && `+lines+`.curfew?.state === "armed"`)
}

// shot takes a picture into the folder CURFEW_SCREENSHOTS when somebody wants to see it.
func shot(t *testing.T, tab context.Context, name string) {
	if dir := os.Getenv("CURFEW_SCREENSHOTS"); dir != "" {
		chrome.Screenshot(t, tab, filepath.Join(dir, name+".png"))
	}
}

// act clicks in a frame, as a person does, every two seconds until the time is up or, with stop, something is seen.
func act(t *testing.T, tab context.Context, frame string, length time.Duration, stop string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < length; time.Sleep(2 * time.Second) {
		at := chrome.Eval[[]float64](t, tab, `(() => { let x = 60, y = 20; for (const f of `+frame+`) { const r = f.getBoundingClientRect(); x += r.x; y += r.y } return [x, y] })()`)
		if err := chromedp.Do(tab, chromedp.MouseClickXY(at[0], at[1])); err != nil {
			t.Fatal(err)
		}
		if stop != "" && chrome.Eval[bool](t, tab, `!!(`+stop+`)`) {
			return
		}
	}
}

// A10: the whole example as a visitor sees it, with the real verifier and provider.
func TestA10_Example(t *testing.T) {
	e := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	e.signIn(t, tab)
	chrome.Until(t, tab, `document.querySelector("[data-status=armed]") && `+notes+`.document.querySelector("[data-status=armed]") && `+lines+`.document.querySelector("[data-status=armed]")`)
	chrome.Until(t, tab, chart+`.document.querySelector("[data-status=none]")?.textContent.startsWith("Neither watched nor protected")`)
	shot(t, tab, "page")

	first := `document.querySelector("iframe")`
	for _, frame := range []struct{ name, path string }{
		{"the web resource in a web resource", `[` + first + `, ` + first + `.contentDocument.querySelector("iframe")]`},
		{"the frame of another origin", `[document.querySelectorAll("iframe")[1]]`},
	} {
		act(t, tab, frame.path, 24*time.Second, warned)
		if chrome.Eval[bool](t, tab, `!!(`+warned+`)`) {
			t.Fatal("a person is warned who is active in", frame.name)
		}
	}

	// The warning comes although somebody is active, and covers the frame in which they are.
	act(t, tab, `[document.querySelectorAll("iframe")[2]]`, 30*time.Second, warned)
	chrome.Until(t, tab, warned)
	shot(t, tab, "warning")
	if chrome.Eval[bool](t, tab, `!!(`+notes+`.document.querySelector("curfew-agent") || `+chart+`.document.querySelector("curfew-agent"))`) {
		t.Error("a frame has a dialog of its own")
	}
	chrome.Until(t, tab, covered)
	shot(t, tab, "ended")
	chrome.Until(t, tab, lines+`.curfew.state === "ended"`)
	// Nothing more comes of the application: its frames are guarded as its pages are.
	if got := chrome.Eval[int](t, tab, `fetch("/WebResources/notes/form.html", { redirect: "manual" }).then((answer) => answer.status)`); got != http.StatusUnauthorized {
		t.Errorf("a web resource answers %d after the end", got)
	}
}

// The script is served by the name of web resources at any depth, for each origin with its own settings, and to nobody without it.
func TestA10_ScriptAtAnyDepth(t *testing.T) {
	e := start(t)
	for _, path := range []string{"/ClientGlobalContext.js.aspx", "/WebResources/ClientGlobalContext.js.aspx", "/a/b/c/d/ClientGlobalContext.js.aspx"} {
		answer, err := http.Get(e.own + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/javascript; charset=utf-8" {
			t.Errorf("%s: %d %s", path, answer.StatusCode, kind)
		}
	}
	for url, want := range map[string]int{e.own + "/": 401, e.own + "/WebResources/legacy/chart.html": 401, e.labs + "/hours": 200, e.labs + "/": 404} {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, answer.StatusCode, want)
		}
	}
}
