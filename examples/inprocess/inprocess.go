// Package inprocess runs an example in one process: an application, the verifier in front of it, and an identity provider with a
// password form. Nothing else needs to be installed.
package inprocess

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/wasm/dist"
)

// Options are what an example is given.
type Options struct {
	AppPort, LoginPort int
	Data               string // a directory for the verifier
	Now                func() time.Time
	Random             io.Reader
	Log                *slog.Logger
}

// Example is what an example puts behind its two ports, and what it says to whoever starts it.
type Example struct {
	App, Login http.Handler
	Verifier   *server.Server
	Welcome    string
}

// Verifier starts a verifier with a configuration. It returns the prefix of its addresses too.
func (o Options) Verifier(ctx context.Context, configuration []byte) (v *server.Server, prefix string, err error) {
	agent, err := dist.Load()
	if err != nil {
		return nil, "", err
	}
	c, err := config.Parse(configuration)
	if err != nil {
		return nil, "", err
	}
	v, err = server.New(ctx, c, server.Options{Now: o.Now, Random: o.Random, Log: o.Log, Agent: agent})
	return v, c.Prefix, err
}

// Provider starts an identity provider. Its configuration says what differs between examples.
func (o Options) Provider(c provider.Config) (http.Handler, error) {
	c.ShowHints, c.Now, c.Rand, c.Logger = true, o.Now, o.Random, o.Log
	return provider.New(c)
}

// Client is what the identity provider knows of the verifier for one environment.
func Client(id, name, origin, prefix string) provider.Client {
	return provider.Client{ID: id, Name: name,
		RedirectURIs: []string{origin + prefix + "callback"}, PostLogoutRedirectURIs: []string{origin + prefix + "signed-out"},
		BackchannelLogoutURI: origin + prefix + "backchannel-logout"}
}

// Split sends requests to the verifier when they are for it, and else to one of two applications, by the name in the address: browsers
// take 127.0.0.1 and localhost for two sites.
func Split(verifier http.Handler, prefix string, byNumber, byName http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, prefix) || path.Base(r.URL.Path) == "ClientGlobalContext.js.aspx":
			verifier.ServeHTTP(w, r) // the script, by the name of web resources, at any depth
		case strings.HasPrefix(r.Host, "127.0.0.1"):
			byNumber.ServeHTTP(w, r)
		default:
			byName.ServeHTTP(w, r)
		}
	})
}
