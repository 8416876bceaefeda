package chrome

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Go navigates the tab and waits for the page's load event.
func Go(t testing.TB, tab context.Context, url string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		t.Fatalf("opening %s: %v", url, err)
	}
}

// Back goes one page back in the tab's history. The page may be gone before it can say that it has heard.
func Back(t testing.TB, tab context.Context) {
	t.Helper()
	_, err := chromedp.Run(tab, chromedp.Evaluate[any](`history.back()`))
	if err != nil && !strings.Contains(err.Error(), "navigated or closed") {
		t.Fatalf("going back: %v", err)
	}
}

// Eval evaluates an expression in the page, waits for it when it is a promise, and decodes its value.
func Eval[T any](t testing.TB, tab context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluating %s: %v", expression, err)
	}
	return value
}

// Until waits until an expression is truthy in the page, and fails the test when that takes longer than needs.Patience. The page
// may navigate meanwhile; what it throws counts as not yet.
func Until(t testing.TB, tab context.Context, expression string) {
	t.Helper()
	var last error
	for began := time.Now(); time.Since(began) < needs.Patience && tab.Err() == nil; {
		met, err := chromedp.Run(tab, chromedp.Evaluate[bool]("!!("+expression+")"))
		if met && err == nil {
			return
		}
		last = err
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("waiting for %s: not met in time; last error: %v, context: %v", expression, last, tab.Err())
}

// BeforeLoad runs a script in every page of the tab, and in its frames, before any script of the page.
func BeforeLoad(t testing.TB, tab context.Context, script string) {
	t.Helper()
	params := page.AddScriptToEvaluateOnNewDocumentParams{Source: script}
	if _, err := chromedp.Call(tab, page.AddScriptToEvaluateOnNewDocument, params); err != nil {
		t.Fatalf("adding a script: %v", err)
	}
}

// Screenshot writes what the tab shows to a PNG file and creates its directory.
func Screenshot(t testing.TB, tab context.Context, path string) {
	t.Helper()
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, picture, 0o644)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("screenshot: %w", err))
	}
}
