package loader_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/dist/figure"
)

// Figure: what the script costs the page's own load. The page has what pages have, a style sheet and a picture that take the server
// a moment, and is loaded in turns with Curfew's script, with a safejs hello, and with no script, each time with nothing in the cache. The
// order changes with each round, because what a page leaves behind, such as a module that is still being compiled, is paid by the next.
// Beside it, the same for a page that has nothing else to wait for: there all that can be seen is how long an empty script takes.
func BenchmarkFigureLoad(b *testing.B) {
	const rounds = 24
	s := newSite(b)
	serveFiles(b, s, map[string][]byte{
		"/hello.wasm": compiled(b, "hello"),
		"/hello.js": []byte(goRuntime(b) + `; const go = new Go();
			WebAssembly.instantiateStreaming(fetch("/hello.wasm", { priority: "low" }), go.importObject).then((made) => go.run(made.instance));`),
		"/empty.js": []byte(`"use strict";`),
	})
	scripts := []struct{ name, tag string }{
		{"no script", ""},
		{"an empty script", `<script src="/empty.js" async></script>`},
		{"safejs hello", `<script src="/hello.js" async></script>`},
		{"curfew", `<script src="/.curfew/agent.js" async></script>`},
	}
	const needs = `<link rel=stylesheet href="/slow.css"><img src="/slow.svg" alt="" width=10 height=10>`
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow.css", "/slow.svg":
			time.Sleep(100 * time.Millisecond) // what the network and the server take for a picture
			w.Header().Set("Content-Type", map[string]string{"/slow.css": "text/css", "/slow.svg": "image/svg+xml"}[r.URL.Path])
			w.Header().Set("Cache-Control", "no-store")
			if r.URL.Path == "/slow.svg" {
				fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>`)
			}
		case "/page":
			for _, script := range scripts {
				if script.name != r.FormValue("script") {
					continue
				}
				body := s.body
				if r.FormValue("needs") != "" {
					body += needs
				}
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("Content-Security-Policy", strictPolicy+"; style-src 'self'; img-src 'self'")
				w.Header().Set("Cache-Control", "no-store")
				fmt.Fprintf(w, "<!doctype html><html lang=en><title>Clinic</title>\n%s<body>%s</body></html>", script.tag, body)
			}
		default:
			inner.ServeHTTP(w, r)
		}
	})
	tab, _ := open(b, s, chrome.New(b))
	took := map[string][]float64{}
	for round := range rounds {
		for i := range scripts {
			script := scripts[(i+round)%len(scripts)].name
			for _, needs := range []string{"", "1"} {
				if _, err := chromedp.Call(tab, network.ClearBrowserCache, cdp.Empty{}); err != nil {
					b.Fatal(err)
				}
				chrome.Go(b, tab, s.URL+"/page?needs="+needs+"&script="+script)
				switch script { // whatever the page started is finished, so that it costs the next one nothing
				case "curfew":
					knows(b, tab)
				case "safejs hello":
					chrome.Until(b, tab, `performance.getEntriesByName("hello")[0]`)
				}
				took[needs+script] = append(took[needs+script], chrome.Eval[float64](b, tab, `performance.getEntriesByType("navigation")[0].loadEventEnd`))
			}
		}
	}
	row := func(name, needs, measured, base string, atMost float64) figure.Row {
		return figure.Row{Figure: name, Measured: median(took[needs+measured]), Unit: "ms", With: base, Base: median(took[needs+base]), AtMost: atMost}
	}
	report(b,
		row("load event of a page with a style sheet and a picture", "1", "curfew", "no script", 1.05),
		row("the same page with a safejs hello", "1", "safejs hello", "no script", 0),
		row("load event of a page with nothing else", "", "curfew", "an empty script", 0),
		row("the same page with a safejs hello", "", "safejs hello", "an empty script", 0))
}
