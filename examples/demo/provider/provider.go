// Package provider is a small OpenID Connect identity provider with a password
// form, for the demo and for tests. Everything is kept in memory and is lost
// when the process ends.
//
// It speaks the authorization code flow with PKCE S256 only, issues refresh
// tokens that rotate, and supports the parameters that decide whether a person
// must enter the password again: prompt, max_age, login_hint and id_token_hint
// (OpenID Connect Core 1.0, section 3.1.2.1), RP-initiated logout and
// back-channel logout.
//
// It is not for real accounts: passwords are given in clear text by the
// configuration, and there is neither registration nor recovery.
package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Lengths that the provider works with. They are part of its documented
// behaviour, not settings: a demo has no need to change them.
const (
	// CodeLifetime is how long an authorization code may be exchanged, once.
	CodeLifetime = time.Minute
	// RequestLifetime is how long the password form of one sign-in stays valid.
	RequestLifetime = 15 * time.Minute
	// AccessTokenLifetime is also the lifetime of ID tokens.
	AccessTokenLifetime = time.Hour
	// SessionLifetime ends the provider's own session (the SSO cookie).
	SessionLifetime = 12 * time.Hour
	// RefreshLifetime ends a refresh token and all that it was rotated into.
	RefreshLifetime = 90 * 24 * time.Hour
	// MaxAttempts wrong passwords in a row lock a user name for LockFor.
	MaxAttempts = 5
	// LockFor is how long a user name stays locked.
	LockFor = time.Minute
)

// ErrConfig is wrapped by every error that New returns for a bad Config.
var ErrConfig = errors.New("provider: bad configuration")

// User is an account. Name is compared without regard to case.
type User struct {
	Name        string
	Password    string
	DisplayName string
	Email       string
	// Roles are the claim roles of the ID token, for every client that asks for the scope profile.
	Roles []string
}

// Client is a relying party. A client without a Secret is public: PKCE alone
// protects its codes. Redirect addresses are compared byte for byte.
type Client struct {
	ID string
	// Name is what the password form calls the client; empty means its host.
	Name                   string
	Secret                 string
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	// BackchannelLogoutURI receives a logout token when a sign-in ends of which
	// the client has tokens; empty means that the client is not told.
	BackchannelLogoutURI string
}

// Config is what New needs. Issuer, Clients, Users and Now are required.
type Config struct {
	// Issuer is the issuer identifier: https, or http on a loopback host. It may
	// have a path, under which the provider then serves everything.
	Issuer  string
	Clients []Client
	Users   []User
	// ShowHints prints the accounts with their passwords under the form.
	ShowHints bool
	// Admin adds the page /admin, which needs no sign-in: whoever reaches it may
	// disable accounts, sign people out and simulate an outage. It is allowed on
	// loopback issuers only.
	Admin bool
	// Now is the provider's clock, read once for each request.
	Now func() time.Time
	// Rand makes identifiers, codes and tokens; nil means crypto/rand.Reader.
	// The signing key always comes from crypto/rand.
	Rand io.Reader
	// Logger receives refusals and errors; nil discards them.
	Logger *slog.Logger
}

// Provider is an http.Handler that serves everything under the issuer's path.
// It is safe for concurrent use.
type Provider struct {
	issuer   string
	base     string // the issuer's path without a slash at the end; often empty
	now      func() time.Time
	hints    []User
	state    *state
	op       *op.Provider
	clients  map[string]client
	signer   jose.Signer   // of logout tokens
	sender   *http.Client  // of logout tokens
	patience time.Duration // for all of them together
	log      *slog.Logger
	csrfKey  [32]byte
	users    []User // in the order of the admin page; empty without it
	outage   atomic.Bool
	history  history
	secure   bool
	handler  http.Handler
}

