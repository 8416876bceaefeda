package loader_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/dist/figure"
)

// Figure: all that a page fetches, compressed, and the loader with Go's JavaScript runtime in it.
func BenchmarkFigureDownload(b *testing.B) {
	s := newSite(b)
	tab, _ := open(b, s, chrome.New(b))
	chrome.Go(b, tab, s.URL+"/")
	chrome.Until(b, tab, `globalThis.curfew?.state === "armed"`)
	all, loader := 0, 0
	for _, address := range chrome.Eval[[]string](b, tab, `performance.getEntriesByType("resource").filter((e) => !/\/(heartbeat|events)$/.test(e.name)).map((e) => e.name)`) {
		n := fetchedSize(b, address)
		if strings.HasSuffix(address, "/agent.js") {
			loader = n
		}
		all += n
	}
	if loader == 0 || all == loader {
		b.Fatalf("the page fetched %d bytes, and %d of them for the loader", all, loader)
	}
	hello := len(compressed(b, compiled(b, "hello")))
	report(b,
		figure.Row{Figure: "agent download, brotli, all that a page fetches", Measured: float64(all), Unit: "bytes",
			With: "safejs hello, same flags, line tables kept", Base: float64(hello), AtMost: 1.10},
		figure.Row{Figure: "loader and Go's JavaScript runtime, brotli", Measured: float64(loader), Unit: "bytes", AtMost: 8 << 10})
}

func fetchedSize(b *testing.B, address string) int {
	b.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "br") // set by hand, so that Go does not decode
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "br" {
		b.Fatalf("%s: status %d, encoding %q, %v", address, answer.StatusCode, answer.Header.Get("Content-Encoding"), err)
	}
	return int(n)
}

// Figure: cost of one raw activity event. The events are dispatched by a script and so not trusted, and the agent would ignore
// them at once; each listener is therefore handed one of two real, trusted events, so that all it would do for a person's movement
// is measured.
func BenchmarkFigureEvent(b *testing.B) {
	s := newSite(b)
	serveFiles(b, s, map[string][]byte{"/callback.wasm": compiled(b, "callback")})
	tab, _ := open(b, s, chrome.New(b))
	chrome.BeforeLoad(b, tab, eavesdrop)
	chrome.Go(b, tab, s.URL+"/")
	chrome.Until(b, tab, `globalThis.curfew?.state === "armed"`)
	for x := range 4 {
		if err := chromedp.Do(tab, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, float64(100+10*x), 100)); err != nil {
			b.Fatal(err)
		}
	}
	chrome.Until(b, tab, `bench.trusted.length >= 2 && bench.heard.length === 1`)
	chrome.Eval[bool](b, tab, "(() => {"+goRuntime(b)+"})() ?? true")
	chrome.Eval[bool](b, tab, `(async () => {
		const go = new Go();
		go.run((await WebAssembly.instantiateStreaming(fetch("/callback.wasm"), go.importObject)).instance);
		return true;
	})()`)
	chrome.Until(b, tab, `globalThis.goListener`)
	got := chrome.Eval[map[string][]float64](b, tab, measureEvents)
	agent, plain, inGo, none := median(got["agent"]), median(got["plain"]), median(got["go"]), median(got["none"])
	report(b,
		figure.Row{Figure: "raw activity event (pointermove)", Measured: agent, Unit: "µs",
			With: "listener that stores a timestamp", Base: plain, AtMost: 1.5},
		figure.Row{Figure: "the same event to a callback in Go", Measured: inGo, Unit: "µs",
			With: "listener that stores a timestamp", Base: plain},
		figure.Row{Figure: "the same event without a listener", Measured: none, Unit: "µs"})
}

// eavesdrop keeps the agent's pointermove listeners and every trusted pointermove.
const eavesdrop = `globalThis.bench = { heard: [], trusted: [], add: EventTarget.prototype.addEventListener };
window.addEventListener("pointermove", (event) => event.isTrusted && bench.trusted.push(event), true);
EventTarget.prototype.addEventListener = function (kind, listener, options) {
	if (this === window && kind === "pointermove") bench.heard.push(listener);
	return bench.add.call(this, kind, listener, options);
};`

