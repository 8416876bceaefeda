package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// AuthRequest is what an authorization request is made of. All texts are needed.
type AuthRequest struct {
	State       string
	Nonce       string
	Verifier    string // PKCE (RFC 7636); only its challenge is sent
	RedirectURL string
	Credentials bool // the user must enter credentials (B1)
}

// AuthURL is the address that the browser is sent to (OpenID Connect Core section 3.1.2.1). Every error is a Fault, except that of a
// ctx that was cancelled.
func (p *Provider) AuthURL(ctx context.Context, in AuthRequest) (string, error) {
	if in.State == "" || in.Nonce == "" || in.Verifier == "" || in.RedirectURL == "" {
		return "", fault(CauseInvalidRequest, errors.New("an authorization request needs a state, a nonce, a PKCE verifier and an address to come back to"))
	}
	doc, err := p.document.get(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(in.Nonce), oauth2.S256ChallengeOption(in.Verifier)}
	prompt := ""
	if in.Credentials {
		prompt = "login"
		options = append(options, oauth2.SetAuthURLParam("max_age", "0"))
	}
	if p.config.Consent && p.offline(doc) {
		prompt = join(prompt, "consent")
	}
	if prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	return doc.client(in.RedirectURL).AuthCodeURL(in.State, options...), nil
}

func join(first, second string) string {
	if first == "" {
		return second
	}
	return first + " " + second
}

// Callback reads the provider's answer to an authorization request and returns its code (RFC 6749 section 4.1.2, RFC 9207). The
// caller has checked its state. Every error is a Fault, except that of a ctx that was cancelled. Nothing that it says changes State,
// for anybody can make up an answer.
func (p *Provider) Callback(ctx context.Context, query url.Values) (code string, err error) {
	for _, name := range [...]string{"code", "iss", "error", "error_description"} {
		if len(query[name]) > 1 {
			return "", fault(CauseInvalidGrant, fmt.Errorf("the answer has %s more than once", name))
		}
	}
	doc, err := p.document.get(ctx)
	if err != nil {
		return "", err
	}
	// Before anything else is believed: an answer of another provider may have been mixed up with one of this.
	if issuer := query.Get("iss"); issuer != p.config.Issuer && (doc.namesItself || query.Has("iss")) {
		return "", fault(CauseInvalidGrant, errors.New("the answer is of another issuer"))
	}
	if query.Has("error") {
		code := query.Get("error")
		cause, known := isCode(code)
		if !known {
			cause = CauseClientError
		}
		return "", fault(cause, fmt.Errorf("authorization endpoint: %s", said(code, query.Get("error_description"), nil)))
	}
	if code = query.Get("code"); !visible(code, maxCode) {
		return "", fault(CauseInvalidGrant, errors.New("the answer has no authorization code"))
	}
	return code, nil
}

// EndSession is what a logout request is made of (OpenID Connect RP-Initiated Logout section 2). All may be empty.
type EndSession struct {
	Hint  string // the last ID token of the session
	Back  string // where the browser goes afterwards; registered with the provider
	State string // comes back with it
}

// EndSession is the address at which the browser ends the user's session with the provider (B4). ok is false when the provider has
// none. Every error is a Fault, except that of a ctx that was cancelled.
func (p *Provider) EndSession(ctx context.Context, in EndSession) (address string, ok bool, err error) {
	doc, err := p.document.get(ctx)
	if err != nil || doc.endSession == nil {
		return "", false, err
	}
	end := *doc.endSession
	query := end.Query()
	query.Set("client_id", p.config.ClientID)
	for name, value := range map[string]string{"id_token_hint": in.Hint, "post_logout_redirect_uri": in.Back, "state": in.State} {
		if value != "" {
			query.Set(name, value)
		}
	}
	end.RawQuery = query.Encode()
	return end.String(), true, nil
}
