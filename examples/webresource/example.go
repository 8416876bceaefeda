package main

import (
	"context"
	"fmt"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/verifier/middleware"
)

// user is the example's account.
var user = provider.User{Name: "amara", Password: "fern-and-moss", DisplayName: "Dr Amara Lindqvist", Email: "amara@fernhill.example"}

// example is the application behind the verifier, another organisation's site, and the identity provider.
type example struct {
	inprocess.Example
	own, labs string // origins; browsers take them for two sites
}

// configuration is what an administrator would write in curfew.yaml, with limits lowered on purpose so that a visitor need not wait.
// Each of the two origins names the other under frames: both sides must want it.
const configuration = `
data: %q
limits:
  inactivity_timeout: {min: 30s}
  inactivity_warning: {min: 20s}
switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
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

func newExample(ctx context.Context, o inprocess.Options) (*example, error) {
	e := &example{own: fmt.Sprintf("http://localhost:%d", o.AppPort), labs: fmt.Sprintf("http://127.0.0.1:%d", o.AppPort)}
	issuer := fmt.Sprintf("http://127.0.0.1:%d", o.LoginPort)
	var prefix string
	var err error
	e.Verifier, prefix, err = o.Verifier(ctx, fmt.Appendf(nil, configuration, o.Data, e.own, issuer, e.labs, e.labs, issuer, e.own))
	if err != nil {
		return nil, err
	}
	e.Login, err = o.Provider(provider.Config{
		Issuer: issuer, Users: []provider.User{user},
		Clients: []provider.Client{inprocess.Client("cases", "Fernhill Cases", e.own, prefix), inprocess.Client("labs", "Juniper Labs", e.labs, prefix)},
	})
	if err != nil {
		return nil, err
	}
	e.App = inprocess.Split(e.Verifier.Public(), prefix, e.juniper(), middleware.Guard(e.Verifier, e.cases()))
	e.Welcome = fmt.Sprintf("Open %s and sign in as %s with the password %s.", e.own, user.Name, user.Password)
	return e, nil
}
