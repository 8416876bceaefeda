// Package login signs people in at an OpenID provider: authorization code with PKCE (RFC 7636), bound to the browser that
// began and to the key that it made (B3), and asking for credentials where a session has ended (B1).
package login

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
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

	mu    sync.Mutex
	found *discovered
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

// discover reads the provider's discovery document (OpenID Connect Discovery section 4), once it can.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The key set lives longer than this request.
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), p.client)
	provider, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.config.Issuer, err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.config.Issuer, err)
	}
	p.found = &discovered{
		oauth: oauth2.Config{
			ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret,
			Endpoint: provider.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, p.config.Scopes...),
		},
		verifier:   provider.VerifierContext(ctx, &oidc.Config{ClientID: p.config.ClientID, Now: p.now}),
		endSession: more.EndSession,
	}
	return p.found, nil
}
