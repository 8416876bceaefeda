package simbrowser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// stepsPage is a page that does the steps in a real browser.
const stepsPage = `<!doctype html><html lang="da"><title>Steps</title><script>
const said = [], locks = {}, controls = {}, channels = {}, sources = {};
const say = (text) => said.push(text);
for (const kind of ["pagehide", "freeze", "pageshow", "resume", "visibilitychange"]) addEventListener(kind, (event) =>
  say(kind + (event.persisted ? " persisted " : " ") + document.visibilityState), true);
const take = (name, id, options) => navigator.locks.request(name, options, (lock) => {
  say(id + " has " + lock.name);
  return new Promise((ok, no) => { locks[id] = { ok, no }; });
}).then((v) => say(id + " done " + v), (e) => say(id + " " + (e.name ?? e)));
const control = (id) => (controls[id] = new AbortController()).signal;
const verbs = {
  lock: (name, id) => take(name, id, { signal: control(id) }),
  steal: (name, id) => take(name, id, { steal: true }),
  both: (name, id) => take(name, id, { steal: true, signal: control(id) }),
  release: (id) => locks[id] ? locks[id].ok(id) : say("not held"),
  fail: (id) => locks[id].no("failed"),
  abort: (id) => { controls[id].abort(); queueMicrotask(() => say("after abort")); },
  listen: (id, name) => { (channels[id] = new BroadcastChannel(name)).onmessage = (e) => say(id + ": " + e.data); },
  post: (id, text) => { try { channels[id].postMessage(text); } catch (e) { say(e.name); } },
  close: (id) => channels[id].close(),
  store: (name, value) => localStorage.setItem(name, value),
  read: (name) => say("read " + localStorage.getItem(name)),
  drop: (name) => localStorage.removeItem(name),
  title: (text) => { document.title = text; say([document.title, document.documentElement.lang, document.visibilityState].join(" ")); },
  stream: (id, path) => {
    const s = sources[id] = new EventSource(path);
    s.onopen = () => say(id + " open " + s.readyState);
    s.onerror = () => say(id + " error " + s.readyState);
    s.onmessage = (e) => say(id + " message " + JSON.stringify(e.data));
    s.addEventListener("ended", (e) => say(id + " ended " + e.data + " " + e.lastEventId));
  },
  shut: (id) => { sources[id].close(); say(id + " " + sources[id].readyState); },
  later: (ms, text) => { setTimeout(() => say(text), ms); },
};
</script>`

// settling is how long a step takes at least. Where the machine is too busy for that, more is tried.
const settling = 120 * time.Millisecond

// chromium plays steps in a real browser.
type chromium struct {
	testing.TB
	url     string
	browser context.Context
	tabs    map[string]context.Context
	mute    map[string]bool // frozen or gone: nobody asks them
	streams *streamer
	patient time.Duration
}

func newChromium(t *testing.T, browser context.Context, patient time.Duration) *chromium {
	t.Helper()
	streams := newStreamer()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			streams.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/away" {
			fmt.Fprint(w, "<!doctype html>away")
			return
		}
		fmt.Fprint(w, stepsPage)
	}))
	t.Cleanup(func() {
		streams.do("end", nil)
		server.Close()
	})
	return &chromium{TB: t, url: server.URL, browser: browser, tabs: map[string]context.Context{}, mute: map[string]bool{}, streams: streams, patient: patient}
}

func send[P, R any](t testing.TB, tab context.Context, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(tab, command, params)
	if err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

func (c *chromium) do(page, verb string, args []string) {
	c.Helper()
	if page == "server" {
		c.streams.do(verb, args)
		return
	}
	tab := c.tabs[page]
	switch verb {
	case "open":
		tab = chrome.Tab(c, c.browser)
		c.tabs[page] = tab
		chrome.Go(c, tab, c.url)
		chrome.Eval[any](c, tab, `void (said.length = 0)`)
	case "freeze":
		send(c, tab, cdppage.SetWebLifecycleState, cdppage.SetWebLifecycleStateParams{State: cdppage.SetWebLifecycleStateStateFrozen})
		c.mute[page] = true
	case "thaw":
		send(c, tab, cdppage.SetWebLifecycleState, cdppage.SetWebLifecycleStateParams{State: cdppage.SetWebLifecycleStateStateActive})
		c.mute[page] = false
	case "hide", "show":
		window := send(c, tab, browser.GetWindowForTarget, browser.GetWindowForTargetParams{})
		state := browser.WindowStateMinimized
		if verb == "show" {
			state = browser.WindowStateNormal
			c.mute[page] = false
		}
		send(c, tab, browser.SetWindowBounds, browser.SetWindowBoundsParams{WindowID: window.WindowID, Bounds: &browser.Bounds{WindowState: state}})
	case "close-tab":
		send(c, tab, cdppage.Close, cdp.Empty{})
		c.mute[page] = true
	case "crash":
		ctx, cancel := context.WithTimeout(tab, time.Second)
		defer cancel()
		_ = chromedp.Do(ctx, chromedp.Navigate("chrome://crash")) // it never answers
		c.mute[page] = true
	case "away":
		chrome.Go(c, tab, c.url+"/away")
		c.mute[page] = true
	case "back":
		chrome.Back(c, tab)
		chrome.Until(c, tab, `location.pathname === "/"`)
		c.mute[page] = false
	default:
		list, err := json.Marshal(args)
		if err != nil {
			c.Fatal(err)
		}
		chrome.Eval[any](c, tab, fmt.Sprintf(`void verbs[%q](...%s)`, verb, list))
	}
}

func (c *chromium) settle() []string {
	c.Helper()
	time.Sleep(c.patient) // a real browser says nowhere that it has nothing left to do
	var names []string
	for name := range c.tabs {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		if !c.mute[name] {
			all = append(all, said(name, chrome.Eval[[]string](c, c.tabs[name], `said.splice(0)`))...)
		}
	}
	return append(all, said("server", c.streams.said())...)
}

var update = flag.Bool("update", false, "write down what Chromium does as what is expected")

// The model is not invented: what testdata/semantics.txt says is what Chromium does.
func TestSemanticsInChromium(t *testing.T) {
	browser := chrome.New(t)
	var written strings.Builder
	for _, s := range semantics(t) {
		t.Run(s.name, func(t *testing.T) {
			got := ""
			for patient := settling; patient < 2*time.Second && got != s.transcript; patient *= 3 {
				got = play(newChromium(t, browser, patient), s.transcript)
			}
			fmt.Fprintf(&written, "== %s\n%s\n", s.name, got)
			if !*update {
				compare(t, "Chromium", got, s.transcript)
			}
		})
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(semanticsFile, []byte(strings.TrimSpace(written.String())+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
