package loader_test

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// noteViolations keeps every violation of the page's policy across its navigations.
const noteViolations = `addEventListener("securitypolicyviolation", (event) => {
	localStorage.violations = (localStorage.violations ?? "") + event.violatedDirective + " " + event.blockedURI + " " + event.sample + "\n";
}, true)`

// wantNoViolation wants that the policy was never violated, as the page and the console have it.
func wantNoViolation(t testing.TB, tab context.Context, console *chrome.Console, when string) {
	t.Helper()
	if found := chrome.Eval[string](t, tab, `localStorage.violations ?? ""`); found != "" {
		t.Errorf("%s the policy was violated: %s", when, found)
	}
	for _, entry := range console.Entries() {
		if strings.Contains(entry.Text, "Content Security Policy") || strings.Contains(entry.Text, "Trusted") || entry.Level == "exception" {
			t.Errorf("%s on the console: %+v", when, entry)
		}
	}
}

// The strict policy, with Trusted Types required and no reports to anywhere, is violated in no state: while a page arms, warns, is
// covered, opens the window to sign in, is signed in there, comes back, signs out, and fails.
func TestStrictPolicyIsNeverViolated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	s.set(func(s *site) { s.body, s.interval = work, 300 })
	tab := chrome.Tab(t, browser)
	console := chrome.Listen(t, tab)
	chrome.BeforeLoad(t, tab, noteViolations)
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `location.pathname === "/back"`)
	knows(t, tab)
	wantNoViolation(t, tab, console, "arming")

	s.warnInactivity(100_000)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	wantNoViolation(t, tab, console, "warning")
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, pageIsSeen)

	chrome.Eval[any](t, tab, typeWork)
	s.set(func(s *site) { s.ended, s.goTo = wire.EndedByAdmin, s.URL+"/bye" })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	wantNoViolation(t, tab, console, "covering")
	window := chrome.Opened(t, tab, func() { click(t, tab, inRoot(`root.querySelector("[part=cover] button")`)) })
	inWindow := chrome.Listen(t, window)
	chrome.Until(t, window, provider)
	s.comesBack("s2", "u1")
	chrome.Eval[any](t, window, `void (location.href = "`+s.URL+`/.curfew/signed-in")`)
	chrome.Until(t, tab, workIsKept+" && "+pageIsSeen)
	wantNoViolation(t, tab, console, "after signing in in a window")
	wantNoViolation(t, tab, inWindow, "in the window")

	chrome.Eval[bool](t, tab, `curfew.signOut()`)
	chrome.Until(t, tab, `location.pathname === "/bye"`)
	wantNoViolation(t, tab, console, "signing out")

	s.set(func(s *site) { s.damage = true })
	call(t, tab, network.ClearBrowserCache, cdp.Empty{})
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `globalThis.curfew?.state === "failed"`)
	wantCovered(t, tab)
	wantNoViolation(t, tab, console, "failing")

	// What finds nothing must be able to: a violation is noted.
	chrome.Eval[any](t, tab, `void (() => { const script = document.createElement("script"); try { script.text = "1" } catch {} })()`)
	chrome.Until(t, tab, `localStorage.violations?.includes("require-trusted-types-for")`)
}

// The page's global object gets one name and nothing else, its document and its storage none.
func TestOneGlobalName(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	const names = `[Object.getOwnPropertyNames(globalThis), Object.getOwnPropertySymbols(globalThis).map(String), Object.getOwnPropertyNames(document),
		Object.getOwnPropertyNames(document.documentElement), Object.getOwnPropertyNames(navigator)].map((list) => list.filter((name) => !/^\d+$/.test(name)))`
	for _, path := range []string{"/", "/WebResources/page"} {
		chrome.Go(t, tab, s.URL+path)
		chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
		with := chrome.Eval[[][]string](t, tab, names)
		chrome.Go(t, tab, s.URL+"/bye")
		without := chrome.Eval[[][]string](t, tab, names)
		for i := range with {
			more := map[string]bool{}
			for _, name := range with[i] {
				more[name] = true
			}
			for _, name := range without[i] {
				delete(more, name)
			}
			if i == 0 {
				if !more["curfew"] {
					t.Errorf("%s: there is no curfew", path)
				}
				delete(more, "curfew")
			}
			if len(more) > 0 {
				t.Errorf("%s: the page got %v", path, more)
			}
		}
	}
}

// A page's own variable of that name does not keep the agent away.
func TestD5_PageWithAVariableNamedCurfewIsGuarded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	for name, script := range map[string]string{
		"a variable": `var curfew = { state: "armed" }`,
		"an element": `addEventListener("DOMContentLoaded", () => document.body.append(Object.assign(document.createElement("p"), { id: "curfew" })))`,
	} {
		t.Run(name, func(t *testing.T) {
			chrome.BeforeLoad(t, tab, script)
			before := len(s.allBeats())
			chrome.Go(t, tab, s.URL)
			untilBeats(t, s, before+1)
			chrome.Until(t, tab, `typeof curfew.stay === "function" && Object.isFrozen(curfew) && curfew.state === "armed"`)
		})
	}
}

