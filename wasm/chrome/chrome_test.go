package chrome_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// The helper is only worth something if it sees what a page does: this page's title, its exception and its console.
func TestBrowserSeesThePage(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>seen</title><script>console.error("spoken"); before()</script>`))
	}))
	defer server.Close()

	tab := chrome.Tab(t, chrome.New(t))
	console := chrome.Listen(t, tab)
	chrome.BeforeLoad(t, tab, `globalThis.early = true`)
	chrome.Go(t, tab, server.URL)
	chrome.Until(t, tab, `document.title === "seen"`)
	if !chrome.Eval[bool](t, tab, `early && isSecureContext`) {
		t.Error("the early script did not run, or the page is no secure context")
	}
	if !console.Has("error", "spoken") || !console.Has("exception", "before is not defined") {
		t.Errorf("console = %+v", console.Entries())
	}
	chrome.Screenshot(t, tab, filepath.Join(t.TempDir(), "page.png"))
}
