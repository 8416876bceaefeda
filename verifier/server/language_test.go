package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/texts"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/dist"
)

// C7: in a real browser the agent speaks the page's language, right to left where it is written so: the loader knows the files, and the
// verifier has them. Nobody is signed in here, so that the page is covered and says so.
func TestC7_TheAgentSpeaksThePagesLanguage(t *testing.T) {
	agent, err := dist.Load()
	if err != nil {
		t.Fatal(err)
	}
	var public http.Handler
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.curfew/") {
			public.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; require-trusted-types-for 'script'")
		fmt.Fprintf(w, `<!doctype html><html lang=%q><title>app</title><script src="/.curfew/agent.js" async></script><p>text`, strings.Trim(r.URL.Path, "/"))
	}))
	t.Cleanup(here.Close)
	c, err := config.Parse(fmt.Appendf(nil, `
data: %q
environments:
  - {id: here, origin: %q, provider: {issuer: "http://127.0.0.1:1", client_id: c}}
`, filepath.Join(t.TempDir(), "data"), here.URL))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(context.Background(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Agent: agent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	public = s.Public()

	catalog, err := texts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	tab := chrome.Tab(t, chrome.New(t))
	for _, language := range catalog.Languages() {
		chrome.Go(t, tab, here.URL+"/"+language.Tag()+"-XX")
		title := language.Text("no_session.title")
		chrome.Until(t, tab, fmt.Sprintf(`document.querySelector("curfew-agent")?.shadowRoot.textContent.includes(%q)`, title))
		direction := chrome.Eval[string](t, tab, `(() => {
			const walk = document.createTreeWalker(document.querySelector("curfew-agent").shadowRoot, NodeFilter.SHOW_TEXT);
			while (walk.nextNode()) if (walk.currentNode.data.trim() && !walk.currentNode.parentElement.closest("style")) return getComputedStyle(walk.currentNode.parentElement).direction;
		})()`)
		if direction != language.Direction() {
			t.Errorf("%s is shown %s", language.Tag(), direction)
		}
	}
}
