package storybook

import (
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/verifier/pages"
)

// The application that the stories are about.
const (
	name = "Fernhill Clinic"
	logo = "/assets/logo.svg"
)

// strict is the content security policy of a story's page: the one that the agent must work under, with style sheets and a logo.
const strict = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'" + rest

const (
	withoutWasm = "default-src 'none'; script-src 'self'" + rest
	rest        = "; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'self'; require-trusted-types-for 'script'"
)

// scheme is the value of color-scheme for a theme.
func scheme(theme string) string {
	if theme == preferred {
		return "light dark"
	}
	return theme
}

// page shows a story: a page of the application, or one of the verifier's own.
func (b *Book) page(w http.ResponseWriter, r *http.Request, p place) {
	b.begin(w, p, -1)
	if p.story.page != nil {
		b.showPage(w, p, p.story.page)
		return
	}
	policy := p.story.policy
	if policy == "" {
		policy = strict
	}
	b.write(w, policy, "page.html", struct {
		Language, Direction, Theme, Name, Title string
		Agent, Mode, Script                     string
		Late                                    bool
	}{p.language.Tag(), p.direction, p.theme, name, p.story.title, p.base() + prefix + "agent.js", p.story.mode, p.story.script, p.story.late})
}

// showPage shows one of the verifier's own pages.
func (b *Book) showPage(w http.ResponseWriter, p place, make func(pages.Page) pages.Page) {
	page := pages.Page{Prefix: p.base() + prefix, Language: p.language, Brand: pages.Brand{Name: name, Logo: logo}}
	pages.Write(shared{ResponseWriter: w, frames: true}, http.StatusOK, make(page))
}

// shared lets the index show in a frame what the verifier lets nobody frame, and has nothing kept that may differ the next time.
type shared struct {
	http.ResponseWriter
	frames bool
}

func (s shared) WriteHeader(status int) {
	h := s.Header()
	h.Set("Cache-Control", "no-store")
	if s.frames {
		h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors 'self'", 1))
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s shared) Write(data []byte) (int, error) {
	s.Header().Set("Cache-Control", "no-store")
	return s.ResponseWriter.Write(data)
}
