package firefox

import (
	"slices"
	"testing"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Count is how many tabs the browser has, in all its windows.
func Count(t testing.TB, b *Browser) int {
	t.Helper()
	return len(b.tabs(t))
}

// Opened does something that has a page open a tab or a window, and returns that one. It is closed at the end of the test, unless it was before.
func Opened(t testing.TB, b *Browser, do func()) *Page {
	t.Helper()
	before := b.tabs(t)
	do()
	p := &Page{browser: b}
	needs.Until(t, "a tab to open", func() bool {
		for _, p.id = range b.tabs(t) {
			if !slices.Contains(before, p.id) {
				return true
			}
		}
		return false
	})
	t.Cleanup(func() { _, _ = p.call("browsingContext.close", object{}) })
	return p
}

// tabs are the browsing contexts that are in no other one.
func (b *Browser) tabs(t testing.TB) (ids []string) {
	t.Helper()
	found, err := call[struct{ Contexts []struct{ Context string } }](b.connection, "browsingContext.getTree", object{"maxDepth": 0})
	if err != nil {
		t.Fatalf("listing the tabs: %v", err)
	}
	for _, one := range found.Contexts {
		ids = append(ids, one.Context)
	}
	return ids
}

// Minimize hides the tab's window, and so the tab, and waits until the page knows.
func Minimize(t testing.TB, p *Page) {
	t.Helper()
	p.setWindow(t, "minimized")
	Until(t, p, `document.visibilityState === "hidden"`)
}

// Restore shows a minimized window again.
func Restore(t testing.TB, p *Page) {
	t.Helper()
	p.setWindow(t, "normal")
	Until(t, p, `document.visibilityState === "visible"`)
}

func (p *Page) setWindow(t testing.TB, state string) {
	t.Helper()
	type tree struct {
		Contexts []struct{ ClientWindow string }
	}
	found, err := call[tree](p.browser.connection, "browsingContext.getTree", object{"root": p.id, "maxDepth": 0})
	if err == nil && len(found.Contexts) != 1 {
		t.Fatalf("finding the tab's window: %d tabs", len(found.Contexts))
	}
	if err == nil {
		_, err = call[any](p.browser.connection, "browser.setClientWindowState", object{"clientWindow": found.Contexts[0].ClientWindow, "state": state})
	}
	if err != nil {
		t.Fatalf("making the window %s: %v", state, err)
	}
}
