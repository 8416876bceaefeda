// Package storybook shows every state of the dialog, of the cover and of the verifier's own pages, in every language, theme and
// direction, to people who work on them. The agent and the loader are the real ones; the verifier is a script that keeps each page in
// its state. It guards nothing, so it must be reachable from this machine only.
package storybook

import (
	"embed"
	"html/template"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/texts"
	"github.com/curfew-project/curfew/wasm/dist"
)

//go:embed assets
var assets embed.FS

// Config is what a Book needs. All fields are required.
type Config struct {
	Agent *dist.Dist
	Texts *texts.Catalog
	Now   func() time.Time
}

// Book serves the storybook. It is safe for concurrent use.
type Book struct {
	Config
	stories   []story
	templates *template.Template
	mux       *http.ServeMux
}

// The parameters in the addresses of stories, besides the story and the language.
const (
	light     = "light"
	dark      = "dark"
	preferred = "preferred" // as the person's settings say
	ltr       = "ltr"
	rtl       = "rtl"
)

func themes() []string     { return []string{light, dark, preferred} }
func directions() []string { return []string{ltr, rtl} }

// New makes a storybook.
func New(c Config) (*Book, error) {
	templates, err := template.ParseFS(assets, "assets/*.html")
	if err != nil {
		return nil, err
	}
	b := &Book{Config: c, stories: stories(), templates: templates, mux: http.NewServeMux()}
	b.mux.HandleFunc("GET /{$}", b.index)
	b.mux.HandleFunc("GET /assets/{file}", b.asset)
	b.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { // or every console would have an error
		http.ServeFileFS(w, r, assets, "assets/logo.svg")
	})
	b.mux.HandleFunc("GET /agent/{module}", c.Agent.ServeWasm)
	const page = "/s/{story}/{language}/{theme}/{direction}/"
	b.mux.HandleFunc("GET "+page+"{$}", b.at((*Book).page))
	b.mux.HandleFunc(page+prefix+"{file}", b.at((*Book).verifier))
	return b, nil
}

// ServeHTTP answers who asks for this machine by its own name: a page elsewhere whose name was made to lead here gets nothing.
func (b *Book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		http.Error(w, "the storybook is at localhost only", http.StatusForbidden)
		return
	}
	b.mux.ServeHTTP(w, r)
}

// place is one story in one language, theme and direction.
type place struct {
	story     story
	language  *texts.Language
	theme     string
	direction string
}

// base is the address of the place, with a slash at its end. The verifier's addresses lie below it, so that each place has locks,
// channels and cookies of its own.
func (p place) base() string {
	return "/s/" + p.story.name + "/" + p.language.Tag() + "/" + p.theme + "/" + p.direction + "/"
}

// prefix is where the verifier's addresses are below a place's.
const prefix = ".curfew/"

// at finds the place that an address means, and answers 404 where there is none.
func (b *Book) at(handle func(*Book, http.ResponseWriter, *http.Request, place)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := place{theme: r.PathValue("theme"), direction: r.PathValue("direction")}
		number := slices.IndexFunc(b.stories, func(s story) bool { return s.name == r.PathValue("story") })
		p.language = b.language(r.PathValue("language"))
		if number < 0 || p.language == nil || !slices.Contains(themes(), p.theme) || !slices.Contains(directions(), p.direction) {
			http.NotFound(w, r)
			return
		}
		p.story = b.stories[number]
		handle(b, w, r, p)
	}
}

// language is the one with this tag, or nil.
func (b *Book) language(tag string) *texts.Language {
	for _, l := range b.Texts.Languages() {
		if l.Tag() == tag {
			return l
		}
	}
	return nil
}

func (b *Book) asset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.PathValue("file"))
	if path.Ext(name) == ".html" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, assets, "assets/"+name)
}

// write answers with a page that nobody keeps.
func (b *Book) write(w http.ResponseWriter, policy, name string, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	_ = b.templates.ExecuteTemplate(w, name, data) // a browser that went away is no concern here
}
