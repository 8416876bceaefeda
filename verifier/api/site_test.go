package api

import (
	"net/url"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/settings"
)

func TestReturnToStaysOnThisOrigin(t *testing.T) {
	site := NewSite("/.curfew/", settings.NewLive(), nil)
	for text, ok := range map[string]bool{
		"":                               true,
		"/":                              true,
		"/patients/7?tab=2#notes":        true,
		"/a//b":                          true,
		"/%2F%2Fevil.example":            true, // a path that only looks like one after decoding, which browsers do not do
		"//evil.example":                 false,
		"///evil.example":                false,
		"/\\evil.example":                false,
		"\\/evil.example":                false,
		"/\t/evil.example":               false,
		"/\n/evil.example":               false,
		" /a":                            false,
		"/a b":                           false,
		"https://evil.example":           false,
		"https:evil.example":             false,
		"javascript:alert(1)":            false,
		"evil.example":                   false,
		"?a=b":                           false,
		"/%":                             false,
		"/.curfew/sign-out":              false,
		"/.curfew":                       false,
		"/x/../.curfew/sign-out":         false,
		"/%2e%2e/.curfew/a":              false,
		"/%2Ecurfew/sign-out":            false,
		"/.curfewish":                    true,
		"/.curfew/signed-in":             true, // A15: it does nothing
		"/.curfew/signed-in#a":           true,
		"/.curfew/signed-in/":            false,
		"/.curfew/signed-in?a=b":         false,
		"/.curfew/signed-in/../sign-out": false,
		"/.curfew//signed-in":            false,
		"/.curfew/./signed-in":           false,
		"/.curfew/Signed-in":             false,
		"/.curfew/%73igned-in":           false,
		"/.curfew/signed-out":            false,
		"/.curfew/sessions":              true, // B6: so does this
		"/.curfew/sessions#done":         true,
		"/.curfew/sessions?end=others":   false,
		"/.curfew/sessions/":             false,
		"/a/../.curfew/signed-in":        false,
		"/.curfew/signed-inn":            false,
		"//.curfew/signed-in":            false,
		"/.curfew/sign-in?return_to=/.curfew/signed-in": false,
		"/.curfew/resume#/.curfew/signed-in":            false,
		"/" + strings.Repeat("a", wire.MaxReturnTo):     false,
	} {
		if back, got := site.ReturnTo(text); got != ok || !ok && back != "" {
			t.Errorf("ReturnTo(%q) = %q, %v", text, back, got)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{"/", "/a?b=c#d", "//x", "/\\x", "https://x"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://records.example/.curfew/callback")
	if err != nil {
		f.Fatal(err)
	}
	site := NewSite("/.curfew/", settings.NewLive(), nil)
	f.Fuzz(func(t *testing.T, text string) {
		back, ok := site.ReturnTo(text)
		if !ok {
			return
		}
		to, err := base.Parse(back)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme || to.User != nil || strings.HasPrefix(to.Path, "/.curfew/") && to.Path != "/.curfew/signed-in" && to.Path != "/.curfew/sessions" {
			t.Errorf("%q leads to %v", text, to)
		}
	})
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range wire.Codes() {
		if Status(code) == 500 {
			t.Errorf("%s has no status", code)
		}
	}
	if len(statuses) != len(wire.Codes()) {
		t.Errorf("%d statuses for %d codes", len(statuses), len(wire.Codes()))
	}
}
