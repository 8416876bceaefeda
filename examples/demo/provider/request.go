package provider

import (
	"errors"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var (
	errUnknownRequest = errors.New("provider: sign-in request is unknown or too old")
	errOtherBrowser   = errors.New("provider: sign-in request belongs to another browser")
	errUnknownCode    = errors.New("provider: code is unknown, used or too old")
)

// request is an authorization request from its arrival until its code is
// exchanged.
type request struct {
	id, clientID, redirectURI, state, nonce string
	scopes, prompt                          []string
	loginHint                               string
	hintSubject                             string // from id_token_hint
	maxAge                                  *time.Duration
	challenge                               string // S256, always present
	created                                 time.Time
	browser                                 string // the browser that opened the form first

	// Set when the person is signed in.
	account  *account
	sid      string
	authTime time.Time
}

type code struct {
	requestID string
	expires   time.Time
}

// mustEnterPassword says whether a session with this sign-in time is not enough
// for the request (OpenID Connect Core 1.0, section 3.1.2.1).
func (q *request) mustEnterPassword(found session, now time.Time) bool {
	switch {
	case slices.Contains(q.prompt, oidc.PromptLogin), slices.Contains(q.prompt, oidc.PromptSelectAccount):
		return true
	case q.maxAge != nil && (*q.maxAge <= 0 || now.Sub(found.authTime) > *q.maxAge):
		return true
	case q.hintSubject != "" && q.hintSubject != found.account.subject:
		return true
	case q.loginHint != "" && !matchesHint(found.account, q.loginHint):
		return true
	}
	return false
}

func (q *request) silent() bool { return slices.Contains(q.prompt, oidc.PromptNone) }

func matchesHint(a *account, hint string) bool {
	hint = foldName(hint)
	return hint == foldName(a.Name) || hint == foldName(a.Email)
}

func (s *state) addRequest(q *request, now time.Time) error {
	id, err := s.secret()
	if err != nil {
		return err
	}
	q.id, q.created = id, now
	s.mu.Lock()
	defer s.mu.Unlock()
	makeRoom(s.requests, maxRequests, func(v *request) bool { return now.Sub(v.created) >= RequestLifetime })
	s.requests[id] = q
	return nil
}

// requestByID returns a copy, or errUnknownRequest.
func (s *state) requestByID(id string, now time.Time) (request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.requests[id]
	if !ok || now.Sub(q.created) >= RequestLifetime {
		delete(s.requests, id)
		return request{}, errUnknownRequest
	}
	return *q, nil
}

// claimRequest binds an unanswered request to the first browser that opens it,
// and refuses every other one: a form address that was passed on is worth nothing.
func (s *state) claimRequest(id, browser string, now time.Time) (request, error) {
	if _, err := s.requestByID(id, now); err != nil {
		return request{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.requests[id]
	if !ok || q.account != nil { // answered: its code is on its way
		return request{}, errUnknownRequest
	}
	if q.browser == "" {
		q.browser = browser
	}
	if q.browser != browser {
		return request{}, errOtherBrowser
	}
	return *q, nil
}

// answerRequest notes who signed in. Only the first answer counts.
func (s *state) answerRequest(id string, found session) (request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.requests[id]
	if !ok || q.account != nil {
		return request{}, errUnknownRequest
	}
	q.account, q.sid, q.authTime = found.account, found.sid, found.authTime
	return *q, nil
}

func (s *state) addCode(requestID, secret string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.requests[requestID]; !ok {
		return errUnknownRequest
	}
	makeRoom(s.codes, maxRequests, func(c code) bool { return !now.Before(c.expires) })
	s.codes[digestOf(secret)] = code{requestID: requestID, expires: now.Add(CodeLifetime)}
	return nil
}

// takeCode uses a code up, whatever becomes of the exchange (RFC 6749, section
// 4.1.2: a code is for one use).
func (s *state) takeCode(secret string, now time.Time) (request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.codes[digestOf(secret)]
	delete(s.codes, digestOf(secret))
	if !ok || !now.Before(c.expires) {
		return request{}, errUnknownCode
	}
	q, ok := s.requests[c.requestID]
	if !ok || q.account == nil || q.account.disabled {
		return request{}, errUnknownCode
	}
	delete(s.requests, c.requestID)
	return *q, nil
}

// authRequest shows a request to the OIDC library.
type authRequest struct {
	request
	skew time.Duration
}

var _ op.AuthRequest = (*authRequest)(nil)

func (a *authRequest) GetID() string          { return a.id }
func (a *authRequest) GetACR() string         { return "" }
func (a *authRequest) GetAMR() []string       { return []string{"pwd"} } // RFC 8176
func (a *authRequest) GetAudience() []string  { return []string{a.clientID} }
func (a *authRequest) GetClientID() string    { return a.clientID }
func (a *authRequest) GetNonce() string       { return a.nonce }
func (a *authRequest) GetRedirectURI() string { return a.redirectURI }
func (a *authRequest) GetScopes() []string    { return a.scopes }
func (a *authRequest) GetState() string       { return a.state }
func (a *authRequest) Done() bool             { return a.account != nil }
func (a *authRequest) sessionID() string      { return a.sid }

// GetAuthTime is ahead by the skew that the library takes off again.
func (a *authRequest) GetAuthTime() time.Time { return a.authTime.Add(a.skew) }

func (a *authRequest) GetResponseType() oidc.ResponseType { return oidc.ResponseTypeCode }
func (a *authRequest) GetResponseMode() oidc.ResponseMode { return oidc.ResponseModeQuery }

func (a *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: a.challenge, Method: oidc.CodeChallengeMethodS256}
}

func (a *authRequest) GetSubject() string {
	if a.account == nil {
		return ""
	}
	return a.account.subject
}
