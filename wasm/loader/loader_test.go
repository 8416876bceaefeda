package loader_test

import (
	"encoding/base64"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

func decodeBase64(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }

// D5, B3: under the strictest policy the agent makes a key, signs in, comes back, and guards; and it leaves nothing behind in
// the page but its one name and its element.
func TestArmsUnderTheStrictPolicy(t *testing.T) {
	s := newSite(t)
	tab, console := open(t, s)
	chrome.Until(t, tab, `performance.getEntriesByName("curfew:armed").length === 1`)
	if got := chrome.Eval[string](t, tab, `location.search`); got != "?a=1&b=%C3%A6" {
		t.Errorf("came back to search %q", got)
	}
	if errors := console.Errors(); len(errors) > 0 {
		// The first request of every page asks for a nonce, which the browser logs as a failed load.
		for _, e := range errors {
			t.Log(e)
		}
	}
	for _, name := range []string{"Go", "fs", "process", "path"} {
		if chrome.Eval[bool](t, tab, `"`+name+`" in globalThis`) {
			t.Errorf("the page's global object got %s", name)
		}
	}
	if chrome.Eval[bool](t, tab, `"port" in curfew`) {
		t.Error("the page can reach the port")
	}
}
