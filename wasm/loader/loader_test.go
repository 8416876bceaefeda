package loader_test

import (
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// D5, B3: under the strictest policy the agent makes a key, signs in, comes back, and guards; and it leaves nothing in the page
// but its one name.
func TestArmsUnderTheStrictPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, console := open(t, s, chrome.New(t))
	if got := chrome.Eval[string](t, tab, `location.search`); got != "?a=1&b=%C3%A6" {
		t.Errorf("came back to search %q", got)
	}
	for _, e := range console.Errors() {
		// The first request of every page asks for a nonce, which the browser logs as a failed load.
		if e.Text != "Failed to load resource: the server responded with a status of 401 (Unauthorized)" {
			t.Error("on the console:", e)
		}
	}
	for _, name := range []string{"Go", "fs", "process", "path"} {
		if chrome.Eval[bool](t, tab, `"`+name+`" in globalThis`) {
			t.Errorf("the page's global object got %s", name)
		}
	}
	if got := chrome.Eval[string](t, tab, `Object.getOwnPropertyNames(curfew).join()`); got != "state,stay,signOut,markUnsaved" {
		t.Errorf("curfew has %s, want what curfew.d.ts says", got)
	}
}

// A7: whether the person wants to stay signed in goes along with the proof of the key; only "1" is a yes.
func TestA7_StayIsPosted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browser := chrome.New(t)
	for query, want := range map[string]string{"": "", "?stay=1": "1", "?stay=0": "", "?stay=": ""} {
		tab := chrome.Tab(t, browser)
		chrome.Go(t, tab, s.URL+"/.curfew/sign-in"+query)
		chrome.Until(t, tab, `location.pathname === "/back"`)
		s.mu.Lock()
		form := s.form
		s.mu.Unlock()
		if got := form.Get(wire.FieldStay); got != want || form.Has(wire.FieldStay) != (want != "") {
			t.Errorf("%q: the form has stay=%q, want %q: %v", query, got, want, form)
		}
		if got := form.Get(wire.FieldReturnTo); got != "/back?a=1&b=%C3%A6" {
			t.Errorf("%q: the form has return_to=%q", query, got)
		}
	}
}

// D5: whatever keeps the agent from running covers the page and says why on the console.
func TestD5_FailureCoversThePage(t *testing.T) {
	t.Parallel()
	const withoutWasm = "script-src 'self'; connect-src 'self'"
	browser := chrome.New(t)
	for name, c := range map[string]struct {
		break_  func(*site)
		script  string // runs before the page's scripts
		console string // what the console must say
		shown   string // what the person must read
	}{
		"policy forbids WebAssembly": {func(s *site) { s.policy = withoutWasm }, "", "'wasm-unsafe-eval'", "Try again"},
		"policy forbids fetch":       {func(s *site) { s.policy = "script-src 'self' 'wasm-unsafe-eval'; connect-src 'none'" }, "", "connect-src", "connection"},
		"changed bytes":              {func(s *site) { s.damage = true }, "", "(integrity)", "Try again"},
		"no IndexedDB":               {nil, `delete Window.prototype.indexedDB; delete globalThis.indexedDB`, "IndexedDB is missing", "private browsing"},
		"IndexedDB that throws":      {nil, `IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError") }`, "blocked", "private browsing"},
		"IndexedDB that refuses": {nil, `{ const open = IDBFactory.prototype.open; IDBFactory.prototype.open = function () { return open.call(this, "x", 1) }; ` +
			`IDBDatabase.prototype.createObjectStore = () => { throw new Error("full") } }`, "(storage)", "private browsing"},
		"no WebCrypto":      {nil, `Object.defineProperty(Crypto.prototype, "subtle", { value: undefined })`, "WebCrypto is missing", "Try again"},
		"no WebAssembly":    {nil, `delete globalThis.WebAssembly`, "no WebAssembly", "too old"},
		"a clock that lies": {nil, `{ const now = Date.now; let asked = 0; Date.now = () => asked++ ? "noon" : now() }`, "reading the clock", "Try again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if c.break_ != nil {
				s.set(c.break_)
			}
			tab := chrome.Tab(t, browser)
			console := chrome.Listen(t, tab)
			if c.script != "" {
				chrome.BeforeLoad(t, tab, c.script)
			}
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, `globalThis.curfew?.state === "failed"`)
			if !console.Has("error", c.console) {
				t.Errorf("the console does not say %q: %+v", c.console, console.Entries())
			}
			wantCovered(t, tab)
			if shown := chrome.Eval[string](t, tab, inRoot(`root.querySelector("dialog").innerText`)); !contains(shown, c.shown) {
				t.Errorf("the cover says %q, want something about %q", shown, c.shown)
			}
			shot(t, tab, "failed "+name)
		})
	}
}

// D5: an agent that dies while the page is open covers it.
func TestD5_CrashCoversThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 300 })
	tab, console := open(t, s, chrome.New(t))
	chrome.Eval[any](t, tab, `void (Reflect.get = () => { throw new Error("broken from outside") })`)
	chrome.Until(t, tab, `curfew.state === "failed"`)
	wantCovered(t, tab)
	if !console.Has("error", "the agent stopped") || !console.Has("error", "broken from outside") {
		t.Errorf("console = %+v", console.Entries())
	}
	// What is left of it must not go on: no timer, no second failure.
	if n := len(console.Errors()); chrome.Eval[bool](t, tab, `new Promise(done => setTimeout(done, 1000, true))`) && len(console.Errors()) != n {
		t.Errorf("it went on: %+v", console.Errors()[n:])
	}
}

// The agent covers the page at the end of the session, and the button leads to the sign-in.
func TestEndCoversThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.ended = wire.Inactivity })
	tab := chrome.Tab(t, chrome.New(t))
	chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
	chrome.Until(t, tab, `globalThis.curfew?.state === "ended"`)
	wantCovered(t, tab)
	shot(t, tab, "ended")
	s.set(func(s *site) { s.ended = "" })
	click(t, tab, inRoot(`root.querySelector("button")`))
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed" && location.pathname === "/back"`)
}
