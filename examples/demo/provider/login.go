package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// maxField bounds a user name and a password, in bytes.
const maxField = 256

// form is what the password page shows.
type form struct {
	Base, ID, CSRF, Client, UserName string
	Again                            bool   // a session exists, but the password is wanted
	Problem                          string // on the whole form
	Mismatch                         bool   // the problem is what was typed
	NameProblem, PasswordProblem     string // on one field
	Hints                            []User
	FocusName, FocusPassword         bool
}

// showForm answers GET /login, where the library sends the browser with the ID
// of a checked authorization request.
func (p *Provider) showForm(w http.ResponseWriter, r *http.Request) {
	at := instantOf(r.Context())
	browser, err := p.browserOf(w, r)
	if err != nil {
		p.showProblem(w, http.StatusInternalServerError, problemInternal)
		return
	}
	id := r.URL.Query().Get("id")
	q, err := p.state.claimRequest(id, browser, at.now)
	if err != nil {
		p.showProblem(w, http.StatusBadRequest, problemStale)
		return
	}
	found, signedIn := p.browserSession(r)
	if signedIn && !q.mustEnterPassword(found, at.now) {
		p.answer(w, r, id, found)
		return
	}
	if q.silent() {
		op.AuthRequestError(w, r, &authRequest{q, at.skew}, oidc.ErrLoginRequired(), p.op)
		return
	}
	f := form{Again: signedIn, UserName: q.loginHint}
	if f.UserName == "" && signedIn {
		f.UserName = found.account.Name
	}
	if chosen := r.URL.Query().Get("user"); chosen != "" { // a link in the list of accounts
		f.UserName = chosen
	}
	p.showLogin(w, r, http.StatusOK, q, browser, f)
}

// takePassword answers POST /login.
func (p *Provider) takePassword(w http.ResponseWriter, r *http.Request) {
	at := instantOf(r.Context())
	if err := r.ParseForm(); err != nil {
		p.showProblem(w, http.StatusBadRequest, problemRequest)
		return
	}
	id, browser := r.PostForm.Get("id"), cookieValue(r, browserCookie)
	if !p.csrfValid(r, id) {
		p.showProblem(w, http.StatusForbidden, problemStale)
		return
	}
	q, err := p.state.claimRequest(id, browser, at.now)
	if err != nil {
		p.showProblem(w, http.StatusBadRequest, problemStale)
		return
	}
	name, password := r.PostForm.Get("username"), r.PostForm.Get("password")
	f := form{UserName: name}
	if name == "" {
		f.NameProblem = "Enter your user name."
	}
	if password == "" {
		f.PasswordProblem = "Enter your password."
	}
	if name == "" || password == "" {
		p.showLogin(w, r, http.StatusUnprocessableEntity, q, browser, f)
		return
	}
	who, err := p.checkFields(name, password, at.now)
	if err != nil {
		p.refusePassword(w, r, q, browser, f, err)
		return
	}
	found, cookie, err := p.state.beginSession(cookieValue(r, sessionCookie), who, at.now)
	if err != nil {
		p.showProblem(w, http.StatusInternalServerError, problemInternal)
		return
	}
	p.setCookie(w, sessionCookie, cookie, SessionLifetime)
	p.answer(w, r, id, found)
}

func (p *Provider) checkFields(name, password string, now time.Time) (*account, error) {
	if len(name) > maxField || len(password) > maxField {
		return nil, errWrongPassword
	}
	return p.state.checkPassword(name, password, now)
}

func (p *Provider) refusePassword(w http.ResponseWriter, r *http.Request, q request, browser string, f form, err error) {
	status := http.StatusUnprocessableEntity
	var locked *lockedError
	switch {
	case errors.As(err, &locked):
		left := locked.Until.Sub(instantOf(r.Context()).now)
		seconds := int((left + time.Second - 1) / time.Second)
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		f.Problem = "Too many wrong passwords. Try again in " + countOf(seconds) + "."
	case errors.Is(err, errDisabled):
		status = http.StatusForbidden
		f.Problem = "This account is disabled, so it cannot sign in. Ask the person who runs this demo."
	default:
		f.Problem, f.Mismatch = "The user name and password do not match. Check both and try again.", true
	}
	p.showLogin(w, r, status, q, browser, f)
}

func countOf(seconds int) string {
	if seconds == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", seconds)
}

// answer sends the browser back to the client with a code.
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, id string, found session) {
	q, err := p.state.answerRequest(id, found)
	if err != nil {
		p.showProblem(w, http.StatusBadRequest, problemStale)
		return
	}
	back, err := op.BuildAuthResponseCallbackURL(r.Context(), &authRequest{q, instantOf(r.Context()).skew}, p.op)
	if err != nil {
		p.showProblem(w, http.StatusInternalServerError, problemInternal)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (p *Provider) showLogin(w http.ResponseWriter, r *http.Request, status int, q request, browser string, f form) {
	if len(f.UserName) > maxField {
		f.UserName = ""
	}
	f.Base, f.ID, f.CSRF, f.Hints = p.base, q.id, p.csrfToken(browser, q.id), p.hints
	f.FocusPassword = f.UserName != "" && f.NameProblem == ""
	f.FocusName = !f.FocusPassword
	target := ""
	if u, err := url.Parse(q.redirectURI); err == nil {
		target = u.Scheme + "://" + u.Host
		f.Client = u.Host
	}
	if c, err := p.op.Storage().GetClientByClientID(r.Context(), q.clientID); err == nil {
		if known, ok := c.(client); ok && known.Name != "" {
			f.Client = known.Name
		}
	}
	p.show(w, status, "login.html", target, f)
}
