package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"regexp"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var (
	errUnknownClient  = errors.New("provider: unknown client")
	errWrongSecret    = errors.New("provider: wrong client secret")
	errNotOffered     = errors.New("provider: not offered here")
	errForeignRequest = errors.New("provider: token request of an unknown kind")
)

// s256 is the form of a code challenge (RFC 7636, section 4.2).
var s256 = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// storage is what the OIDC library asks for its data. Every call carries the
// request's reading of the clock in its context.
type storage struct {
	state   *state
	clients map[string]client
	key     signingKey
	// asked is told of every refresh token that is known, and what it was worth.
	asked func(ctx context.Context, who *account, clientID string, err error)
}

var (
	_ op.Storage                   = (*storage)(nil)
	_ op.CanSetUserinfoFromRequest = (*storage)(nil)
)

// CreateAuthRequest is called once the library has checked client, redirect
// address, scopes and prompt. What it leaves open is checked here.
func (s *storage) CreateAuthRequest(ctx context.Context, in *oidc.AuthRequest, hintSubject string) (op.AuthRequest, error) {
	at := instantOf(ctx)
	switch {
	case !slices.Contains(in.Scopes, oidc.ScopeOpenID):
		return nil, oidc.ErrInvalidScope().WithDescription("the scope openid is required")
	case in.CodeChallengeMethod != oidc.CodeChallengeMethodS256 || !s256.MatchString(in.CodeChallenge):
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with code_challenge_method S256 is required")
	case in.ResponseMode != "" && in.ResponseMode != oidc.ResponseModeQuery:
		return nil, oidc.ErrInvalidRequest().WithDescription("only response_mode query is supported")
	}
	q := &request{
		clientID: in.ClientID, redirectURI: in.RedirectURI, state: in.State, nonce: in.Nonce,
		scopes: in.Scopes, prompt: in.Prompt, loginHint: in.LoginHint, hintSubject: hintSubject,
		challenge: in.CodeChallenge,
	}
	if in.MaxAge != nil {
		// Longer than a provider session lives is as good as unlimited.
		seconds := min(uint64(*in.MaxAge), uint64(SessionLifetime/time.Second))
		age := time.Duration(seconds) * time.Second
		q.maxAge = &age
	}
	if err := s.state.addRequest(q, at.now); err != nil {
		return nil, err
	}
	return &authRequest{*q, at.skew}, nil
}

func (s *storage) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	at := instantOf(ctx)
	q, err := s.state.requestByID(id, at.now)
	if err != nil {
		return nil, err
	}
	return &authRequest{q, at.skew}, nil
}

func (s *storage) AuthRequestByCode(ctx context.Context, secret string) (op.AuthRequest, error) {
	at := instantOf(ctx)
	q, err := s.state.takeCode(secret, at.now)
	if err != nil {
		return nil, err
	}
	return &authRequest{q, at.skew}, nil
}

func (s *storage) SaveAuthCode(ctx context.Context, requestID, secret string) error {
	return s.state.addCode(requestID, secret, instantOf(ctx).now)
}

// DeleteAuthRequest has nothing left to do: AuthRequestByCode took it away.
func (s *storage) DeleteAuthRequest(context.Context, string) error { return nil }

func (s *storage) CreateAccessToken(ctx context.Context, r op.TokenRequest) (string, time.Time, error) {
	g, err := grantOf(r)
	if err != nil {
		return "", time.Time{}, err
	}
	id, expires, err := s.state.addAccessToken(g, instantOf(ctx).now)
	return id, expires, grantError(err)
}

func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (id, refresh string, expires time.Time, err error) {
	at := instantOf(ctx)
	g, err := grantOf(r)
	if err != nil {
		return "", "", time.Time{}, err
	}
	if current == "" {
		refresh, err = s.state.addFamily(g, at.now)
	} else {
		refresh, err = s.state.rotate(current, at.now)
	}
	if err != nil {
		return "", "", time.Time{}, grantError(err)
	}
	id, expires, err = s.state.addAccessToken(g, at.now)
	return id, refresh, expires, grantError(err)
}