// measureEvents gives microseconds for one event, by listener, of many rounds.
const measureEvents = `(async () => {
	let last = 0;
	const [listener] = bench.heard;
	window.removeEventListener("pointermove", listener, true);
	const listeners = { none: null, plain: () => { last = Date.now(); }, agent: listener, go: goListener };
	const [one, other] = bench.trusted.slice(-2);
	if (one.screenX === other.screenX) throw new Error("the pointer did not move, so the agent would do nothing");
	const took = { none: [], plain: [], agent: [], go: [] };
	for (let round = 0; round < 60; round++) {
		for (const name in listeners) {
			const events = Array.from({ length: 1000 }, () => new PointerEvent("pointermove", { bubbles: true }));
			let turn = 0;
			const heard = listeners[name] && (() => listeners[name](turn++ & 1 ? one : other));
			if (heard) bench.add.call(window, "pointermove", heard, { capture: true, passive: true });
			const from = performance.now();
			for (const event of events) document.body.dispatchEvent(event);
			const length = performance.now() - from;
			if (heard) window.removeEventListener("pointermove", heard, true);
			if (round >= 10) took[name].push(length); // 1000 events, so milliseconds for all are microseconds for one
			await new Promise((resolve) => setTimeout(resolve));
		}
	}
	return took;
})()`

// Figure: wake-ups with nothing happening. A wake-up is whatever timers and frames run within a tenth of a second: one that sends
// a heartbeat also arms and clears the timers of its request. The hidden page is told that it is hidden; virtual time does not slow
// its timers down as a browser would, so that this is the most that it can do. The tab has no event stream: with one
// open, virtual time would stand still. That a silent stream wakes nobody is tested in real time.
func BenchmarkFigureWakeUps(b *testing.B) {
	const minutes = 30
	var rows []figure.Row
	for _, hidden := range []bool{false, true} {
		s := newSite(b)
		var passed atomic.Int64 // milliseconds of virtual time
		idle(b, s, &passed)
		browser := chrome.New(b)
		first, _ := open(b, s, browser)
		chrome.Go(b, first, "about:blank") // it has signed in; its time is not the other tab's, and the two would not agree who leads
		tab := chrome.Tab(b, browser)
		chrome.BeforeLoad(b, tab, countWakeUps)
		chrome.WithoutStreams(b, tab)
		if hidden {
			chrome.BeforeLoad(b, tab, `Object.defineProperty(document, "visibilityState", { get: () => "hidden" }); Object.defineProperty(document, "hidden", { get: () => true })`)
		}
		chrome.Go(b, tab, s.URL+"/")
		chrome.Until(b, tab, `globalThis.curfew?.state === "armed"`)
		chrome.StopTime(b, tab)
		pass := func(length time.Duration) {
			chrome.Pass(b, tab, length, func(step time.Duration) { passed.Add(step.Milliseconds()) })
		}
		pass(90 * time.Second) // the first answers arrive; the first one in virtual time takes long, and its end would count apart
		chrome.Eval[int](b, tab, `wakeUps.length = 0`)
		pass(minutes * time.Minute)
		ups := chrome.Eval[[]float64](b, tab, `wakeUps`)
		apart, last := 0, -1000.0
		for _, at := range ups {
			if at-last > 100 {
				apart++
			}
			last = at
		}
		if apart == 0 {
			b.Fatal("the agent never woke: nothing was measured")
		}
		how := "visible"
		if hidden {
			how = "hidden"
		}
		rows = append(rows,
			figure.Row{Figure: "wake-ups while nothing happens, " + how, Measured: float64(apart) / minutes, Unit: "a minute", AtMost: 1},
			figure.Row{Figure: "timer callbacks in them, " + how, Measured: float64(len(ups)) / minutes, Unit: "a minute"})
	}
	report(b, rows...)
}

// countWakeUps notes when a callback runs that some script asked for.
const countWakeUps = `globalThis.wakeUps = [];
for (const name of ["setTimeout", "setInterval", "requestAnimationFrame", "requestIdleCallback"]) {
	const ask = globalThis[name];
	globalThis[name] = (callback, ...rest) => ask((...args) => { wakeUps.push(performance.now()); return callback(...args); }, ...rest);
}`

