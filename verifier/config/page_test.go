package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/settings"
)

// C7 A10 A14: what the operator says about the page is in force, and a directory of texts is beside the file.
func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "curfew.yaml")
	text := "texts: languages\n" + strings.TrimSuffix(least, "}\n") + `, page: {name: Nordlys Hospital, logo: /logo.svg, frames: ["https://labs.example", "http://localhost:9000"], notify: true}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Page{Name: "Nordlys Hospital", Logo: "/logo.svg", Frames: []string{"https://labs.example", "http://localhost:9000"}, Notify: true}
	if got := c.Environments[0].InForce().Page; !reflect.DeepEqual(got, want) {
		t.Errorf("in force %+v, want %+v", got, want)
	}
	if want := filepath.Join(filepath.Dir(path), "languages"); c.Texts != want {
		t.Errorf("texts %s, want %s", c.Texts, want)
	}
}

// An error names the field, the value and what is allowed.
func TestBadPagesAreNamed(t *testing.T) {
	many := make([]string, maxFrames+1)
	for i := range many {
		many[i] = fmt.Sprintf("https://f%d.example", i)
	}
	good := Page{Name: strings.Repeat("ø", settings.MaxName), Logo: "https://cdn.example:8443/logo.svg?v=2", Frames: append(many[1:maxFrames:maxFrames], "https://"+strings.Repeat("a", 245)+".example:8443")}
	problemsOf := func(p Page) string {
		var all Problems
		p.validate(block{all: &all, name: "environment a"}, []string{"https://a.example"})
		return all.Error()
	}
	for _, fine := range []Page{{}, good, {Logo: "/"}, {Logo: "/a%20b.png"}, {Logo: "https://[2001:db8::1]/x"}, {Logo: "/" + strings.Repeat("a", maxLogo-1)}} {
		if got := problemsOf(fine); got != "" {
			t.Errorf("%.80v: %s", fine, got)
		}
	}
	for _, name := range []string{strings.Repeat("ø", settings.MaxName+1), " a", "a ", "a\nb", "\xff"} {
		if got := problemsOf(Page{Name: name}); !strings.Contains(got, fmt.Sprintf("environment a: page.name is %q", name)) || !strings.Contains(got, "allowed: up to 80") {
			t.Errorf("name %q: %s", name, got)
		}
	}
	for _, logo := range []string{"logo.svg", "//evil.example/logo.svg", "/\\evil.example", "http://a.example/logo.svg", "data:image/png;base64,AA==", "javascript:alert(1)",
		"https://", "https://a.example;script-src", "https://a.example,b.example/", "https://u:p@a.example/", "https://A.example/", "https://a.example/#x", "https://*.example/x", "/a b",
		"/ø", "https:/a", "https:a", "/\"onerror=", "/" + strings.Repeat("a", maxLogo), "https://a.example:443/x", "https://a.exa'mple/"} {
		if got := problemsOf(Page{Logo: logo}); !strings.Contains(got, fmt.Sprintf("page.logo is %q; allowed: a path such as /logo.svg, or an https address", logo)) {
			t.Errorf("logo %.80q: %s", logo, got)
		}
	}
	for _, frame := range []string{"", "https://a.example/", "https://*.example", "http://b.example", "b.example", "null", "*", "https://b.example;x", "https://B.example", "https://b.example:443",
		"https://" + strings.Repeat("a", 246) + ".example"} {
		if got := problemsOf(Page{Frames: []string{frame}}); !strings.Contains(got, fmt.Sprintf("page.frames has %q; allowed: https://host", frame)) {
			t.Errorf("frame %q: %s", frame, got)
		}
	}
	if got := problemsOf(Page{Frames: many}); !strings.Contains(got, "page.frames has 33 origins; allowed: up to 32") {
		t.Error(got)
	}
	if got := problemsOf(Page{Frames: []string{"https://b.example", "https://b.example"}}); !strings.Contains(got, "twice") {
		t.Error(got)
	}
	if got := problemsOf(Page{Frames: []string{"https://a.example"}}); !strings.Contains(got, "own origin") {
		t.Error(got)
	}
	// The file is checked as a whole.
	_, err := Parse([]byte(strings.TrimSuffix(least, "}\n") + ", page: {logo: x}}"))
	if err == nil || !strings.Contains(err.Error(), `environment a: page.logo is "x"`) {
		t.Errorf("%v", err)
	}
}
