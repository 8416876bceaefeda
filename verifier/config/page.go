package config

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/curfew-project/curfew/verifier/settings"
)

// Page is settings.Page as the file has it.
type Page struct {
	Name   string   `yaml:"name"`
	Logo   string   `yaml:"logo"`
	Frames []string `yaml:"frames"`
	Notify bool     `yaml:"notify"`
}

// Bounds of a page.
const (
	maxLogo   = 2 << 10 // bytes
	maxFrames = 32
)

func (p Page) inForce() settings.Page {
	return settings.Page{Name: p.Name, Logo: p.Logo, Frames: slices.Clone(p.Frames), Notify: p.Notify}
}

func (p Page) validate(b block, own []string) {
	if allowed := settings.CheckName(p.Name); allowed != "" {
		b.add("page.name", "is %q, %d characters; allowed: %s", p.Name, utf8.RuneCountInString(p.Name), allowed)
	}
	if p.Logo != "" && !logoAddress(p.Logo) {
		b.add("page.logo", "is %q; allowed: a path such as /logo.svg, or an https address, up to %d bytes, with what is not ASCII percent-encoded", p.Logo, maxLogo)
	}
	if len(p.Frames) > maxFrames {
		b.add("page.frames", "has %d origins; allowed: up to %d", len(p.Frames), maxFrames)
	}
	for i, frame := range p.Frames {
		problem := settings.CheckOrigin(frame)
		switch {
		case problem != "":
			b.addItem("page.frames", i, "has %q; allowed: %s", frame, problem)
		case slices.Contains(own, frame):
			b.addItem("page.frames", i, "has %q, the environment's own origin; allowed: others, because frames of its own always take part", frame)
		case slices.Contains(p.Frames[:i], frame):
			b.addItem("page.frames", i, "has %q twice; allowed: each origin once", frame)
		}
	}
}

// logoAddress reports whether text is a path of the origin or an https address, as it may stand in a page and, as far as its origin
// goes, in a content security policy.
func logoAddress(text string) bool {
	if len(text) > maxLogo || strings.HasPrefix(text, "//") {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte("\"'\\<>`", c) >= 0 {
			return false
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Fragment != "" {
		return false
	}
	if u.Scheme == "" {
		return strings.HasPrefix(text, "/")
	}
	return u.Scheme == "https" && settings.CheckOrigin("https://"+u.Host) == ""
}
