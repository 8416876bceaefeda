package provider

import (
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// signOutForm carries a sign-out request through the question whether the
// person wants it. The request is checked again when the answer comes.
type signOutForm struct {
	Base, CSRF, Name                   string
	Hint, ClientID, RedirectURI, State string
}

var problemSignOut = problem{"This sign-out request is not valid",
	"You are still signed in here. Go back to the application and sign out from there."}

// endSession answers RP-initiated logout (OpenID Connect RP-Initiated Logout
// 1.0, section 2). A valid id_token_hint of the browser's own user ends the
// session at once; without one, or for another user, the person is asked, so
// that no link on some page can sign them out.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	in, checked, ok := p.parseSignOut(w, r)
	if !ok {
		return
	}
	found, signedIn := p.browserSession(r)
	hint := checked.IDTokenHintClaims
	if signedIn && (hint == nil || hint.Subject != found.account.subject) {
		p.askSignOut(w, r, in, found, checked.RedirectURI)
		return
	}
	sid := ""
	if hint != nil {
		sid = hint.SessionID
	}
	p.finishSignOut(w, r, sid, checked.RedirectURI)
}

// confirmedSignOut takes the answer to askSignOut, and the home page's button.
func (p *Provider) confirmedSignOut(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || !p.csrfValid(r, purposeSignOut) {
		p.showProblem(w, http.StatusForbidden, problemSignOut)
		return
	}
	_, checked, ok := p.parseSignOut(w, r)
	if !ok {
		return
	}
	p.finishSignOut(w, r, "", checked.RedirectURI)
}

func (p *Provider) parseSignOut(w http.ResponseWriter, r *http.Request) (*oidc.EndSessionRequest, *op.EndSessionRequest, bool) {
	ctx := op.ContextWithIssuer(r.Context(), p.issuer)
	in, err := op.ParseEndSessionRequest(r, p.op.Decoder())
	if err != nil {
		p.showProblem(w, http.StatusBadRequest, problemSignOut)
		return nil, nil, false
	}
	sent := *in // the check below fills fields in
	checked, err := op.ValidateEndSessionRequest(ctx, in, p.op)
	if err != nil || (sent.PostLogoutRedirectURI != "" && checked.ClientID == "") {
		p.showProblem(w, http.StatusBadRequest, problemSignOut)
		return nil, nil, false
	}
	return &sent, checked, true
}

func (p *Provider) askSignOut(w http.ResponseWriter, r *http.Request, in *oidc.EndSessionRequest, found session, redirect string) {
	browser, err := p.browserOf(w, r)
	if err != nil {
		p.showProblem(w, http.StatusInternalServerError, problemInternal)
		return
	}
	target := ""
	if u, err := url.Parse(redirect); err == nil && in.PostLogoutRedirectURI != "" {
		target = u.Scheme + "://" + u.Host
	}
	p.show(w, http.StatusOK, "confirm.html", target, signOutForm{
		Base: p.base, CSRF: p.csrfToken(browser, purposeSignOut), Name: found.account.DisplayName,
		Hint: in.IdTokenHint, ClientID: in.ClientID, RedirectURI: in.PostLogoutRedirectURI, State: in.State,
	})
}

func (p *Provider) finishSignOut(w http.ResponseWriter, r *http.Request, sid, redirect string) {
	p.notify(r.Context(), p.state.endSession(cookieValue(r, sessionCookie), sid))
	p.clearCookie(w, sessionCookie)
	http.Redirect(w, r, redirect, http.StatusSeeOther)
}
