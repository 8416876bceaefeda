//go:build js && wasm

package page

import (
	"fmt"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// Open opens an address in a window of its own, and reports whether the browser did.
func (p *Port) Open(url string) bool {
	window, err := jsvalue.Object(p.document, "defaultView")
	if err != nil {
		return false
	}
	opened, err := window.Call("open", url, "_blank")
	if err != nil || opened.Type() != safejs.TypeObject {
		return false
	}
	// What is shown there must not reach back to this page; without an opener from the start nobody could tell that it was opened.
	return opened.Set("opener", nil) == nil
}

// Framed reports whether the page is a frame in another one.
func (p *Port) Framed() bool {
	window, err := jsvalue.Object(p.document, "defaultView")
	if err != nil {
		return false
	}
	parent, err := jsvalue.Object(window, "parent")
	return err == nil && !parent.Equal(window)
}

// Close closes a window that was opened to sign in. The browser does not let a page close any other.
func (p *Port) Close() {
	if window, err := jsvalue.Object(p.document, "defaultView"); err == nil {
		_, _ = window.Call("close")
	}
}

// Clear empties the page and goes to the start of the application.
func (p *Port) Clear() {
	if root, err := jsvalue.Object(p.document, "documentElement"); err == nil {
		_, _ = root.Call("replaceChildren") // the cover comes back by itself
	}
	p.Leave("/")
}

// Reload loads the page anew.
func (p *Port) Reload() {
	if _, err := p.location.Call("reload"); err != nil {
		p.Fail(FailedAgent, fmt.Errorf("reloading the page: %w", err))
	}
}

// SignedIn is the address at the end of a sign-in in a window of its own.
func (p *Port) SignedIn() string { return p.Prefix + "signed-in" }

// memory is where a few words are kept for later pages.
func (p *Port) memory() (storage safejs.Value, key string, ok bool) {
	storage, err := jsvalue.Object(safejs.Global(), "localStorage")
	return storage, "curfew:" + p.Prefix, err == nil
}

// Keep keeps a few words for later pages of this browser.
func (p *Port) Keep(memory string) {
	if storage, key, ok := p.memory(); ok {
		_, _ = storage.Call("setItem", key, memory) // a full or forbidden store forgets, and the page warns once more
	}
}

// Kept returns what an earlier page kept, or nothing.
func (p *Port) Kept() string {
	storage, key, ok := p.memory()
	if !ok {
		return ""
	}
	value, err := storage.Call("getItem", key)
	if err != nil || value.Type() != safejs.TypeString {
		return ""
	}
	kept, err := value.String()
	if err != nil || len(kept) > maxText {
		return ""
	}
	return kept
}
