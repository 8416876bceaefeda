package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/verifier/server"
)

// user is the example's account.
var user = provider.User{Name: "amara", Password: "fern-and-moss", DisplayName: "Dr Amara Lindqvist", Email: "amara@fernhill.example"}

// secretFile is in the data directory: what the application shows the verifier.
const secretFile = "app.secret"

// configuration is what an administrator would write in curfew.yaml. services lets the application ask about its sessions.
const configuration = `
data: %q
limits: {inactivity_timeout: {min: 30s}, inactivity_warning: {min: 20s}}
switches: {AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
environments:
  - id: notes
    origin: %s
    provider: {issuer: %q, client_id: notes, scopes: [profile]}
    settings: {inactivity_timeout: 10m, inactivity_warning: 1m}
    page: {name: Fernhill Notes}
    services: [{id: app, file: %q}]
`

// back is the verifier and the identity provider, which the application's process never sees but over the network.
type back struct {
	verifier *server.Server
	login    http.Handler
	origin   string
	data     string
}

func newBack(ctx context.Context, app, login net.Listener, o inprocess.Options) (*back, error) {
	b := &back{origin: fmt.Sprintf("http://localhost:%d", inprocess.PortOf(app)), data: o.Data}
	var secret [32]byte
	if _, err := io.ReadFull(o.Random, secret[:]); err != nil {
		return nil, err
	}
	file := filepath.Join(o.Data, secretFile)
	if err := os.WriteFile(file, fmt.Appendf(nil, "%x\n", secret), 0o600); err != nil {
		return nil, err
	}
	issuer := fmt.Sprintf("http://127.0.0.1:%d", inprocess.PortOf(login))
	var prefix string
	var err error
	b.verifier, prefix, err = o.Verifier(ctx, fmt.Appendf(nil, configuration, filepath.Join(o.Data, "verifier"), b.origin, issuer, file))
	if err != nil {
		return nil, err
	}
	b.login, err = o.Provider(provider.Config{Issuer: issuer, Users: []provider.User{user},
		Clients: []provider.Client{inprocess.Client("notes", "Fernhill Notes", b.origin, prefix)}})
	return b, err
}
