package provider

import (
	"errors"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

var errBadRefreshToken = errors.New("provider: refresh token is unknown, used, too old or revoked")

// keptUsed is how many used refresh tokens of one family are remembered.
const keptUsed = 100

// family is a refresh token and all that it was rotated into. Presenting one
// that was already used ends the whole family, because one of its two holders
// has stolen it (RFC 9700, section 4.14.2).
type family struct {
	account  *account
	clientID string
	sid      string
	scopes   []string
	authTime time.Time
	expires  time.Time
	current  digest
	used     []digest // oldest first
}

type accessToken struct {
	account  *account
	clientID string
	sid      string
	scopes   []string
	expires  time.Time
}

// grant is what a token is made from, whichever way it was asked for.
type grant struct {
	account  *account
	clientID string
	sid      string
	scopes   []string
	authTime time.Time
}

func (s *state) addAccessToken(g grant, now time.Time) (id string, expires time.Time, err error) {
	if id, err = s.secret(); err != nil {
		return "", time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.join(g.sid, g.clientID, now); err != nil {
		return "", time.Time{}, err
	}
	expires = now.Add(AccessTokenLifetime)
	makeRoom(s.tokens, maxTokens, func(t accessToken) bool { return !now.Before(t.expires) })
	s.tokens[id] = accessToken{g.account, g.clientID, g.sid, g.scopes, expires}
	return id, expires, nil
}

func (s *state) accessTokenByID(id, subject string, now time.Time) (accessToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[id]
	if !ok || !now.Before(t.expires) || t.account.disabled || t.account.subject != subject {
		return accessToken{}, false
	}
	return t, true
}

func (s *state) addFamily(g grant, now time.Time) (string, error) {
	secret, err := s.secret()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropFamilies(now)
	s.refresh[digestOf(secret)] = &family{
		account: g.account, clientID: g.clientID, sid: g.sid, scopes: g.scopes,
		authTime: g.authTime, expires: now.Add(RefreshLifetime), current: digestOf(secret),
	}
	return secret, nil
}

// dropFamilies makes room by whole families: a used token that outlived its
// family would otherwise be taken for an unknown one.
func (s *state) dropFamilies(now time.Time) {
	if len(s.refresh) < maxFamilies {
		return
	}
	for _, f := range s.refresh {
		if !now.Before(f.expires) || len(s.refresh) >= maxFamilies {
			s.revokeFamily(f)
		}
	}
}

// refreshGrant looks a presented refresh token up. A used one ends its family.
// The grant is there for a known token, also beside an error.
func (s *state) refreshGrant(secret string, now time.Time) (grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.familyOf(secret, now)
	if f == nil {
		return grant{}, err
	}
	return grant{f.account, f.clientID, f.sid, f.scopes, f.authTime}, err
}

// rotate replaces a refresh token. Of two that rotate the same token at once,
// one fails, and the family with it.
func (s *state) rotate(secret string, now time.Time) (string, error) {
	next, err := s.secret()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.familyOf(secret, now)
	if err != nil {
		return "", err
	}
	f.used = append(f.used, f.current)
	if len(f.used) > keptUsed {
		delete(s.refresh, f.used[0])
		f.used = slices.Delete(f.used, 0, 1)
	}
	f.current = digestOf(next)
	s.refresh[f.current] = f
	return next, nil
}

// familyOf wants mu held. Beside an error it returns the family where it is
// known.
func (s *state) familyOf(secret string, now time.Time) (*family, error) {
	f, ok := s.refresh[digestOf(secret)]
	if !ok {
		return nil, errBadRefreshToken
	}
	if f.account.disabled {
		return f, errDisabled
	}
	if f.current != digestOf(secret) || !now.Before(f.expires) {
		s.revokeFamily(f)
		return f, errBadRefreshToken
	}
	return f, nil
}

// revoke ends a refresh token's family, or one access token. It reports false
// when the token belongs to another client.
func (s *state) revoke(tokenOrID, clientID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.refresh[digestOf(tokenOrID)]; ok {
		if f.clientID != clientID {
			return false
		}
		s.revokeFamily(f)
		return true
	}
	if t, ok := s.tokens[tokenOrID]; ok {
		if t.clientID != clientID {
			return false
		}
		delete(s.tokens, tokenOrID)
	}
	return true
}

func (s *state) refreshOwner(secret string) (*account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.refresh[digestOf(secret)]
	if !ok {
		return nil, false
	}
	return f.account, true
}

// revokeFamily wants mu held. It ends the session's access tokens too.
func (s *state) revokeFamily(f *family) {
	delete(s.refresh, f.current)
	for _, d := range f.used {
		delete(s.refresh, d)
	}
	for id, t := range s.tokens {
		if t.sid == f.sid && t.clientID == f.clientID {
			delete(s.tokens, id)
		}
	}
}

// refreshRequest shows a refresh to the OIDC library.
type refreshRequest struct {
	grant
	skew time.Duration
}

var _ op.RefreshTokenRequest = (*refreshRequest)(nil)

func (r *refreshRequest) GetAMR() []string                 { return []string{"pwd"} }
func (r *refreshRequest) GetAudience() []string            { return []string{r.clientID} }
func (r *refreshRequest) GetAuthTime() time.Time           { return r.authTime.Add(r.skew) }
func (r *refreshRequest) GetClientID() string              { return r.clientID }
func (r *refreshRequest) GetScopes() []string              { return r.scopes }
func (r *refreshRequest) GetSubject() string               { return r.account.subject }
func (r *refreshRequest) SetCurrentScopes(scopes []string) { r.scopes = scopes }
func (r *refreshRequest) sessionID() string                { return r.sid }