// idle answers heartbeats by a clock that goes with the tab's virtual time.
func idle(b *testing.B, s *site, passed *atomic.Int64) {
	b.Helper()
	began, inner := time.Now().UnixMilli(), s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var claimed beat
		if r.URL.Path != "/.curfew/heartbeat" || !claims(r.Header.Get(wire.HeaderProof), &claimed) {
			inner.ServeHTTP(w, r)
			return
		}
		answer(w, http.StatusOK, wire.Reply{
			Now: began + passed.Load(), Phase: wire.Active, Began: began, Active: began, Settings: s.settings, Seq: claimed.Seq,
			Nonce: "fresh", Interval: 60_000, SessionEnds: began + s.settings.SessionTimeout,
		})
	})
}

// Figure: time from the script's arrival to the guarded page. What it costs the page's own load is in bench_load_test.go.
func BenchmarkFigureArmed(b *testing.B) {
	s := newSite(b)
	wasm := compiled(b, "hello")
	serveFiles(b, s, map[string][]byte{
		"/hello.wasm": wasm,
		"/hello.js": []byte(goRuntime(b) + `; const go = new Go();
			WebAssembly.instantiateStreaming(fetch("/hello.wasm", { priority: "low" }), go.importObject).then((made) => go.run(made.instance));`),
		"/hello": helloPage(s, `<script src="/hello.js" async></script>`),
	})
	tab, _ := open(b, s, chrome.New(b))

	const since = ` - performance.getEntriesByType("resource").find((e) => /\/(agent|hello)\.js$/.test(e.name)).responseEnd`
	took := map[string][]float64{}
	visit := func(name, path, done, expression string) {
		chrome.Go(b, tab, s.URL+path)
		chrome.Until(b, tab, done)
		took[name] = append(took[name], chrome.Eval[float64](b, tab, expression))
	}
	for _, cache := range []string{"cold", "warm"} {
		for range 25 {
			for _, page := range []struct{ name, path, mark string }{{"agent", "/", "curfew:armed"}, {"hello", "/hello", "hello"}} {
				if cache == "cold" {
					if _, err := chromedp.Call(tab, network.ClearBrowserCache, cdp.Empty{}); err != nil {
						b.Fatal(err)
					}
				}
				mark := `performance.getEntriesByName("` + page.mark + `")[0]`
				visit(page.name+" "+cache, page.path, mark, mark+".startTime"+since)
			}
		}
	}
	row := func(name, measured, with, base string, atMost float64) figure.Row {
		return figure.Row{Figure: name, Measured: median(took[measured]), Unit: "ms", With: with, Base: median(took[base]), AtMost: atMost}
	}
	report(b,
		row("from script to armed, nothing in the cache", "agent cold", "safejs hello", "hello cold", 1.25),
		row("from script to armed, all in the cache", "agent warm", "safejs hello", "hello warm", 1.25))
}

func helloPage(s *site, script string) []byte {
	return fmt.Appendf(nil, "<!doctype html><html lang=en><meta name=viewport content=\"width=device-width\"><title>Clinic</title>\n%s<body>%s</body></html>", script, s.body)
}

// serveFiles lets the site answer more addresses, compressed as the agent is.
func serveFiles(b *testing.B, s *site, files map[string][]byte) {
	b.Helper()
	packed := map[string][]byte{}
	for name, file := range files {
		packed[name] = compressed(b, file)
	}
	site := s.Config.Handler
	kinds := map[string]string{".wasm": "application/wasm", ".js": "text/javascript; charset=utf-8", "": "text/html; charset=utf-8"}
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := packed[r.URL.Path]
		if !ok {
			site.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", kinds[filepath.Ext(r.URL.Path)])
		h.Set("Content-Encoding", "br")
		h.Set("Content-Security-Policy", strictPolicy)
		h.Set("Cache-Control", "no-store")
		if filepath.Ext(r.URL.Path) == ".wasm" {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		_, _ = w.Write(file)
	})
}

// compiled builds a program of testdata with the agent's flags.
func compiled(b *testing.B, program string) []byte {
	b.Helper()
	out := filepath.Join(b.TempDir(), program+".wasm")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-gcflags=all=-l", "-o", out, "./testdata/"+program)
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOWASM=", "GOEXPERIMENT=", "GOFLAGS=", "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", command, err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return wasm
}

func compressed(b *testing.B, data []byte) []byte {
	b.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 24})
	_, err := w.Write(data)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// goRuntime is Go's own wasm_exec.js.
func goRuntime(b *testing.B) string {
	b.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func report(b *testing.B, rows ...figure.Row) {
	b.Helper()
	if err := figure.Print(os.Stdout, rows...); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op") // the benchmark's own length says nothing
}
