// Package provider is all that speaks to an OpenID provider: discovery, the authorization request, the exchange of codes and
// refresh tokens, ID tokens and logout tokens, and the end of the provider's own session.
//
// Every failure has a type that says what it means for a session (Fault, A7). Nothing here reads a clock or draws random
// numbers. A Provider knows nothing of sessions; it keeps in memory the discovery document, the signing keys and how the
// provider fared last.
package provider

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Config names an OpenID provider and this verifier's registration there.
type Config struct {
	Issuer       string // exactly as in the discovery document and in tokens
	ClientID     string
	ClientSecret string   // empty for a public client
	Scopes       []string // besides openid

	// Offline asks for the scope offline_access where the provider lists it, so that it gives a refresh token (A5; OpenID Connect
	// Core section 11).
	Offline bool
	// Consent adds prompt=consent to a request for offline_access. Core section 11 asks for it and some providers ignore the scope
	// without it; others show a page at every sign-in because of it.
	Consent bool

	// StayClaim and StayValue say how the provider tells that the user chose to stay signed in (A7): the claim is StayValue, as a text,
	// a number or a boolean, or an array that has it. Empty: it does not tell.
	StayClaim, StayValue string

	// HandInAudience is the client ID of an application's own sign-in, whose ID tokens may be handed in (A6). Empty: none may.
	HandInAudience string

	// ClockSkew is how far the provider's clock may be from ours; at most 5m.
	ClockSkew time.Duration
}

// Caps, in bytes, of what a provider gives and a session keeps.
const (
	MaxIDToken      = 8 << 10
	MaxRefreshToken = 8 << 10
	MaxLogoutToken  = 8 << 10
)

const (
	// patience bounds each request to a provider.
	patience = 10 * time.Second
	// lifetime is how long a discovery document and signing keys are used before they are read again.
	lifetime = time.Hour
	// documentPause and keysPause are the least time between two attempts to read them. Whoever sends forged tokens cannot make us
	// ask more often.
	documentPause = 5 * time.Second
	keysPause     = 10 * time.Second
)

// Provider is an OpenID provider. It is discovered when first needed, so that a verifier starts while its provider is down. It
// is safe for concurrent use.
type Provider struct {
	config   Config
	now      func() time.Time
	reading  *http.Client // for the discovery document and keys
	asking   *http.Client // for the token endpoint
	document *cache[document]
	health   *health
}

// New makes a provider that is reached through client; nil means one of its own. A client without a timeout gets one of 10s; where
// it may be redirected to is decided here. changed is called, once at a time and in order, whenever State changes its Up or
// Kind; it must return soon and call nothing of the provider but State. nil means nobody.
func New(config Config, client *http.Client, now func() time.Time, changed func(State)) *Provider {
	config.ClockSkew = min(max(config.ClockSkew, 0), 5*time.Minute)
	p := &Provider{config: config, now: now, health: newHealth(now, changed)}
	p.reading, p.asking = clients(client)
	p.document = &cache[document]{now: now, pause: documentPause, read: p.readDocument, report: p.seen(ofDocument)}
	return p
}

// Issuer is the provider's issuer identifier.
func (p *Provider) Issuer() string { return p.config.Issuer }

// ClientID is the client that users sign in with.
func (p *Provider) ClientID() string { return p.config.ClientID }

// State is what was last seen of the provider.
func (p *Provider) State() State { return p.health.get() }

// seen makes what notes how readings of a part went.
func (p *Provider) seen(of part) func(error) {
	return func(err error) {
		var f *Fault
		if err == nil || errors.As(err, &f) {
			p.health.saw(of, f)
		}
	}
}

// Ready reads the discovery document and the signing keys if that was not done yet. It is nil when the provider can be used; otherwise
// the error is a Fault that says why not.
func (p *Provider) Ready(ctx context.Context) error {
	doc, err := p.document.get(ctx)
	if err != nil {
		return err
	}
	_, err = doc.keys.get(ctx)
	return err
}

// Probe reads the discovery document now, so that State is true of a provider that nobody else asks anything. It is nil when the
// provider answers; otherwise the error is a Fault, or that of ctx.
func (p *Provider) Probe(ctx context.Context) error {
	err := p.document.probe(ctx)
	if err == nil {
		p.health.answers()
	}
	return err
}
