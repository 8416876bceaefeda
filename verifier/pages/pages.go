// Package pages renders the few pages that the verifier shows to people itself: signing in and out, and what to do when that
// fails. They say nothing technical.
package pages

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var source string

//go:embed page.css
var style []byte

var page = template.Must(template.New("page").Parse(source))

// Page is what one page says. Mode, Nonce and ReturnTo go to the agent when the page has it.
type Page struct {
	Prefix         string
	Title          string
	Paragraphs     []string
	Mode           string // sign-in, resume, sign-out, or empty for no agent
	Nonce          string
	ReturnTo       string
	Link, LinkText string
	// Other is a second link, for people who do not want the first.
	Other, OtherText string
}

// policy is the strict content security policy that the agent works under, and a style sheet of our own.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Write answers with a page that nobody may keep or frame.
func Write(w http.ResponseWriter, status int, p Page) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	page.Execute(w, p)
}

// Style serves the pages' style sheet.
func Style(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(style)
}
