package provider

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*.css assets/*.svg
var assetFiles embed.FS

var pages = template.Must(template.ParseFS(templateFiles, "templates/*.html"))

// policy allows the provider's own style sheet and its own forms, nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "

// asset serves one embedded file.
func asset(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		http.ServeFileFS(w, r, assetFiles, "assets/"+name)
	})
}

// show writes a page. formTarget is one more origin that forms may lead to: a
// browser holds the redirect after a form against the same list.
func (p *Provider) show(w http.ResponseWriter, status int, name, formTarget string, data any) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, data); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("X-Frame-Options", "DENY")
	if formTarget != "" {
		formTarget = " " + formTarget
	}
	h.Set("Content-Security-Policy", policy+"'self'"+formTarget)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a write error means the caller is gone
}

// notice is a page with a title, a sentence or two, and no choices.
type notice struct {
	Base, Title, Text string
	Good              bool
	SignOut           *signOutForm
}

type problem struct{ title, text string }

// Every problem says what happened and what the person can do.
var (
	problemRequest  = problem{"This request cannot be read", "Go back to the application and try again."}
	problemClient   = problem{"This application is not known here", "Ask the person who runs it to register it with this identity provider."}
	problemRedirect = problem{"This application may not receive sign-ins at that address", "Ask the person who runs it to register the address with this identity provider."}
	problemStale    = problem{"This sign-in page is no longer valid", "It was opened too long ago, was already used, or belongs to another browser. Go back to the application and sign in from there."}
	problemInternal = problem{"Something went wrong here", "Wait a moment, go back to the application and try again."}
)

func (p *Provider) showProblem(w http.ResponseWriter, status int, what problem) {
	p.show(w, status, "notice.html", "", notice{Base: p.base, Title: what.title, Text: what.text})
}

func (p *Provider) signedOut(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusOK, "notice.html", "", notice{Base: p.base, Good: true,
		Title: "You are signed out", Text: "The next sign-in asks for your password. You can close this window."})
}

func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	n := notice{Base: p.base, Title: "Demo ID", Text: "This is the identity provider of a demo. You are not signed in. Start from the application."}
	if found, ok := p.browserSession(r); ok {
		browser, err := p.browserOf(w, r)
		if err != nil {
			p.showProblem(w, http.StatusInternalServerError, problemInternal)
			return
		}
		n.Good = true
		n.Text = "You are signed in as " + found.account.DisplayName + "."
		n.SignOut = &signOutForm{Base: p.base, CSRF: p.csrfToken(browser, purposeSignOut)}
	}
	p.show(w, http.StatusOK, "notice.html", "", n)
}
