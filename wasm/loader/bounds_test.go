package loader_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/dist"
)

// C7 A10: the agent starts with the longest of everything that the verifier's configuration allows.
func TestLongestSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.personal = dist.Site{Name: strings.Repeat("ø", 80), Logo: "/" + strings.Repeat("a", 2047), Languages: map[string]string{}}
	for i := range 32 {
		s.personal.Frames = append(s.personal.Frames, fmt.Sprintf("https://%s%03d.example:8443", strings.Repeat("a", 242), i))
	}
	for i := range 100 {
		s.personal.Languages[fmt.Sprintf("x-%032d", i)] = fmt.Sprintf("texts.x-%032d.%064d.json", i, i)
	}
	tab, _ := open(t, s, chrome.New(t))
	chrome.Until(t, tab, `curfew.state === "armed"`)
}

// A10: what a page puts in the place of window.parent is not asked, and cannot keep the agent from starting.
func TestA10_PageReplacesItsParent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	openWith(t, s, chrome.New(t), `{ const above = () => ({ document: {}, get parent() { return above(); } }); globalThis.parent = above(); }`)
}
