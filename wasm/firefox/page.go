package firefox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Page is a tab.
type Page struct {
	browser *Browser
	id      string
}

// Tab opens a tab in the window that is in front, shows it, and closes it at the end of the test. The tab that was shown there is hidden.
func Tab(t testing.TB, b *Browser) *Page {
	t.Helper()
	return create(t, b, "tab")
}

// Window opens a tab in a new window and closes it at the end of the test. Windows do not hide one another.
func Window(t testing.TB, b *Browser) *Page {
	t.Helper()
	return create(t, b, "window")
}

func create(t testing.TB, b *Browser, kind string) *Page {
	t.Helper()
	made, err := call[struct{ Context string }](b.connection, "browsingContext.create", object{"type": kind})
	if err != nil {
		t.Fatalf("opening a %s: %v", kind, err)
	}
	p := &Page{b, made.Context}
	t.Cleanup(func() { _, _ = p.call("browsingContext.close", object{}) })
	return p
}

// call sends a command about the page's browsing context.
func (p *Page) call(method string, params object) (json.RawMessage, error) {
	params["context"] = p.id
	return p.browser.send(p.browser.ctx, method, params)
}

func (p *Page) must(t testing.TB, method string, params object) {
	t.Helper()
	if _, err := p.call(method, params); err != nil {
		t.Fatal(err)
	}
}

// Close closes the tab as a person does, without asking the page.
func Close(t testing.TB, p *Page) {
	t.Helper()
	p.must(t, "browsingContext.close", object{})
}

// Show brings the tab to the front of its window; the one that was there is hidden.
func Show(t testing.TB, p *Page) {
	t.Helper()
	p.must(t, "browsingContext.activate", object{})
	Until(t, p, `document.visibilityState === "visible"`)
}

// Go navigates the tab and waits for the page's load event.
func Go(t testing.TB, p *Page, url string) {
	t.Helper()
	p.must(t, "browsingContext.navigate", object{"url": url, "wait": "complete"})
}

// Reload loads the page anew and waits for its load event.
func Reload(t testing.TB, p *Page) {
	t.Helper()
	p.must(t, "browsingContext.reload", object{"wait": "complete"})
}

// Back goes so many entries back in the tab's history, or forward when the number is negative. It does not wait.
func Back(t testing.TB, p *Page, entries int) {
	t.Helper()
	p.must(t, "browsingContext.traverseHistory", object{"delta": -entries})
}

// Eval evaluates an expression in the page, waits for it when it is a promise, and decodes its value. A page's content security policy does
// not stop it.
func Eval[T any](t testing.TB, p *Page, expression string) T {
	t.Helper()
	value, err := evaluate[T](p, expression)
	if err != nil {
		t.Fatalf("evaluating %s: %v", expression, err)
	}
	return value
}

func evaluate[T any](p *Page, expression string) (value T, err error) {
	answer, err := call[struct {
		Type             string
		Result           remote
		ExceptionDetails struct{ Text string }
	}](p.browser.connection, "script.evaluate", object{
		"expression": expression, "target": object{"context": p.id}, "awaitPromise": true, "resultOwnership": "none",
		"serializationOptions": object{"maxDomDepth": 0, "maxObjectDepth": 20},
	})
	if err != nil {
		return value, err
	}
	if answer.Type != "success" {
		return value, fmt.Errorf("exception: %s", answer.ExceptionDetails.Text)
	}
	plain, err := answer.Result.plain()
	if err != nil {
		return value, err
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal(data, &value)
}

// Until waits until an expression is truthy in the page, and fails the test when that takes longer than needs.Patience. The page may navigate
// meanwhile; what it throws counts as not yet.
func Until(t testing.TB, p *Page, expression string) {
	t.Helper()
	var last error
	for began := time.Now(); time.Since(began) < needs.Patience && p.browser.ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		met, err := evaluate[bool](p, "!!("+expression+")")
		if met && err == nil {
			return
		}
		last = err
	}
	t.Fatalf("waiting for %s: not met in time; last error: %v", expression, last)
}

// BeforeLoad runs a script in every page of the tab, and in its frames, before any script of the page.
func BeforeLoad(t testing.TB, p *Page, script string) {
	t.Helper()
	params := object{"functionDeclaration": "() => {" + script + "\n}", "contexts": []string{p.id}}
	if _, err := call[any](p.browser.connection, "script.addPreloadScript", params); err != nil {
		t.Fatalf("adding a script: %v", err)
	}
}

// Size gives the tab's page a width and a height, in CSS pixels.
func Size(t testing.TB, p *Page, width, height int) {
	t.Helper()
	p.must(t, "browsingContext.setViewport", object{"viewport": object{"width": width, "height": height}})
}

// Screenshot writes what the tab shows to a PNG file and creates its directory.
func Screenshot(t testing.TB, p *Page, path string) {
	t.Helper()
	picture, err := call[struct{ Data []byte }](p.browser.connection, "browsingContext.captureScreenshot", object{"context": p.id})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, picture.Data, 0o644)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("screenshot: %w", err))
	}
}
