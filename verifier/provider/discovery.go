package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// document is what is used of a discovery document (OpenID Connect Discovery section 3), checked.
type document struct {
	oauth       oauth2.Config
	keys        *cache[keySet]
	jwks        string
	algorithms  []jose.SignatureAlgorithm
	endSession  *url.URL // nil: there is none
	scopes      []string
	namesItself bool // its authorization responses have iss (RFC 9207)
}

// asymmetric are the algorithms that tokens may be signed with. Those with a shared secret, and none, are never allowed.
var asymmetric = [...]jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// readDocument reads the discovery document. Its keys stay as they are while they are at the same address.
func (p *Provider) readDocument(ctx context.Context) (*document, error) {
	const what = "discovery document"
	broken := func(format string, args ...any) (*document, error) {
		return nil, fault(CauseDiscovery, fmt.Errorf(what+": "+format, args...))
	}
	body, err := p.fetch(ctx, what, strings.TrimSuffix(p.config.Issuer, "/")+"/.well-known/openid-configuration", CauseDiscovery)
	if err != nil {
		return nil, err
	}
	var raw struct {
		oidc.ProviderConfig
		EndSession  string   `json:"end_session_endpoint"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		Scopes      []string `json:"scopes_supported"`
		NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return broken("it is no JSON object with the members that it should have")
	}
	if raw.IssuerURL != p.config.Issuer {
		return nil, fault(CauseDiscovery, fmt.Errorf("%s: %w", what, &oidc.IssuerMismatchError{Provided: p.config.Issuer, Discovered: raw.IssuerURL}))
	}
	secure := strings.HasPrefix(p.config.Issuer, "https://")
	for _, needed := range [...]struct{ name, address string }{
		{"authorization_endpoint", raw.AuthURL}, {"token_endpoint", raw.TokenURL}, {"jwks_uri", raw.JWKSURL},
	} {
		if _, ok := endpoint(needed.address, secure); !ok {
			return broken("%s is missing or no address that can be used", needed.name)
		}
	}
	doc := &document{jwks: raw.JWKSURL, scopes: raw.Scopes, namesItself: raw.NamesItself}
	if raw.EndSession != "" {
		var ok bool
		if doc.endSession, ok = endpoint(raw.EndSession, secure); !ok {
			return broken("end_session_endpoint is no address that can be used")
		}
	}
	if doc.algorithms = allowed(raw.Algorithms); len(doc.algorithms) == 0 {
		return broken("id_token_signing_alg_values_supported has no algorithm with a public key")
	}

	// Said outright, because oauth2 would otherwise try one way after the other with a code that is good for one try. The default is
	// client_secret_basic (OpenID Connect Discovery section 3).
	style := oauth2.AuthStyleInHeader
	if p.config.ClientSecret == "" || len(raw.AuthMethods) > 0 && !slices.Contains(raw.AuthMethods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	doc.oauth = oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Scopes: p.scopes(doc),
		Endpoint: oauth2.Endpoint{AuthURL: raw.AuthURL, TokenURL: raw.TokenURL, AuthStyle: style},
	}
	if old := p.document.last(); old != nil && old.jwks == doc.jwks {
		doc.keys = old.keys
	} else {
		doc.keys = &cache[keySet]{
			now: p.now, pause: keysPause, report: p.seen(ofKeys),
			read: func(ctx context.Context) (*keySet, error) { return p.readKeys(ctx, doc.jwks) },
		}
	}
	return doc, nil
}

// client is the client of one exchange. It is a copy, because using one writes to it.
func (d *document) client(redirectURL string) *oauth2.Config {
	own := d.oauth
	own.RedirectURL = redirectURL
	return &own
}

// endpoint reads an absolute address of the provider. One whose issuer is https has all its addresses there; only for development
// may an issuer be otherwise.
func endpoint(text string, secure bool) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (secure || u.Scheme != "http") {
		return nil, false
	}
	return u, true
}

// allowed are those of the provider's signing algorithms that have a public key; RS256 when it names none.
func allowed(names []string) []jose.SignatureAlgorithm {
	if len(names) == 0 {
		return []jose.SignatureAlgorithm{jose.RS256}
	}
	var list []jose.SignatureAlgorithm
	for _, algorithm := range asymmetric {
		if slices.Contains(names, string(algorithm)) {
			list = append(list, algorithm)
		}
	}
	return list
}

// scopes are those of an authorization request.
func (p *Provider) scopes(doc *document) []string {
	scopes := append([]string{oidc.ScopeOpenID}, p.config.Scopes...)
	if p.offline(doc) && !slices.Contains(scopes, oidc.ScopeOfflineAccess) {
		scopes = append(scopes, oidc.ScopeOfflineAccess)
	}
	return scopes
}

// offline reports whether offline access is asked for.
func (p *Provider) offline(doc *document) bool {
	return p.config.Offline && slices.Contains(doc.scopes, oidc.ScopeOfflineAccess)
}
