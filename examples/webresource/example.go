package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/wasm/dist"
)

// user is the example's account.
var user = provider.User{Name: "amara", Password: "fern-and-moss", DisplayName: "Dr Amara Lindqvist", Email: "amara@fernhill.example"}

type options struct {
	AppPort, LoginPort int
	Data               string // a directory for the verifier
	Now                func() time.Time
	Random             io.Reader
	Log                *slog.Logger
}

// example is the application behind the verifier, another organisation's site, and the identity provider.
type example struct {
	App, Login http.Handler
	own, labs  string // origins; browsers take them for two sites
	verifier   *server.Server
}

// configuration is what an administrator would write in curfew.yaml, with limits lowered on purpose so that a visitor need not wait.
// Each of the two origins names the other under frames: both sides must want it.
const configuration = `
data: %q
limits:
  inactivity_timeout: {min: 30s}
  inactivity_warning: {min: 20s}
environments:
  - id: cases
    origin: %s
    provider: {issuer: %q, client_id: cases, scopes: [profile]}
    settings: {session_timeout: 2h, session_warning: 20m, inactivity_timeout: 40s, inactivity_warning: 20s}
    page: {name: Fernhill Cases, frames: [%q]}
  - id: labs
    origin: %s
    provider: {issuer: %q, client_id: labs, scopes: [profile]}
    page: {name: Juniper Labs, frames: [%q]}
`

func newExample(ctx context.Context, o options) (*example, error) {
	e := &example{own: fmt.Sprintf("http://localhost:%d", o.AppPort), labs: fmt.Sprintf("http://127.0.0.1:%d", o.AppPort)}
	issuer := fmt.Sprintf("http://127.0.0.1:%d", o.LoginPort)
	agent, err := dist.Load()
	if err != nil {
		return nil, err
	}
	c, err := config.Parse(fmt.Appendf(nil, configuration, o.Data, e.own, issuer, e.labs, e.labs, issuer, e.own))
	if err != nil {
		return nil, err
	}
	e.verifier, err = server.New(ctx, c, server.Options{Now: o.Now, Random: o.Random, Log: o.Log, Agent: agent})
	if err != nil {
		return nil, err
	}
	client := func(id, origin string) provider.Client {
		return provider.Client{ID: id, Name: "Fernhill Cases",
			RedirectURIs: []string{origin + c.Prefix + "callback"}, PostLogoutRedirectURIs: []string{origin + c.Prefix + "signed-out"},
			BackchannelLogoutURI: origin + c.Prefix + "backchannel-logout"}
	}
	e.Login, err = provider.New(provider.Config{
		Issuer: issuer, Users: []provider.User{user}, ShowHints: true, Now: o.Now, Rand: o.Random, Logger: o.Log,
		Clients: []provider.Client{client("cases", e.own), client("labs", e.labs)},
	})
	if err != nil {
		return nil, err
	}
	guarded := middleware.Guard(e.verifier, e.cases())
	labs := e.juniper()
	e.App = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, c.Prefix) || path.Base(r.URL.Path) == "ClientGlobalContext.js.aspx":
			e.verifier.Public().ServeHTTP(w, r) // at any depth
		case strings.HasPrefix(r.Host, "127.0.0.1"):
			labs.ServeHTTP(w, r)
		default:
			guarded.ServeHTTP(w, r)
		}
	})
	return e, nil
}

// Close makes everything durable and releases the store.
func (e *example) Close() error { return e.verifier.Close() }
