package chrome_test

import (
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

func TestEmulate(t *testing.T) {
	tab := chrome.Tab(t, chrome.New(t))
	matches := func(query string) bool { return chrome.Eval[bool](t, tab, `matchMedia("(`+query+`)").matches`) }
	chrome.Emulate(t, tab, map[string]string{"prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce"})
	if !matches("prefers-color-scheme: dark") || !matches("prefers-reduced-motion: reduce") || matches("forced-colors: active") {
		t.Error("dark and calm is not what the page sees")
	}
	chrome.Emulate(t, tab, map[string]string{"forced-colors": "active"})
	if !matches("forced-colors: active") || matches("prefers-reduced-motion: reduce") {
		t.Error("forced colours alone is not what the page sees")
	}
	chrome.Emulate(t, tab, nil)
	if matches("forced-colors: active") {
		t.Error("forced colours are still on")
	}
}

func TestSize(t *testing.T) {
	tab := chrome.Tab(t, chrome.New(t))
	for _, want := range [][2]int{{320, 256}, {1400, 900}} {
		chrome.Size(t, tab, want[0], want[1])
		if got := chrome.Eval[[2]int](t, tab, `[innerWidth, innerHeight]`); got != want {
			t.Errorf("the page is %v, want %v", got, want)
		}
	}
}
