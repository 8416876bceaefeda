package provider

import (
	"context"
	"errors"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/curfew-project/curfew/verifier/session"
)

// Code is an authorization code and what belongs to its sign-in.
type Code struct {
	Code        string
	Verifier    string // PKCE (RFC 7636)
	RedirectURL string // that of the authorization request
	Nonce       string // that of the authorization request
}

// Tokens is what a provider gives for a code.
type Tokens struct {
	session.Identity
	RefreshToken string // empty when it gives none
}

// maxCode is far more than any provider's code has, in bytes.
const maxCode = 4 << 10

// Redeem exchanges a code for a verified identity (OpenID Connect Core section 3.1.3). Every error is a Fault, except that of a ctx
// that was cancelled. A token with another nonce is Refused: it is sound, but of another sign-in.
func (p *Provider) Redeem(ctx context.Context, in Code) (Tokens, error) {
	none := Tokens{}
	if !visible(in.Code, maxCode) { // RFC 6749 appendix A.11
		return none, fault(CauseInvalidGrant, errors.New("the code is no authorization code"))
	}
	doc, err := p.document.get(ctx)
	if err != nil {
		return none, err
	}
	token, err := doc.client(in.RedirectURL).Exchange(oidc.ClientContext(ctx, p.asking), in.Code, oauth2.VerifierOption(in.Verifier))
	if err != nil {
		return none, p.unredeemed(ctx, p.tokenFault(err, in.Code, in.Verifier))
	}
	if len(token.RefreshToken) > MaxRefreshToken {
		return none, p.note(errLongRefreshToken())
	}
	raw, said, err := p.idToken(ctx, doc, token)
	if err != nil {
		return none, p.judged(err)
	}
	p.health.saw(ofTokens, nil)
	if !bound(said, in.Nonce) {
		return none, unsound(check("nonce"), Refused)
	}
	return Tokens{p.identity(said, raw), token.RefreshToken}, nil
}

// unredeemed notes why a code could not be redeemed. What anybody can bring about with a code of their own making says nothing of
// the provider.
func (p *Provider) unredeemed(ctx context.Context, f *Fault) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	switch f.Cause {
	case CauseInvalidRequest, CauseClientError, CauseInvalidScope:
		return f
	}
	return p.note(f)
}

// Refresh is what a silent policy check needs (A5).
type Refresh struct {
	Token   string       // the refresh token
	IDToken string       // the last ID token of the session
	User    session.User // whose session it is
}

// Refresh asks the provider whether a user may go on (A5; OpenID Connect Core section 12). When the answer has another refresh token than
// the one sent, keep is called with it before anything else is done, even when the ID token then proves unsound, so that a crash
// does not sign the user out; the error of keep is returned as it is. Every other error is a Fault, except that of a ctx that was
// cancelled. A cancelled call may leave the provider with a rotated token that nobody heard of: do not cancel it lightly.
func (p *Provider) Refresh(ctx context.Context, in Refresh, keep func(rotated string) error) (session.Identity, error) {
	none := session.Identity{}
	if in.Token == "" {
		return none, fault(CauseInvalidRequest, errors.New("there is no refresh token"))
	}
	doc, err := p.document.get(ctx)
	if err != nil {
		return none, err
	}
	if in.User.Issuer != p.config.Issuer { // its token is none of this provider's business
		return none, fault(CauseOtherUser, errors.New("the session is of another issuer"))
	}
	token, err := doc.client("").TokenSource(oidc.ClientContext(ctx, p.asking), &oauth2.Token{RefreshToken: in.Token}).Token()
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return none, ctx.Err()
		}
		return none, p.note(p.tokenFault(err, in.Token))
	}
	if rotated := token.RefreshToken; rotated != in.Token {
		if len(rotated) > MaxRefreshToken {
			return none, p.note(errLongRefreshToken())
		}
		if err := keep(rotated); err != nil {
			return none, err
		}
	}
	raw, said, err := p.idToken(ctx, doc, token)
	if failed := check(""); errors.As(err, &failed) && failed == "iss" {
		if _, other := said.text("iss", session.MaxIssuer); other {
			err = fault(CauseOtherUser, errors.New("the ID token is of another issuer"))
		}
	}
	if err != nil {
		return none, p.judged(err)
	}
	if subject, _ := said.text("sub", session.MaxSubject); subject != in.User.Subject {
		return none, p.note(fault(CauseOtherUser, errors.New("the ID token is of another subject")))
	}
	if failed := p.continues(said, in.IDToken); failed != "" {
		return none, p.judged(failed)
	}
	p.health.saw(ofTokens, nil)
	return p.identity(said, raw), nil
}

// HandedIn verifies an ID token of an application's own sign-in (A6). Every error is a Fault, except that of a ctx that was cancelled;
// a token that is not sound is Refused, with a TokenError, for it did not come from the provider.
func (p *Provider) HandedIn(ctx context.Context, rawIDToken, nonce string) (session.Identity, error) {
	none := session.Identity{}
	if p.config.HandInAudience == "" {
		return none, fault(CauseUnauthorizedClient, errors.New("no application may hand in ID tokens"))
	}
	doc, err := p.document.get(ctx)
	if err != nil {
		return none, err
	}
	said, err := p.openIDToken(ctx, doc, rawIDToken, p.config.HandInAudience, unsolicited)
	if err == nil && !bound(said, nonce) {
		err = check("nonce")
	}
	if err != nil {
		return none, unsound(err, Refused)
	}
	return p.identity(said, rawIDToken), nil
}

// idToken verifies the ID token of an answer of the token endpoint. The error is a check, a Fault, or that of ctx.
func (p *Provider) idToken(ctx context.Context, doc *document, token *oauth2.Token) (string, claims, error) {
	value := token.Extra("id_token")
	if value == nil {
		return "", nil, fault(CauseNoIDToken, errors.New("token endpoint: the answer has no ID token"))
	}
	raw, ok := value.(string)
	if !ok || len(raw) > MaxIDToken {
		return "", nil, fault(CauseAnswer, errors.New("token endpoint: the ID token is no text, or has more than 8 KiB"))
	}
	said, err := p.openIDToken(ctx, doc, raw, p.config.ClientID, solicited)
	return raw, said, err
}

// judged is the error for an ID token that the provider gave. That its keys cannot be read was noted when it was tried.
func (p *Provider) judged(err error) error {
	err = unsound(err, Unreachable)
	if f := (*Fault)(nil); errors.As(err, &f) && (f.Cause == CauseToken || f.Cause == CauseNoIDToken || f.Cause == CauseAnswer || f.Cause == CauseOtherUser) {
		p.health.saw(ofTokens, f)
	}
	return err
}

// note keeps in mind how the token endpoint fared, and passes the error on.
func (p *Provider) note(err error) error {
	if f := (*Fault)(nil); errors.As(err, &f) {
		p.health.saw(ofTokens, f)
	}
	return err
}

func errLongRefreshToken() error {
	return fault(CauseAnswer, errors.New("token endpoint: the refresh token has more than 8 KiB"))
}

// visible reports whether a text has 1 to most bytes, all of them visible ASCII or spaces.
func visible(text string, most int) bool {
	return text != "" && len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}
