package loader_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// What technical words a person would not know; none may be on the cover.
var technical = []string{"wasm", "assembly", "indexeddb", "crypto", "csp", "policy", "agent", "script", "console", "error", "integrity", "http"}

// wantFailed wants the page covered for good, words for people on the cover, and the cause on the console.
func wantFailed(t testing.TB, tab context.Context, console *chrome.Console, kind, cause string) {
	t.Helper()
	chrome.Until(t, tab, `globalThis.curfew?.state === "failed"`)
	wantCovered(t, tab)
	shown := chrome.Eval[string](t, tab, inRoot(`root.querySelector("[part=cover]").innerText`))
	for _, word := range technical {
		if strings.Contains(strings.ToLower(shown), word) {
			t.Errorf("the cover says %q to a person: %q", word, shown)
		}
	}
	if !strings.Contains(shown, "Try again") || !strings.Contains(shown, "cannot be shown right now") {
		t.Errorf("the cover says %q", shown)
	}
	if !console.Has("error", "("+kind+")") || !console.Has("error", cause) {
		t.Errorf("the console does not say %q and %q: %+v", kind, cause, console.Entries())
	}
	// It stays covered, whatever comes.
	chrome.Eval[any](t, tab, `void (dispatchEvent(new Event("focus")), curfew.stay(), curfew.signOut())`)
	if chrome.Eval[bool](t, tab, pageIsSeen) {
		t.Error("the page is seen")
	}
}

// D5: an agent that does not arrive covers the page: its file is missing, its server is gone or hangs up, or something else comes.
func TestD5_AgentThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	hangUp := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		serve       http.HandlerFunc
		kind, cause string
	}{
		"404":     {http.NotFound, "status", "answered 404"},
		"503":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "status", "answered 503"},
		"hung up": {hangUp, "network", "could not be downloaded"},
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>Log in to the hotel's network</html>"))
		}, "integrity", "are not the ones"},
		"a false type": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/wasm") }, "integrity", "are not the ones"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.invalid/x.wasm", http.StatusFound)
		}, "network", "could not be downloaded"},
		"half of it": {half, "network", "could not be downloaded"},
		"another agent": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/wasm")
			_, _ = w.Write([]byte("\x00asm\x01\x00\x00\x00"))
		}, "integrity", "are not the ones"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			inner := s.Config.Handler
			s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, ".wasm") {
					c.serve(w, r)
					return
				}
				inner.ServeHTTP(w, r)
			})
			tab := chrome.Tab(t, browser)
			console := chrome.Listen(t, tab)
			chrome.Go(t, tab, s.URL)
			wantFailed(t, tab, console, c.kind, c.cause)
		})
	}
}

// half promises more than it sends.
func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/wasm")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte("\x00asm\x01\x00\x00\x00"))
	panic(http.ErrAbortHandler)
}

// D5: a page over plain HTTP is no secure context, so it has no WebCrypto.
func TestD5_InsecureContext(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab := chrome.Tab(t, chrome.New(t, chrome.Flag("host-resolver-rules", "MAP clinic.test 127.0.0.1")))
	console := chrome.Listen(t, tab)
	chrome.Go(t, tab, strings.Replace(s.URL, "127.0.0.1", "clinic.test", 1))
	if chrome.Eval[bool](t, tab, `isSecureContext`) {
		t.Fatal("this is a secure context")
	}
	wantFailed(t, tab, console, "crypto", "WebCrypto is missing")
}

// D5: a browser whose owner forbids sites to store anything has no place for the key.
func TestD5_StorageForbidden(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "Default"), 0o755); err != nil {
		t.Fatal(err)
	}
	// 2: block.
	preferences := `{"profile":{"default_content_setting_values":{"cookies":2}}}`
	if err := os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(preferences), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	tab := chrome.Tab(t, chrome.New(t, chrome.UserDataDir(dir)))
	console := chrome.Listen(t, tab)
	chrome.Go(t, tab, s.URL)
	if chrome.Eval[bool](t, tab, `(() => { try { return !!localStorage } catch { return false } })()`) {
		t.Fatal("this browser stores")
	}
	wantFailed(t, tab, console, "storage", "IndexedDB is missing, blocked or broken")
	if shown := chrome.Eval[string](t, tab, inRoot(`root.querySelector("[part=cover]").innerText`)); !contains(shown, "allow this site to store data") {
		t.Errorf("the cover says %q", shown)
	}
}

// hangs lets a test stop the agent from within: it is entered no more, as if it waited for ever.
const hangs = `{
	const real = WebAssembly.instantiate;
	WebAssembly.instantiate = async (...args) => {
		const instance = await real(...args);
		const exports = { ...instance.exports, resume: () => globalThis.hung || instance.exports.resume() };
		return Object.create(WebAssembly.Instance.prototype, { exports: { value: exports } });
	};
	const now = performance.now.bind(performance), start = setTimeout;
	performance.now = () => now() + (globalThis.later ?? 0);
	// A timer of its own that is due tries for ever to enter it.
	globalThis.setTimeout = (then, millis, ...rest) => start(function due() { globalThis.hung ? start(due, 50) : then(...rest) }, millis);
	globalThis.after = (millis) => new Promise((done) => start(done, millis, true));
}`

// D5: an agent that hangs is noticed by the first thing that somebody does after it should have woken: the page is covered at once, and
// says that it cannot be shown when the agent has had twenty seconds.
func TestD5_HungAgentCoversThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 1000 })
	tab, _ := open(t, s, chrome.New(t))
	chrome.BeforeLoad(t, tab, hangs)
	console := chrome.Listen(t, tab)
	chrome.Go(t, tab, s.URL)
	knows(t, tab)
	chrome.Eval[any](t, tab, `void (globalThis.hung = true)`)
	press(t, tab, "a")
	chrome.Eval[bool](t, tab, `after(300)`)
	if !chrome.Eval[bool](t, tab, pageIsSeen) {
		t.Fatal("the page was covered before the agent was late")
	}
	chrome.Eval[any](t, tab, `void (globalThis.later = 15_000)`)
	press(t, tab, "a")
	chrome.Until(t, tab, asking)
	wantCovered(t, tab)
	if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" {
		t.Errorf("the state is %q before the agent has had its time", state)
	}
	chrome.Eval[any](t, tab, `void (globalThis.later = 40_000)`)
	press(t, tab, "a")
	wantFailed(t, tab, console, "crash", "it does not answer")

	// It comes to itself: the page stays covered and says nothing more to the verifier.
	n := len(s.allBeats())
	chrome.Eval[any](t, tab, `void (globalThis.hung = false)`)
	s.warnInactivity(60_000)
	wait(t, tab, "3000")
	wantFailed(t, tab, console, "crash", "it does not answer")
	if more := len(s.allBeats()) - n; more > 0 {
		t.Errorf("an agent that was given up sent %d heartbeats", more)
	}
}
