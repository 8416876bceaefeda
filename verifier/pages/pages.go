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

// Page is what one page says.
type Page struct {
	Prefix     string
	Title      string
	Paragraphs []string
	// Buttons are what the person can do, the most likely first. Other is a link for people who want none of them.
	Buttons []Action
	Other   Action
	// Agent makes the page act by itself; AskStay asks the person first.
	Agent   *Agent
	AskStay *AskStay
}

// Action is something that a person can choose: a link and what it says.
type Action struct{ Link, Text string }

// Agent is what the agent on a page is told.
type Agent struct {
	Mode     string // sign-in, resume or sign-out
	Nonce    string // for the first proof of a sign-in
	ReturnTo string
	Stay     bool // the person chose to stay signed in (A7)
	// Referrer has the page's own requests say its whole address, which never leaves this origin.
	Referrer bool
}

// AskStay is the question whether to stay signed in (A7), and what the answer is sent with.
type AskStay struct {
	ReturnTo string
	Again    bool
}

// policy is the strict content security policy that the agent works under, and a style sheet of our own.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; form-action "

// Write answers with a page that nobody may keep or frame.
func Write(w http.ResponseWriter, status int, p Page) {
	forms, referrer := "'none'", "no-referrer"
	if p.AskStay != nil {
		forms = "'self'"
	}
	if p.Agent != nil && p.Agent.Referrer {
		referrer = "same-origin"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy+forms)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", referrer)
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
