// Package proxied is what the examples with a reverse proxy share: an application that knows nothing of Curfew, a verifier and an identity
// provider, each on a port of its own, behind a real nginx, Caddy or HAProxy with the configuration that an administrator would write.
package proxied

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/examples/proxied/orders"
	"github.com/curfew-project/curfew/verifier/server"
)

// Proxy is a reverse proxy with its configuration.
type Proxy struct {
	Name string
	Port int // when nothing else is said
	// Program is what Debian's package has.
	Program string
	// Head is what the application puts into its pages; empty where the proxy puts the script there.
	Head string
	// Command writes the configuration into a directory, with the addresses in it replaced, and says how the proxy is started there. It must
	// stay in the foreground.
	Command func(dir string, replace *strings.Replacer) (args []string, err error)
}

// User is the examples' account.
var User = provider.User{Name: "amara", Password: "fern-and-moss", DisplayName: "Dr Amara Lindqvist", Email: "amara@fernhill.example"}

// configuration is what an administrator would write in curfew.yaml, with times lowered on purpose so that a visitor need not wait.
const configuration = `
data: %q
cookie_renewal: 20s
limits:
  inactivity_timeout: {min: 30s}
  inactivity_warning: {min: 20s}
switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
relay:
  upstreams: {orders: "http://%s"}
environments:
  - id: orders
    origin: %s
    provider: {issuer: %q, client_id: orders, scopes: [profile]}
    settings: {session_timeout: 1h, session_warning: 10m, inactivity_timeout: 2m, inactivity_warning: 30s}
    page: {name: Fernhill Orders}
    assertion: true
`

// Options are what an example is given besides inprocess's: AppPort is the proxy's.
type Options struct {
	inprocess.Options
	Login  net.Listener
	Secure bool // browsers come with https
	// Verified is put around the verifier; nil: nothing is.
	Verified func(http.Handler) http.Handler
}

// Running is an example that was started.
type Running struct {
	Origin   string // what browsers open
	Verifier *server.Server
	Curfew   net.Listener // of the verifier

	stop func()
	done chan error
}

// Start starts everything but the proxy and returns the proxy's command. Call Close.
func Start(ctx context.Context, p Proxy, o Options) (*Running, *exec.Cmd, error) {
	path, err := exec.LookPath(p.Program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + p.Program) // where Debian has servers, and people's PATH has not
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: install it, as root on Debian or Ubuntu with: apt-get install %s", err, p.Program)
	}
	var all [3]net.Listener
	for i := range all {
		if all[i], err = inprocess.Listen(0); err != nil {
			return nil, nil, err
		}
	}
	application, curfew, relay := all[0], all[1], all[2]
	scheme := "http"
	if o.Secure {
		scheme = "https"
	}
	r := &Running{Origin: fmt.Sprintf("%s://localhost:%d", scheme, o.AppPort), Curfew: curfew}
	issuer := "http://" + o.Login.Addr().String()
	var prefix string
	if r.Verifier, prefix, err = o.Verifier(ctx, fmt.Appendf(nil, configuration, o.Data, application.Addr(), r.Origin, issuer)); err != nil {
		return nil, nil, err
	}
	login, err := o.Provider(provider.Config{Issuer: issuer, Users: []provider.User{User}, Clients: []provider.Client{inprocess.Client("orders", "Fernhill Orders", r.Origin, prefix)}})
	if err != nil {
		return nil, nil, errors.Join(err, r.Verifier.Close())
	}
	public := r.Verifier.Public()
	if o.Verified != nil {
		public = o.Verified(public)
	}
	args, err := p.Command(o.Data, strings.NewReplacer("127.0.0.1:3000", application.Addr().String(), "127.0.0.1:8480", curfew.Addr().String(),
		"127.0.0.1:8482", relay.Addr().String(), fmt.Sprintf(":%d", p.Port), fmt.Sprintf(":%d", o.AppPort)))
	if err != nil {
		return nil, nil, errors.Join(err, r.Verifier.Close())
	}

	own, cancel := context.WithCancel(ctx)
	servers := []*http.Server{{Handler: orders.New(orders.Config{Head: p.Head})}, {Handler: public}, {Handler: r.Verifier.Relay()}, {Handler: login}}
	r.done = make(chan error, len(servers))
	r.stop = func() {
		cancel()
		for _, one := range servers {
			one.Close()
		}
	}
	for i, listener := range append(all[:], o.Login) {
		go func() { r.done <- servers[i].Serve(listener) }()
	}
	go r.Verifier.Run(own)
	cmd := exec.Command(path, args...)
	cmd.Dir = o.Data
	cmd.Env = append(cmd.Environ(), "HOME="+o.Data, "XDG_CONFIG_HOME="+o.Data, "XDG_DATA_HOME="+o.Data) // what it keeps
	return r, cmd, nil
}

// Close stops everything but the proxy.
func (r *Running) Close() error {
	r.stop()
	return r.Verifier.Close()
}
