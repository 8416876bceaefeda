package firefox

import "testing"

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