// Navigation that replaces the body, merges the head and runs the script again finds the page guarded by the same agent; the new
// element has the API, and the warning still works.
func TestTurbolinksNavigation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 300 })
	tab, console := open(t, s, chrome.New(t))
	knows(t, tab)
	const visit = `(async () => {
		const next = new DOMParser().parseFromString(trusted.createHTML(await (await fetch("/next")).text()), "text/html");
		const old = document.querySelector("script");
		const script = document.createElement("script");
		for (const { name, value } of next.querySelector("script").attributes) if (name !== "src") script.setAttribute(name, value);
		script.src = trusted.createScriptURL(next.querySelector("script").getAttribute("src"));
		old.remove();
		document.documentElement.replaceChild(document.adoptNode(next.body), document.body);
		history.pushState({}, "", "/next?page=" + Math.random());
		await new Promise((done) => { script.onload = done; document.head.append(script); });
		return script.state === "armed" && script.stay === curfew.stay && script.signOut === curfew.signOut;
	})()`
	chrome.Eval[any](t, tab, `void (globalThis.trusted = trustedTypes.createPolicy("turbo", { createHTML: (text) => text, createScriptURL: (text) => text }))`)
	for range 3 {
		if !chrome.Eval[bool](t, tab, visit) {
			t.Fatal("the new element does not have the page's API")
		}
	}
	chrome.Eval[any](t, tab, `void `+ownScript+`.markUnsaved(true)`)
	s.warnInactivity(100_000)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog").open`))
	if body := chrome.Eval[string](t, tab, inRoot(`root.getElementById("body").textContent`)); !contains(body, "unsaved work") {
		t.Errorf("what was marked on the new element is not in the dialog: %q", body)
	}
	press(t, tab, kb.Escape)
	chrome.Until(t, tab, pageIsSeen)
	if n := chrome.Eval[int](t, tab, `performance.getEntriesByType("resource").filter((e) => e.name.endsWith(".wasm")).length`); n != 1 {
		t.Errorf("%d agents were loaded, want one", n)
	}
	for _, entry := range console.Errors() {
		if entry.Level == "exception" {
			t.Errorf("on the console: %+v", entry)
		}
	}
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	wantCovered(t, tab)
}

// In a single-page application the address to come back to is the one that the page shows when it is left.
func TestSinglePageRouter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked := make(chan string, 1)
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.curfew/sign-in" && r.Method == http.MethodGet && r.URL.RawQuery != "" {
			asked <- r.URL.RawQuery
		}
		inner.ServeHTTP(w, r)
	})
	s.set(func(s *site) { s.interval = 300 })
	tab, _ := open(t, s, chrome.New(t))
	knows(t, tab)
	chrome.Eval[any](t, tab, `void (history.pushState({}, "", "/patients/7?tab=notes#last"), history.replaceState({}, "", "/patients/8?tab=a&b=%C3%A6#end"))`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended"`)
	click(t, tab, inRoot(`root.querySelector("[part=cover] button")`))
	select {
	case got := <-asked:
		if got != "return_to=%2Fpatients%2F8%3Ftab%3Da%26b%3D%25C3%25A6%23end" {
			t.Errorf("the sign-in was asked with %q", got)
		}
	case <-time.After(needs.Patience):
		t.Fatal("the page did not go to the sign-in")
	}
}

// Where a page is only rendered there is no document, and perhaps nothing else that a browser has: the script does nothing.
func TestServerRenderingDoesNothing(t *testing.T) {
	t.Parallel()
	d, err := build()
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err) // the tests of the declarations need it too; make tools installs it
	}
	const harness = `const vm = require("vm"), code = require("fs").readFileSync(0, "utf8");
	const before = Reflect.ownKeys(globalThis).length;
	let touched = [];
	const watched = (name) => new Proxy(function () {}, {
		get: (_, key) => (touched.push(name + "." + String(key)), undefined), apply: () => { touched.push(name + "()"); }, construct: () => (touched.push("new " + name), {}),
	});
	vm.runInThisContext(code);
	if (Reflect.ownKeys(globalThis).length !== before) console.log("it left something in Node's global object");
	const scopes = { "an empty global": {}, "a worker": { self: {}, addEventListener: watched("addEventListener"), fetch: watched("fetch"), setTimeout: watched("setTimeout"), indexedDB: watched("indexedDB"), WebAssembly: watched("WebAssembly") } };
	for (const [name, scope] of Object.entries(scopes)) {
		const keys = Reflect.ownKeys(scope).length;
		try { vm.runInNewContext(code, scope); } catch (error) { console.log(name + ": " + error); }
		if (Reflect.ownKeys(scope).length !== keys || touched.length) console.log(name + ": it did something: " + Reflect.ownKeys(scope) + "; " + touched);
	}`
	command := exec.Command(node, "-e", harness)
	command.Stdin = strings.NewReader(string(d.Loader()))
	if said, err := command.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("%v: %s", err, said)
	}
}
