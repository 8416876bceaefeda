package engine

import (
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// AssertionType is the typ of an assertion's header (RFC 8725 section 3.11), so that no other token signed with these keys passes for one.
const AssertionType = "curfew-assertion+jwt"

// assertionClaims are what an assertion says. exp is when the cookie goes stale, which is never past a deadline (P1), in whole seconds
// before it.
type assertionClaims struct {
	jwt.RegisteredClaims
	// SubjectID is who the user is, wholly: a subject alone is only unique at its issuer (RFC 9493 section 3.2.3).
	SubjectID struct {
		Format  string `json:"format"`
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	} `json:"sub_id"`
	SID      string `json:"sid"`
	Name     string `json:"name,omitempty"`
	AuthTime int64  `json:"auth_time,omitempty"`
	Confirm  struct {
		Thumbprint string `json:"jkt"`
	} `json:"cnf"` // RFC 9449 section 6.1
}

// Assertion signs who a session belongs to, for an application that does not want to trust its network (ES256, RFC 7519). Its audience is
// the environment's origin and its issuer the one given. cookie is the session's, which Check has let through just now: one signature
// serves for as long as that cookie is good. It is empty when nothing can be said any more.
func (e *Engine) Assertion(env settings.Environment, s session.Session, cookie, issuer string) string {
	now := e.clock()
	ends, _ := s.State.Ends()
	if kept, ok := e.assertions.find(cookie); ok && kept.expires <= ends && now < kept.expires {
		return kept.token
	}
	_, expires, err := e.openCookie(env, cookie)
	if err != nil {
		return ""
	}
	expires = min(expires, ends) / 1000 * 1000
	if now >= expires {
		return ""
	}
	key := e.ring.SigningKey()
	claims := assertionClaims{SID: s.ID.String(), Name: s.Name, AuthTime: s.AuthTime, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Subject: s.User.Subject, Audience: jwt.ClaimStrings{env.Origin},
		IssuedAt: jwt.NewNumericDate(time.UnixMilli(now)), ExpiresAt: jwt.NewNumericDate(time.UnixMilli(expires)),
	}}
	claims.SubjectID.Format, claims.SubjectID.Issuer, claims.SubjectID.Subject = "iss_sub", s.User.Issuer, s.User.Subject
	claims.Confirm.Thumbprint = s.Key.String()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"], token.Header["kid"] = AssertionType, key.ID
	signed, err := token.SignedString(key.Private)
	if err != nil {
		return ""
	}
	e.assertions.keep(cookie, assertion{signed, expires})
	return signed
}

// JWKS are the public keys of what this verifier signs.
func (e *Engine) JWKS() keyring.JWKS { return e.ring.JWKS(e.now()) }

// assertion is a signed one and until when it is good.
type assertion struct {
	token   string
	expires int64
}

// mostAssertions bounds each of two generations: when the young one is full it becomes the old one, and the old one goes.
const mostAssertions = 16 << 10

// assertions remembers what was signed, by cookie. It is safe for concurrent use.
type assertions struct {
	mu         sync.Mutex
	young, old map[string]assertion
}

func (a *assertions) find(cookie string) (assertion, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.young[cookie]; ok {
		return found, true
	}
	found, ok := a.old[cookie]
	return found, ok
}

func (a *assertions) keep(cookie string, one assertion) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.young == nil || len(a.young) >= mostAssertions {
		a.young, a.old = map[string]assertion{}, a.young
	}
	a.young[cookie] = one
}
