package main

import (
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// policy is the strict content security policy of the README, with what frames take: the origins of the frames that a page has,
// and of the pages that may have it in a frame.
func policy(frames, ancestors string) string {
	return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; " +
		"form-action 'none'; frame-src " + frames + "; frame-ancestors " + ancestors + "; require-trusted-types-for 'script'"
}

// cases is the application: all of it is guarded.
func (e *example) cases() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", e.page("case.html", policy("'self' "+e.labs, "'none'")))
	// Web resources, each at a depth of its own.
	mux.Handle("GET /WebResources/notes/form.html", e.page("form.html", policy("'self'", "'self'")))
	mux.Handle("GET /WebResources/notes/lines/lines.html", e.page("lines.html", policy("'none'", "'self'")))
	mux.Handle("GET /WebResources/legacy/chart.html", e.page("chart.html", policy("'none'", "'self'")))
	assets(mux)
	return mux
}

// juniper is another organisation's site. It is not guarded: it shows to everybody when its laboratory is open.
func (e *example) juniper() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /hours", e.page("hours.html", policy("'none'", e.own)))
	assets(mux)
	return mux
}

// assets are the style sheet, and the script with which each page says how Curfew sees it.
func assets(mux *http.ServeMux) {
	for _, name := range []string{"style.css", "status.js"} {
		mux.HandleFunc("GET /assets/"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, files, "pages/"+name)
		})
	}
}

func (e *example) page(name, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		// A page that could not be sent whole is the visitor's to load again.
		_ = pages.ExecuteTemplate(w, name, struct{ Labs, Own string }{e.labs, e.own})
	})
}
