package provider

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
)

// Logout is what a logout token says: a session of the provider has ended, or all of a user.
type Logout struct {
	JTI      string // names the token; it is good once
	Subject  string // the user; empty when only the session is named
	SID      string // the provider's session ID; empty: all sessions of the user
	IssuedAt int64  // milliseconds since the epoch
	Until    int64  // until when a replay must be remembered, in milliseconds since the epoch
}

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	logoutAge   = 5 * time.Minute // the oldest logout token
	maxJTI      = 255             // bytes
)

// logoutTokenTypes are the values of typ that a logout token may have. The specification recommends logout+jwt and asks that others
// be accepted that providers have used: the generic one.
var logoutTokenTypes = [...]string{"logout+jwt", "jwt"}

// LogoutToken verifies a logout token (OpenID Connect Back-Channel Logout section 2.6), all but that it was not seen before: the caller
// remembers JTI until Until. A token that is not sound gives a LogoutError; when that cannot be told because the provider does not
// answer, the error is a Fault, or that of a ctx that was cancelled.
//
// A token without exp is taken, although the final specification requires one: providers of earlier drafts send none, refusing would
// leave sessions alive that shall end, and how old iat may be bounds replays more tightly than their exp does.
func (p *Provider) LogoutToken(ctx context.Context, raw string) (Logout, error) {
	if len(raw) > MaxLogoutToken { // before anything is done for it
		return Logout{}, &LogoutError{Check: "form"}
	}
	doc, err := p.document.get(ctx)
	if err != nil {
		return Logout{}, err
	}
	said, err := doc.open(ctx, raw, MaxLogoutToken, logoutTokenTypes[:], unsolicited)
	var failed check
	if err == nil {
		var out Logout
		if out, failed = p.checkLogout(said); failed == "" {
			return out, nil
		}
		err = failed
	}
	if errors.As(err, &failed) {
		return Logout{}, &LogoutError{Check: string(failed)}
	}
	return Logout{}, err
}

// addressed reports whether a logout token is for this verifier, or for the application's own client whose sign-ins were handed in (A6).
func (p *Provider) addressed(audiences []string) bool {
	return slices.Contains(audiences, p.config.ClientID) ||
		p.config.HandInAudience != "" && slices.Contains(audiences, p.config.HandInAudience)
}

// checkLogout checks the claims of a logout token whose signature is sound.
func (p *Provider) checkLogout(said claims) (Logout, check) {
	var out Logout
	var ok bool
	if issuer, ok := said.text("iss", session.MaxIssuer); !ok || issuer != p.config.Issuer {
		return out, "iss"
	}
	if audiences, ok := said.audience(); !ok || !p.addressed(audiences) {
		return out, "aud"
	}
	now := p.now()
	issued, ok := said.seconds("iat")
	until := time.Unix(issued, 0).Add(logoutAge + p.config.ClockSkew)
	if !ok || p.future(now, issued) || now.After(until) {
		return out, "iat"
	}
	if said.has("exp") {
		expires, ok := said.seconds("exp")
		end := time.Unix(expires, 0).Add(p.config.ClockSkew)
		if !ok || !now.Before(end) {
			return out, "exp"
		}
		if end.Before(until) {
			until = end
		}
	}
	if out.JTI, ok = said.text("jti", maxJTI); !ok {
		return out, "jti"
	}
	events, _ := parseClaims(said["events"])
	if _, ok := parseClaims(events[logoutEvent]); !ok {
		return out, "events"
	}
	if out.Subject, ok = said.text("sub", session.MaxSubject); !ok && said.has("sub") {
		return out, "sub"
	}
	if out.SID, ok = said.text("sid", session.MaxProvider); !ok && said.has("sid") {
		return out, "sid"
	}
	if out.Subject == "" && out.SID == "" {
		return out, "subject"
	}
	if said.has("nonce") { // it would pass for an ID token
		return out, "nonce"
	}
	out.IssuedAt = issued * 1000
	out.Until = until.Add(time.Second).UnixMilli() // a second more than it is good for
	return out, ""
}
