// Package login signs people in at an OpenID provider: authorization code with PKCE (RFC 7636), bound to the browser that
// began and to the key that it made (B3), and asking for credentials where a session has ended (B1).
package login

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// ProviderConfig names an OpenID provider and this verifier's registration there.
type ProviderConfig struct {
	Issuer       string
	ClientID     string
	ClientSecret string   // empty for a public client
	Scopes       []string // besides openid
}

// Provider is an OpenID provider, discovered when first needed so that a verifier starts while its provider is down. It is
// safe for concurrent use.
type Provider struct {
	config ProviderConfig
	client *http.Client
	now    func() time.Time

	asking singleflight.Group
	found  atomic.Pointer[discovered]
}

type discovered struct {
	oauth      oauth2.Config
	verifier   *oidc.IDTokenVerifier
	endSession string
}

// providerTimeout bounds each request to a provider.
const providerTimeout = 10 * time.Second

// NewProvider makes a provider that is reached through client; nil means one with a timeout.
func NewProvider(config ProviderConfig, client *http.Client, now func() time.Time) *Provider {
	if client == nil {
		client = &http.Client{Timeout: providerTimeout}
	}
	return &Provider{config: config, client: client, now: now}
}

// discover returns what the provider's discovery document says (OpenID Connect Discovery section 4). It is read once, by one of
// those who ask at the same time; each waits for it no longer than its own ctx.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	if found := p.found.Load(); found != nil {
		return found, nil
	}
	// The key set lives longer than the request that happens to be the first.
	lasting := oidc.ClientContext(context.WithoutCancel(ctx), p.client)
	reading := p.asking.DoChan("", func() (any, error) {
		found, err := p.read(lasting)
		if err == nil {
			p.found.Store(found)
		}
		return found, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-reading:
		return result.Val.(*discovered), result.Err
	}
}

func (p *Provider) read(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.config.Issuer, err)
	}
	var more struct {
		EndSession  string   `json:"end_session_endpoint"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.config.Issuer, err)
	}
	// Said outright, because oauth2 would otherwise try one way after the other with a code that is good for one try. The default is
	// client_secret_basic (OpenID Connect Discovery section 3).
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.config.ClientSecret == "" || len(more.AuthMethods) > 0 && !slices.Contains(more.AuthMethods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &discovered{
		oauth: oauth2.Config{
			ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret,
			Endpoint: endpoint, Scopes: append([]string{oidc.ScopeOpenID}, p.config.Scopes...),
		},
		verifier:   provider.VerifierContext(ctx, &oidc.Config{ClientID: p.config.ClientID, Now: p.now}),
		endSession: more.EndSession,
	}, nil
}