// grantError says invalid_grant (RFC 6749, section 5.2) where the grant is what
// is wrong; the library takes other errors for faults of the provider.
func grantError(err error) error {
	if errors.Is(err, errBadRefreshToken) || errors.Is(err, errDisabled) || errors.Is(err, errEndedLogin) {
		return oidc.ErrInvalidGrant().WithParent(err)
	}
	return err
}

func (s *storage) TokenRequestByRefreshToken(ctx context.Context, secret string) (op.RefreshTokenRequest, error) {
	at := instantOf(ctx)
	g, err := s.state.refreshGrant(secret, at.now)
	if g.account != nil {
		s.asked(ctx, g.account, g.clientID, err)
	}
	if err != nil {
		return nil, err
	}
	return &refreshRequest{g, at.skew}, nil
}

// grantOf accepts the requests that this package itself handed out. Their
// authTime field, unlike GetAuthTime, is without skew.
func grantOf(r op.TokenRequest) (grant, error) {
	switch r := r.(type) {
	case *authRequest:
		return grant{r.account, r.clientID, r.sid, r.scopes, r.authTime}, nil
	case *refreshRequest:
		return r.grant, nil
	}
	return grant{}, errForeignRequest
}

// TerminateSession is not reached: logout.go ends sessions by cookie and sid.
func (s *storage) TerminateSession(context.Context, string, string) error { return errNotOffered }

func (s *storage) RevokeToken(_ context.Context, tokenOrID, _, clientID string) *oidc.Error {
	if !s.state.revoke(tokenOrID, clientID) {
		return oidc.ErrInvalidClient().WithDescription("the token was not issued to this client")
	}
	return nil
}

// GetRefreshTokenInfo answers with the token itself as its ID.
func (s *storage) GetRefreshTokenInfo(_ context.Context, _, secret string) (userID, tokenID string, err error) {
	a, ok := s.state.refreshOwner(secret)
	if !ok {
		return "", "", op.ErrInvalidRefreshToken
	}
	return a.subject, secret, nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.key}}, nil
}

func (s *storage) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, ok := s.clients[id]
	if !ok {
		return nil, oidc.ErrInvalidClient().WithParent(errUnknownClient)
	}
	c.skew = instantOf(ctx).skew
	return c, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, ok := s.clients[id]
	given, want := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(c.Secret))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 || !ok || c.Secret == "" {
		return errWrongSecret
	}
	return nil
}

// SetUserinfoFromScopes is superseded by SetUserinfoFromRequest.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest fills the ID token, with the sid claim that logout
// refers to.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	who := s.state.accountBySubject(r.GetSubject())
	if who == nil {
		return errForeignRequest
	}
	describe(info, who, scopes)
	if with, ok := r.(interface{ sessionID() string }); ok {
		info.AppendClaims("sid", with.sessionID())
	}
	return nil
}

func (s *storage) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, _ string) error {
	t, ok := s.state.accessTokenByID(tokenID, subject, instantOf(ctx).now)
	if !ok {
		return oidc.ErrAccessDenied().WithDescription("the access token is not valid any more")
	}
	describe(info, t.account, t.scopes)
	return nil
}

func describe(info *oidc.UserInfo, a *account, scopes []string) {
	info.Subject = a.subject
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name, info.PreferredUsername = a.DisplayName, a.Name
		if len(a.Roles) > 0 {
			info.AppendClaims("roles", a.Roles)
		}
	}
	if slices.Contains(scopes, oidc.ScopeEmail) && a.Email != "" {
		info.Email, info.EmailVerified = a.Email, true
	}
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotOffered
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotOffered
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotOffered
}

func (s *storage) Health(context.Context) error { return nil }
