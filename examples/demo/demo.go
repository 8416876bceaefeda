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

	"github.com/curfew-project/curfew/examples/demo/clinic"
	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/wasm/dist"
)

// users are the demo's accounts.
var users = []provider.User{
	{Name: "amara", Password: "fern-and-moss", DisplayName: "Dr Amara Lindqvist", Email: "amara@fernhill.example"},
	{Name: "wren", Password: "quiet-harbour", DisplayName: "Nurse Wren Tallow", Email: "wren@fernhill.example"},
}

var roles = []string{"Doctor", "Nurse"}

type options struct {
	AppPort, LoginPort int
	Data               string // a directory for the verifier
	Now                func() time.Time
	Random             io.Reader
	Log                *slog.Logger
}

// demo is the application behind the verifier, and the identity provider. The application has two names and so two
// environments: one with short times and one with normal ones.
type demo struct {
	App, Login    http.Handler
	short, normal string
	accounts      string // the provider's page for changing accounts
	verifier      *server.Server
}

// configuration is what an administrator would write in curfew.yaml, with limits lowered on purpose so that a visitor need not
// wait. The normal times have no session timeout: the identity provider's own policy rules, and it is asked every hour (A5).
const configuration = `
data: %q
cookie_renewal: 20s
limits:
  session_timeout: {min: 1m}
  inactivity_timeout: {min: 30s}
  inactivity_warning: {min: 20s}
  policy_check: {min: 30s}
environments:
  - id: clinic-short
    origin: %s
    provider: {issuer: %q, client_id: clinic-short, scopes: [profile]}
    policy_check: {interval: 30s, outage_budget: 2m}
    settings: {session_timeout: 2m, session_warning: 30s, inactivity_timeout: 40s, inactivity_warning: 20s}
  - id: clinic-normal
    origin: %s
    provider: {issuer: %q, client_id: clinic-normal, scopes: [profile], stay_signed_in: {ask: true}}
    settings: {inactivity_timeout: 15m, inactivity_warning: 2m}
`

func newDemo(ctx context.Context, o options) (*demo, error) {
	d := &demo{
		short:  fmt.Sprintf("http://localhost:%d", o.AppPort),
		normal: fmt.Sprintf("http://127.0.0.1:%d", o.AppPort),
	}
	issuer := fmt.Sprintf("http://127.0.0.1:%d", o.LoginPort)
	d.accounts = issuer + "/admin"
	agent, err := dist.Load()
	if err != nil {
		return nil, err
	}
	c, err := config.Parse(fmt.Appendf(nil, configuration, o.Data, d.short, issuer, d.normal, issuer))
	if err != nil {
		return nil, err
	}
	d.verifier, err = server.New(ctx, c, server.Options{Now: o.Now, Random: o.Random, Log: o.Log, Agent: agent})
	if err != nil {
		return nil, err
	}
	client := func(id, origin string) provider.Client {
		return provider.Client{ID: id, Name: "Fernhill Clinic",
			RedirectURIs: []string{origin + c.Prefix + "callback"}, PostLogoutRedirectURIs: []string{origin + c.Prefix + "signed-out"},
			BackchannelLogoutURI: origin + c.Prefix + "backchannel-logout"}
	}
	d.Login, err = provider.New(provider.Config{
		Issuer: issuer, Users: users, ShowHints: true, Admin: true, Now: o.Now, Rand: o.Random, Logger: o.Log,
		Clients: []provider.Client{client("clinic-short", d.short), client("clinic-normal", d.normal)},
	})
	if err != nil {
		return nil, err
	}
	short, err := d.application(c.Prefix, o, clinic.Config{
		Notice:      "Times are short here: the session ends after two minutes, or after 40 seconds without activity. Normal times are at " + d.normal + ".",
		CheckWithin: "half a minute",
	})
	if err != nil {
		return nil, err
	}
	normal, err := d.application(c.Prefix, o, clinic.Config{
		Notice:      "Times are normal here: the session ends after 15 minutes without activity, or when the identity provider says so. Short times are at " + d.short + ".",
		CheckWithin: "the hour",
	})
	if err != nil {
		return nil, err
	}
	d.App = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, c.Prefix) || path.Base(r.URL.Path) == "ClientGlobalContext.js.aspx":
			d.verifier.Public().ServeHTTP(w, r)
		case strings.HasPrefix(r.Host, "127.0.0.1"):
			normal.ServeHTTP(w, r)
		default:
			short.ServeHTTP(w, r)
		}
	})
	return d, nil
}

// application is the clinic with the guard before all that is not public. The rest of its configuration is filled in.
func (d *demo) application(prefix string, o options, c clinic.Config) (http.Handler, error) {
	for i, user := range users {
		c.Accounts = append(c.Accounts, clinic.Account{Name: user.Name, Password: user.Password, Role: roles[i]})
	}
	c.AgentSrc, c.SignInPath, c.SignOutPath = prefix+"agent.js", prefix+"sign-in", prefix+"sign-out"
	c.User = func(r *http.Request) (string, bool) {
		user, ok := middleware.UserOf(r.Context())
		return user.Name, ok
	}
	c.Now, c.AccountsPage = o.Now, d.accounts
	app, err := clinic.New(c)
	if err != nil {
		return nil, err
	}
	guarded := middleware.Guard(d.verifier, app)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if clinic.Public(r.URL.Path) {
			app.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	}), nil
}

// Close makes everything durable and releases the store.
func (d *demo) Close() error { return d.verifier.Close() }
