// Package login signs people in and out at an OpenID provider: authorization code with PKCE (RFC 7636), bound to the browser
// that began and to the key that it made (B3), and asking for credentials where a session has ended (B1). It also takes the
// provider's own logout (B5) and the sign-ins of applications that sign people in themselves (A6).
package login

import (
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/texts"
)

// Config is what a Login needs. All fields are required.
type Config struct {
	Engine *engine.Engine
	Site   *api.Site
	API    *api.API
	Ring   *keyring.Ring
	// Connect finds how people sign in to an environment. It is asked at each request, because environments come and go.
	Connect func(environment string) (Connection, bool)
	Texts   *texts.Catalog
	Random  io.Reader
	Log     *slog.Logger
}

// Connection is how people sign in to one environment.
type Connection struct {
	Provider *provider.Provider
	Options  Options
}

// Options are what is chosen about it.
type Options struct {
	// AskStay has the sign-in page ask whether to stay signed in through an outage of the provider (A7). It is not asked where the
	// provider is never asked again.
	AskStay bool
	// Application signs people in itself; nil where Curfew does.
	Application *Application
}

// Application is a trusted back end that signs people in at the environment's provider and hands the ID token in (A6).
type Application struct {
	// SecretHash is the SHA-256 digest of the secret that the back end shows. The secret must be unguessable, because guesses are
	// not held up: whoever made many would otherwise keep everybody from signing in.
	SecretHash [sha256.Size]byte
	// ClientID is the OAuth client of that sign-in, by which clients can be recognised (A9).
	ClientID string
	// SignIn is where the application's own sign-in begins: a path of its origin, or an address. Empty: people sign in here, and there
	// is nothing to hand in.
	SignIn string
}

// signsIn reports whether the application signs people in, and not Curfew.
func (a *Application) signsIn() bool { return a != nil && a.SignIn != "" }

// Login serves signing in, coming back, resuming and signing out. It is safe for concurrent use.
type Login struct {
	engine  *engine.Engine
	site    *api.Site
	api     *api.API
	ring    *keyring.Ring
	connect func(environment string) (Connection, bool)
	texts   *texts.Catalog
	random  io.Reader
	log     *slog.Logger
}

// New makes the sign-in for environments that each have a provider.
func New(c Config) *Login {
	return &Login{c.Engine, c.Site, c.API, c.Ring, c.Connect, c.Texts, c.Random, c.Log}
}

// Register adds the addresses to a mux, the callback measured where timed is not nil.
func (l *Login) Register(mux *http.ServeMux, timed api.Timed) {
	if timed == nil {
		timed = func(_ string, next http.Handler) http.Handler { return next }
	}
	for _, at := range []struct {
		method, endpoint string
		handle           func(http.ResponseWriter, *http.Request, settings.Environment)
	}{
		{http.MethodGet, "sign-in", l.signInPage},
		{http.MethodPost, "sign-in", l.begin},
		{http.MethodGet, "callback", l.callback},
		{http.MethodPost, "hand-in", l.handIn},
		{http.MethodGet, "resume", l.resumePage},
		{http.MethodGet, api.SignedIn, l.signedInPage},
		{http.MethodGet, "sign-out", l.signOutPage},
		{http.MethodPost, "sign-out", l.signOut},
		{http.MethodGet, "signed-out", l.signedOutPage},
		{http.MethodGet, api.Sessions, l.sessionsPage},
		{http.MethodPost, api.Sessions, l.endSessions},
		{http.MethodPost, "backchannel-logout", l.providerLogout},
	} {
		handler := l.site.For(at.handle)
		if at.endpoint == "callback" {
			handler = timed(at.endpoint, handler)
		}
		mux.Handle(at.method+" "+l.site.Prefix()+at.endpoint, handler)
	}
	mux.HandleFunc("GET "+l.site.Prefix()+"page.css", pages.Style)
}

// page is one of our pages, in the person's language and with the application's name, that says nothing yet.
func (l *Login) page(r *http.Request, env settings.Environment) pages.Page {
	return pages.Page{
		Prefix: l.site.Prefix(), Language: l.texts.Match(strings.Join(r.Header.Values("Accept-Language"), ",")),
		Brand: pages.Brand{Name: env.Page.Name, Logo: env.Page.Logo},
	}
}

func (l *Login) provider(env settings.Environment) (*provider.Provider, bool) {
	found, ok := l.connect(env.ID)
	return found.Provider, ok
}

// clientID is the OAuth client that people sign in with here.
func (l *Login) clientID(env settings.Environment) string {
	if at, ok := l.provider(env); ok {
		return at.ClientID()
	}
	return ""
}

func (l *Login) options(env settings.Environment) Options {
	found, _ := l.connect(env.ID)
	return found.Options
}

// address is the path of one of our endpoints.
func (l *Login) address(endpoint string) string { return l.site.Prefix() + endpoint }
