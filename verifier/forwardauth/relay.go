package forwardauth

import (
	"context"
	"errors"
	"io"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Relay stands between a reverse proxy and the application for what stays open, such as WebSockets: a proxy asks about a request once,
// when it begins. The relay judges it like check, passes it on with who the user is, and cuts it off when the session ends. See
// engine.Engine.Hold for when that is. It is safe for concurrent use.
type Relay struct {
	auth    *ForwardAuth
	proxies map[string]*httputil.ReverseProxy // by environment
}

var relayed = form{name: "relay"}

// proxys are headers in which the reverse proxy tells who it was asked by.
var proxys = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"}

// ours reports whether a header is one of the relay's, in any spelling: applications behind CGI and its kin read an underscore as a hyphen.
func ours(name string) bool {
	return strings.HasPrefix(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "curfew-")
}

// NewRelay passes requests on to the applications of some environments, by their IDs, and cuts all of them off when life ends. transport nil
// is the usual one.
func NewRelay(auth *ForwardAuth, upstreams map[string]*url.URL, transport http.RoundTripper, log *slog.Logger, life context.Context) http.Handler {
	r := &Relay{auth: auth, proxies: map[string]*httputil.ReverseProxy{}}
	for environment, upstream := range upstreams {
		r.proxies[environment] = &httputil.ReverseProxy{
			Transport:     transport,
			FlushInterval: -1, // what is relayed is a stream
			ErrorLog:      stdlog.New(io.Discard, "", 0),
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(upstream)
				p.Out.Host = p.In.Host
				// What a client names in Connection is gone by now (RFC 9110 section 7.6.1), and it may name what is ours or the proxy's.
				for name, values := range p.In.Header {
					if ours(name) || slices.Contains(proxys, name) {
						p.Out.Header[name] = values
					}
				}
			},
			ModifyResponse: func(answer *http.Response) error {
				answer.Header.Set("Cache-Control", "no-store")
				return nil
			},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				if r.Context().Err() == nil {
					log.Error("relay_failed", "environment", environment, "error", err)
				}
				w.WriteHeader(http.StatusBadGateway)
			},
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		ctx, cancel := context.WithCancel(request.Context())
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		r.serve(w, request.WithContext(ctx))
	})
}

func (r *Relay) serve(w http.ResponseWriter, request *http.Request) {
	env, ok := r.auth.site.Environment(request)
	proxy := r.proxies[env.ID]
	if !ok || proxy == nil {
		r.auth.refuse(w, relayed, wire.Refusal{Error: wire.UnknownOrigin, Message: "no environment with an upstream in relay.upstreams has this host"})
		return
	}
	if tunnel(request) {
		r.auth.refuse(w, relayed, wire.Refusal{Error: wire.BadRequest, Message: "websocket is the only protocol that a connection can be upgraded to"})
		return
	}
	if foreign(request, env) {
		r.auth.engine.RecordRefusal(env, wire.CrossOrigin, "a relayed connection")
		r.auth.refuse(w, relayed, wire.Refusal{Error: wire.CrossOrigin, Message: "the connection came from a page of another origin"})
		return
	}
	held, s, release, err := r.auth.engine.Hold(request.Context(), env, api.ReadSessionCookie(request, env))
	if err != nil {
		r.auth.answer(w, request, env, relayed, err)
		return
	}
	defer release()
	for name := range request.Header {
		if ours(name) {
			delete(request.Header, name)
		}
	}
	identity := http.Header{}
	api.WriteIdentity(identity, s)
	for _, name := range [...]string{api.HeaderUser, api.HeaderName, api.HeaderSession, api.HeaderEnds} {
		request.Header[name] = identity[name]
	}
	r.auth.api.WriteAssertion(request.Header, request, env, s)

	// The server's limits for reading and writing are not for what is bounded by its session.
	control := http.NewResponseController(w)
	if err := errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{})); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return
	}
	c := newCut(w, held)
	defer c.done()
	proxy.ServeHTTP(c, request.WithContext(held))
}

// tunnel reports whether a client asks for a protocol in which it could say anything to the application, such as who it is: HTTP/2 on the
// same connection (h2c, RFC 7540 section 3.2) or CONNECT. A WebSocket carries no headers.
func tunnel(r *http.Request) bool {
	protocols := r.Header.Values("Upgrade")
	return r.Method == http.MethodConnect || len(protocols) > 1 || len(protocols) == 1 && !strings.EqualFold(protocols[0], "websocket")
}

// foreign reports whether a page of another origin opens a WebSocket: browsers ask nobody before that (RFC 6455 section 10.2).
func foreign(r *http.Request, env settings.Environment) bool {
	origin := r.Header.Get("Origin")
	return r.Header.Get("Upgrade") != "" && origin != "" && origin != env.Origin
}
