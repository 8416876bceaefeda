package provider

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// client shows a Client to the OIDC library, for one request.
type client struct {
	Client
	loginAddress string
	skew         time.Duration
}

var _ op.Client = client{}

func clientsByID(clients []Client, loginAddress string) map[string]client {
	byID := make(map[string]client, len(clients))
	for _, c := range clients {
		byID[c.ID] = client{Client: c, loginAddress: loginAddress}
	}
	return byID
}

func (c client) GetID() string                    { return c.ID }
func (c client) RedirectURIs() []string           { return c.Client.RedirectURIs }
func (c client) PostLogoutRedirectURIs() []string { return c.Client.PostLogoutRedirectURIs }
func (c client) AccessTokenType() op.AccessTokenType {
	return op.AccessTokenTypeBearer
}

// DevMode lets plain http redirect addresses pass: New admits loopback ones only.
func (c client) DevMode() bool                        { return true }
func (c client) IsScopeAllowed(string) bool           { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

func (c client) ApplicationType() op.ApplicationType {
	if c.Secret == "" {
		return op.ApplicationTypeUserAgent
	}
	return op.ApplicationTypeWeb
}

func (c client) AuthMethod() oidc.AuthMethod {
	if c.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic // the library takes client_secret_post as well
}

func (c client) LoginURL(id string) string {
	return c.loginAddress + "?" + url.Values{"id": {id}}.Encode()
}

// ClockSkew and IDTokenLifetime together turn the library's "process clock plus
// skew plus lifetime" into "provider's clock plus lifetime".
func (c client) ClockSkew() time.Duration       { return c.skew }
func (c client) IDTokenLifetime() time.Duration { return AccessTokenLifetime - 2*c.skew }

func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// signingKey is the RSA key in its two forms for the library.
type signingKey struct {
	private *rsa.PrivateKey
	id      string
}

func newSigningKey(key *rsa.PrivateKey) signingKey {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return signingKey{private: key, id: base64.RawURLEncoding.EncodeToString(sum[:12])}
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) ID() string                                  { return k.id }

type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.private.PublicKey }
