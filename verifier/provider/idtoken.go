package provider

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/curfew-project/curfew/verifier/session"
)

// rounding is the unit of a token's instants. A provider may round them up.
const rounding = time.Second

// idTokenTypes are the values of typ that an ID token may have: one of another kind is not one (RFC 8725 section 3.11).
var idTokenTypes = [...]string{"jwt"}

// openIDToken verifies an ID token (OpenID Connect Core section 3.1.3.7) for an audience, all but its user and its nonce. at_hash is
// not looked at, for the access token is not used. The error is a check, a Fault, or that of ctx; with a check, the claims are
// returned as far as the signature is sound.
func (p *Provider) openIDToken(ctx context.Context, doc *document, raw, audience string, by asker) (claims, error) {
	said, err := doc.open(ctx, raw, MaxIDToken, idTokenTypes[:], by)
	if err != nil {
		return nil, err
	}
	if failed := p.checkIDToken(said, audience); failed != "" {
		return said, failed
	}
	return said, nil
}

// checkIDToken checks the claims of an ID token whose signature is sound.
func (p *Provider) checkIDToken(said claims, audience string) check {
	audiences, ok := said.audience()
	if !ok || !slices.Contains(audiences, audience) {
		return "aud"
	}
	// Others in the audience are trusted only as far as the provider says that the token was issued to us.
	party, ok := said.text("azp", 2048)
	if said.has("azp") && (!ok || party != audience) || len(audiences) > 1 && !ok {
		return "azp"
	}
	now := p.now()
	expires, ok := said.seconds("exp")
	if !ok || !now.Add(-p.config.ClockSkew).Before(time.Unix(expires, 0)) {
		return "exp"
	}
	if issued, ok := said.seconds("iat"); !ok || p.future(now, issued) {
		return "iat"
	}
	if from, ok := said.seconds("nbf"); said.has("nbf") && (!ok || p.future(now, from)) {
		return "nbf"
	}
	if at, ok := said.seconds("auth_time"); said.has("auth_time") && (!ok || p.future(now, at)) {
		return "auth_time"
	}
	if _, ok := said.text("sub", session.MaxSubject); !ok {
		return "sub"
	}
	if _, ok := said.text("sid", session.MaxProvider); said.has("sid") && !ok {
		return "sid"
	}
	if _, ok := said.text("nonce", maxNonce); said.has("nonce") && !ok {
		return "nonce"
	}
	// The last, so that who asks about a user can tell a token that is sound but of another issuer (B2).
	if issuer, ok := said.text("iss", session.MaxIssuer); !ok || issuer != p.config.Issuer {
		return "iss"
	}
	return ""
}

const maxNonce = 2048

// ahead is how far the provider's clock may be ahead of ours, whatever skew is configured: an instant that is a little in the future
// gives nobody anything, and refusing it would sign people out for it. The configured skew is for what does (B1).
const ahead = time.Minute

// future reports whether an instant of the provider's clock cannot have been yet.
func (p *Provider) future(now time.Time, seconds int64) bool {
	return !time.Unix(seconds, 0).Before(now.Add(max(p.config.ClockSkew, ahead) + rounding))
}

// continues checks what OpenID Connect Core section 12.2 asks of an ID token of a refresh besides: what it says of the sign-in is what
// the last one said, and it was not issued before that. The last one was verified when it came.
func (p *Provider) continues(said claims, last string) check {
	var before claims
	if last != "" {
		_, payload, ok := split(last)
		if ok {
			before, ok = parseClaims(payload)
		}
		if !ok {
			return "form"
		}
	}
	if nonce, ok := before.text("nonce", maxNonce); said.has("nonce") && (!ok || !bound(said, nonce)) {
		return "nonce"
	}
	if then, ok := before.seconds("auth_time"); ok && said.has("auth_time") {
		if at, ok := said.seconds("auth_time"); !ok || at != then {
			return "auth_time"
		}
	}
	then, _ := before.seconds("iat")
	if at, ok := said.seconds("iat"); !ok || then-at > int64((p.config.ClockSkew+rounding)/time.Second) {
		return "iat"
	}
	return ""
}

// bound reports whether a token has the nonce of its sign-in. No nonce is bound to nothing.
func bound(said claims, nonce string) bool {
	got, ok := said.text("nonce", maxNonce)
	return ok && nonce != "" && subtle.ConstantTimeCompare([]byte(got), []byte(nonce)) == 1
}

// identity is what checked claims say of the user.
func (p *Provider) identity(said claims, raw string) session.Identity {
	who := session.Identity{IDToken: raw, Stay: said.says(p.config.StayClaim, p.config.StayValue)}
	who.Issuer, _ = said.text("iss", session.MaxIssuer)
	who.Subject, _ = said.text("sub", session.MaxSubject)
	who.Provider, _ = said.text("sid", session.MaxProvider)
	who.AuthTime, _ = said.seconds("auth_time")
	for _, claim := range [...]string{"name", "preferred_username"} {
		if name, ok := said.text(claim, MaxIDToken); ok && who.Name == "" {
			who.Name = cut(name, session.MaxName)
		}
	}
	return who
}

// cut shortens a text to whole characters.
func cut(text string, most int) string {
	for len(text) > most {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// unsound makes the error of openIDToken one for callers: of the kind given when a check was not passed.
func unsound(err error, kind Kind) error {
	var failed check
	if errors.As(err, &failed) {
		return &Fault{Kind: kind, Cause: CauseToken, Err: &TokenError{Check: string(failed)}}
	}
	return err
}
