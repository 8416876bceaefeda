package axe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/chrome/axe"
)

// policy is the one that the agent must work under.
const policy = `default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`

// shadow is a script that puts a heading and a button without a name into a shadow tree, and the tree into the page.
const shadow = `{
	const host = document.createElement("x-host"), button = document.createElement("button");
	host.attachShadow({mode: "open"}).append(button);
	document.querySelector("main").append(host);
	globalThis.fix = () => button.textContent = "Stay";
}`

// open shows a page under the policy and also returns its console.
func open(t *testing.T, body, script string) (context.Context, *chrome.Console) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		if r.URL.Path == "/script.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(script))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>` + body + `</main><script src="/script.js"></script>`))
	}))
	t.Cleanup(server.Close)
	tab := chrome.Tab(t, chrome.New(t))
	console := chrome.Listen(t, tab)
	chrome.Go(t, tab, server.URL)
	return tab, console
}

// What is wrong inside a shadow tree is found under the strictest policy, and the page notices nothing.
func TestFindsWhatIsInAShadowTree(t *testing.T) {
	tab, console := open(t, "", shadow)
	violations, _ := axe.Run(t, tab)
	if len(violations) != 1 || violations[0].Rule != "button-name" || violations[0].Nodes[0].Where != "x-host >>> button" {
		t.Errorf("a button without a name in a shadow tree: axe found %v", violations)
	}
	if chrome.Eval[bool](t, tab, `"axe" in globalThis`) {
		t.Error("the page sees axe")
	}
	chrome.Eval[any](t, tab, `void fix()`)
	axe.Check(t, tab)
	if errors := console.Errors(); len(errors) > 0 {
		t.Errorf("axe and the policy: %v", errors)
	}
}

// recorder hears what Check says instead of failing.
type recorder struct {
	testing.TB
	errors, logs []string
}

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprintln(args...)) }
func (r *recorder) Log(args ...any)   { r.logs = append(r.logs, fmt.Sprintln(args...)) }

// Every violation fails the test and says where it is; what axe cannot judge is logged.
func TestCheckFailsWithAllThereIs(t *testing.T) {
	tab, _ := open(t, `<img src="data:,"><a href="#a" id="link"></a><div role="alertdialog">no name</div>
		<div style="background: linear-gradient(red, blue)"><p>on a picture</p></div>`, ``)
	// The policy refuses the style attribute; setting it by script is allowed.
	chrome.Eval[any](t, tab, `void (document.querySelector("p").parentNode.style.background = "linear-gradient(#777, #888)")`)
	r := &recorder{TB: t}
	axe.Check(r, tab)
	said := strings.Join(r.errors, "")
	for _, want := range []string{"image-alt", "link-name", "#link", "aria-dialog-name"} {
		if !strings.Contains(said, want) {
			t.Errorf("%s is not in what Check says:\n%s", want, said)
		}
	}
	if logs := strings.Join(r.logs, ""); !strings.Contains(logs, "color-contrast") || strings.Contains(said, "color-contrast") {
		t.Errorf("contrast that axe cannot judge: logged %q, said %q", logs, said)
	}
}

func TestOptions(t *testing.T) {
	tab, _ := open(t, `<p id="fine">fine</p><section><img src="data:,"></section>`, ``)
	for _, c := range []struct {
		name    string
		options []axe.Option
		want    int
	}{
		{"all", nil, 1},
		{"without the rule", []axe.Option{axe.Without("image-alt")}, 0},
		{"without another", []axe.Option{axe.Without("button-name")}, 1},
		{"within it", []axe.Option{axe.Within("section")}, 1},
		{"beside it", []axe.Option{axe.Within("#fine")}, 0},
	} {
		if found, _ := axe.Run(t, tab, c.options...); len(found) != c.want {
			t.Errorf("%s: axe found %v, want %d", c.name, found, c.want)
		}
	}
}

func TestWhileTimeStandsStill(t *testing.T) {
	tab, _ := open(t, "", shadow)
	chrome.StopTime(t, tab)
	if found, _ := axe.Run(t, tab); len(found) != 1 {
		t.Errorf("axe found %v, want the button without a name", found)
	}
}
