package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/examples/demo/clinic"
	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/middleware"
)

// users are the demo's accounts.
var users = []provider.User{
	{Name: "amara", Password: "fern-and-moss", DisplayName: "Dr Amara Lindqvist", Email: "amara@fernhill.example"},
	{Name: "wren", Password: "quiet-harbour", DisplayName: "Nurse Wren Tallow", Email: "wren@fernhill.example"},
	administrator,
}

// administrator may use the console.
var administrator = provider.User{Name: "ines", Password: "slate-and-lantern", DisplayName: "Ines Okafor", Email: "ines@fernhill.example", Roles: []string{"curfew-admin"}}

var roles = []string{"Doctor", "Nurse", "Administrator"}

// demo is the application behind the verifier, and the identity provider. The application has two names and so two
// environments: one with short times and one with normal ones.
type demo struct {
	inprocess.Example
	short, normal string
	console       string // where administrators set times and see sessions
	accounts      string // the provider's page for changing accounts
}

// configuration is what an administrator would write in curfew.yaml, with limits lowered on purpose so that a visitor need not
// wait. The normal times have no session timeout: the identity provider's own policy rules, and it is asked every hour (A5). They
// are not in the file, so that the console can change them.
const configuration = `
data: %q
cookie_renewal: 20s
limits:
  session_timeout: {min: 1m}
  inactivity_timeout: {min: 30s}
  inactivity_warning: {min: 20s}
  policy_check: {min: 30s}
switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
environments:
  - id: clinic-short
    origin: %s
    provider: {issuer: %q, client_id: clinic-short, scopes: [profile]}
    policy_check: {interval: 30s, outage_budget: 2m}
    settings: {session_timeout: 2m, session_warning: 30s, inactivity_timeout: 40s, inactivity_warning: 20s}
  - id: clinic-normal
    origin: %s
    provider: {issuer: %q, client_id: clinic-normal, scopes: [profile], stay_signed_in: {ask: true}}
console:
  origin: %s
  provider: {issuer: %q, client_id: curfew-console, scopes: [profile]}
  administrators: [curfew-admin]
  page: {name: Curfew}
`

func newDemo(ctx context.Context, o inprocess.Options) (*demo, error) {
	d := &demo{
		short:  fmt.Sprintf("http://localhost:%d", o.AppPort),
		normal: fmt.Sprintf("http://127.0.0.1:%d", o.AppPort),
	}
	// A name of its own, because browsers do not tell the cookies of two ports of one host apart.
	d.console = fmt.Sprintf("http://console.localhost:%d", o.AppPort)
	issuer := fmt.Sprintf("http://127.0.0.1:%d", o.LoginPort)
	d.accounts = issuer + "/admin"
	var prefix string
	var err error
	d.Verifier, prefix, err = o.Verifier(ctx, fmt.Appendf(nil, configuration, o.Data, d.short, issuer, d.normal, issuer, d.console, issuer))
	if err != nil {
		return nil, err
	}
	if err := setNormalTimes(ctx, d.Verifier.Admin()); err != nil {
		return nil, err
	}
	d.Login, err = o.Provider(provider.Config{
		Issuer: issuer, Users: users, Admin: true,
		Clients: []provider.Client{
			inprocess.Client("clinic-short", "Fernhill Clinic", d.short, prefix), inprocess.Client("clinic-normal", "Fernhill Clinic", d.normal, prefix),
			inprocess.Client("curfew-console", "Curfew console", d.console, prefix),
		},
	})
	if err != nil {
		return nil, err
	}
	short, err := d.application(prefix, o, clinic.Config{
		Notice:      "Times are short here: the session ends after two minutes, or after 40 seconds without activity. Normal times are at " + d.normal + ".",
		CheckWithin: "half a minute",
	})
	if err != nil {
		return nil, err
	}
	normal, err := d.application(prefix, o, clinic.Config{
		Notice:      "Times are normal here: the session ends after 15 minutes without activity, or when the identity provider says so. Short times are at " + d.short + ".",
		CheckWithin: "the hour",
	})
	if err != nil {
		return nil, err
	}
	d.App = d.before(inprocess.Split(d.Verifier.Public(), prefix, normal, short))
	d.Welcome = d.welcome()
	return d, nil
}

// welcome is what whoever starts the demo reads.
func (d *demo) welcome() string {
	var text strings.Builder
	fmt.Fprintf(&text, `Curfew's demo is running. Open one of:

  %s    short times: see everything in two minutes
  %s    normal times

Sign in with one of the two accounts:

`, d.short, d.normal)
	for _, user := range users[:2] {
		fmt.Fprintf(&text, "  user name %-8s password %s\n", user.Name, user.Password)
	}
	fmt.Fprintf(&text, `
Console: %s
  Change the times of clinic-normal, see who is signed in, and what has happened. Sign in as administrator:

  user name %-8s password %s
`, d.console, administrator.Name, administrator.Password)
	fmt.Fprintf(&text, `
Accounts: %s
  Disable an account and see its session end at the next check, after about half a minute at the short times.
  Or sign it out everywhere, or simulate an outage.
`, d.accounts)
	return text.String()
}

// setNormalTimes does what an administrator would do in the console: the normal times can be changed there.
func setNormalTimes(ctx context.Context, a *admin.Admin) error {
	who := admin.Actor{Name: "the demo", All: true}
	env, err := a.Environment(ctx, who, "clinic-normal")
	if err != nil {
		return err
	}
	timeout, warning := "15m", "2m"
	_, err = a.Change(ctx, who, env.ID, env.Version, admin.Edit{InactivityTimeout: &timeout, InactivityWarning: &warning}, false)
	return err
}

// before sends requests for the console there. It has a listener of its own where Curfew runs by itself.
func (d *demo) before(app http.Handler) http.Handler {
	operator := d.Verifier.Operator()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "console.") {
			operator.ServeHTTP(w, r)
			return
		}
		app.ServeHTTP(w, r)
	})
}

// application is the clinic with the guard before all that is not public. The rest of its configuration is filled in.
func (d *demo) application(prefix string, o inprocess.Options, c clinic.Config) (http.Handler, error) {
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
	guarded := middleware.Guard(d.Verifier, app)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if clinic.Public(r.URL.Path) {
			app.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	}), nil
}