// New checks cfg and makes a provider with a fresh RSA signing key.
func New(cfg Config) (*Provider, error) {
	issuer, err := checkConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Provider{
		issuer:   cfg.Issuer,
		base:     strings.TrimSuffix(issuer.Path, "/"),
		now:      cfg.Now,
		secure:   issuer.Scheme == "https",
		state:    newState(cfg.Issuer, cfg.Users, cfg.Rand),
		sender:   newSender(),
		patience: NotifyTimeout,
		log:      cfg.Logger,
	}
	p.clients = clientsByID(cfg.Clients, p.address("/login"))
	if cfg.ShowHints {
		p.hints = append(p.hints, cfg.Users...)
	}
	if cfg.Admin {
		p.users = append(p.users, cfg.Users...)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("provider: make a signing key: %w", err)
	}
	signing := newSigningKey(key)
	if p.signer, err = newLogoutSigner(signing); err != nil {
		return nil, fmt.Errorf("provider: signing key: %w", err)
	}
	opConfig := &op.Config{
		CodeMethodS256:           true,
		AuthMethodPost:           true,
		GrantTypeRefreshToken:    true,
		DefaultLogoutRedirectURI: p.address("/signed-out"),
		SupportedClaims:          supportedClaims(),
	}
	if _, err := io.ReadFull(cfg.Rand, opConfig.CryptoKey[:]); err != nil {
		return nil, fmt.Errorf("provider: read randomness: %w", err)
	}
	if _, err := io.ReadFull(cfg.Rand, p.csrfKey[:]); err != nil {
		return nil, fmt.Errorf("provider: read randomness: %w", err)
	}
	storage := &storage{
		state:   p.state,
		clients: p.clients,
		asked:   p.noteRefresh,
		key:     signing,
	}
	opts := []op.Option{op.WithLogger(cfg.Logger), op.WithCORSOptions(nil)}
	if !p.secure {
		opts = append(opts, op.WithAllowInsecure()) // checkConfig allows this on loopback only
	}
	if p.op, err = op.NewProvider(opConfig, storage, op.StaticIssuer(cfg.Issuer), opts...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p.handler = p.routes()
	return p, nil
}

// ServeHTTP answers every address under the issuer's path. Mount it there
// without stripping the path.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.handler.ServeHTTP(w, r)
}

// SetDisabled turns an account off or on again. While it is off, its sessions
// do not count, its refresh tokens are refused and its password is not taken.
// It reports whether the account exists.
func (p *Provider) SetDisabled(userName string, disabled bool) bool {
	return p.state.setDisabled(userName, disabled)
}

// address makes an absolute address of the provider from a path such as "/login".
func (p *Provider) address(path string) string {
	return strings.TrimSuffix(p.issuer, "/") + path
}

func checkConfig(cfg Config) (*url.URL, error) {
	if cfg.Now == nil {
		return nil, errors.New("the clock (Now) is missing")
	}
	if len(cfg.Clients) == 0 || len(cfg.Users) == 0 {
		return nil, errors.New("at least one client and one user are needed")
	}
	issuer, err := checkAddress(cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", cfg.Issuer, err)
	}
	if issuer.RawQuery != "" || issuer.ForceQuery {
		return nil, fmt.Errorf("issuer %q: no query allowed", cfg.Issuer)
	}
	if cfg.Admin && !loopback(issuer.Hostname()) {
		return nil, fmt.Errorf("issuer %q: the admin page is for loopback hosts only", cfg.Issuer)
	}
	seen := map[string]bool{}
	for _, c := range cfg.Clients {
		if c.ID == "" || len(c.RedirectURIs) == 0 || seen["c"+c.ID] {
			return nil, fmt.Errorf("client %q: needs an ID of its own and a redirect address", c.ID)
		}
		seen["c"+c.ID] = true
		addresses := slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs)
		if c.BackchannelLogoutURI != "" {
			addresses = append(addresses, c.BackchannelLogoutURI)
		}
		for _, a := range addresses {
			if _, err := checkAddress(a); err != nil {
				return nil, fmt.Errorf("client %q: address %q: %w", c.ID, a, err)
			}
		}
	}
	for _, u := range cfg.Users {
		name := foldName(u.Name)
		if name == "" || u.Password == "" || seen["u"+name] {
			return nil, fmt.Errorf("user %q: needs a name of its own and a password", u.Name)
		}
		seen["u"+name] = true
	}
	return issuer, nil
}

// checkAddress accepts absolute https addresses, and http ones of this machine.
func checkAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Host == "" || u.User != nil || strings.Contains(address, "#"):
		return nil, errors.New("must be absolute, without user and fragment")
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("must be https, or http on localhost")
}

func loopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}
