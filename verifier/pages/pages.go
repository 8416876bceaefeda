// Package pages renders the few pages that the verifier shows to people itself: signing in and out, and what to do when that
// fails. They say nothing technical, and they say it in the person's language (C7).
package pages

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"

	"github.com/curfew-project/curfew/verifier/texts"
)

//go:embed page.html
var source string

//go:embed page.css
var style []byte

var page = template.Must(template.New("page").Parse(source))

// Page is what one page says.
type Page struct {
	Prefix     string
	Language   *texts.Language // nil means English
	Brand      Brand
	Title      string
	Paragraphs []string
	// Buttons are what the person can do, the most likely first. Other is a link for people who want none of them.
	Buttons []Action
	Other   Action
	// Agent makes the page act by itself; AskStay asks the person first.
	Agent    *Agent
	AskStay  *AskStay
	Sessions *Sessions
}

// Brand is what people know the application by. Both may be empty.
type Brand struct {
	Name string
	Logo string // a path of this origin or an https address
}

// Action is something that a person can choose: a link and what it says.
type Action struct{ Link, Text string }

// Modes of the agent on our own pages.
const (
	ModeGuard    = "" // guards the page, as one of the application
	ModeSignIn   = "sign-in"
	ModeResume   = "resume"
	ModeSignOut  = "sign-out"
	ModeSignedIn = "signed-in" // tells the other windows and closes this one, where it may (A15)
)

// Agent is what the agent on a page is told.
type Agent struct {
	Mode     string // one of the above
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

// Say is a text in the page's language.
func (p Page) Say(key texts.Key) string {
	if p.Language == nil {
		return texts.Default().Text(key)
	}
	return p.Language.Text(key)
}

// Saying is the page with a title and paragraphs.
func (p Page) Saying(title texts.Key, paragraphs ...texts.Key) Page {
	p.Title, p.Paragraphs = p.Say(title), nil
	for _, key := range paragraphs {
		p.Paragraphs = append(p.Paragraphs, p.Say(key))
	}
	return p
}

// Action is a link with its text in the page's language.
func (p Page) Action(link string, key texts.Key) Action { return Action{link, p.Say(key)} }

// Busy reports whether the person has to wait for the agent.
func (p Page) Busy() bool {
	return p.Agent != nil && p.Agent.Mode != ModeSignedIn && p.Agent.Mode != ModeGuard
}

// policy is the strict content security policy that the agent works under, and a style sheet of our own.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Write answers with a page that nobody may keep or frame.
func Write(w http.ResponseWriter, status int, p Page) {
	if p.Language == nil {
		p.Language = texts.Default()
	}
	forms, referrer := "'none'", "no-referrer"
	if p.AskStay != nil || p.Sessions != nil {
		forms = "'self'"
	}
	// A page that says no referrer sends its forms from the origin null (Fetch, append a request Origin header), which is none of ours.
	if p.Sessions != nil || p.Agent != nil && p.Agent.Referrer {
		referrer = "same-origin"
	}
	images := p.Brand.source()
	if images == "" {
		p.Brand.Logo = ""
	} else {
		images = "; img-src " + images
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Language.Tag())
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Security-Policy", policy+"; form-action "+forms+images)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", referrer)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	page.Execute(w, p)
}

// source is where the logo may be loaded from, as a content security policy names it; empty when there is none that may.
func (b Brand) source() string {
	u, err := url.Parse(b.Logo)
	switch {
	case err != nil || b.Logo == "":
		return ""
	case u.Scheme == "https" && u.Host != "":
		return "https://" + u.Host
	case u.Scheme == "" && u.Host == "" && b.Logo[0] == '/':
		return "'self'"
	}
	return ""
}

// Style serves the pages' style sheet.
func Style(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(style)
}
