// Package forwardauth answers check in the form that each reverse proxy expects, below an address of its own: check/nginx, check/caddy,
// check/traefik, check/haproxy and check/envoy/. The proxy's administrator chooses the form by the address, so that nothing in a request can.
//
// A form says three things: which headers of the proxy's tell what was asked for, how "let through" is said, and who turns a refusal into
// an answer for the browser. Nothing that the proxy passes on from a client decides anything but where a browser comes back to: the
// verdict is that of the session's cookie, in the environment of the host.
package forwardauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/settings"
)

// HeaderRefusal is, for nginx, the typed refusal as JSON: it drops the body of an answer to auth_request.
const HeaderRefusal = "Curfew-Refusal"

// form is what one reverse proxy expects.
type form struct {
	name string
	// What the proxy tells in headers that it sets itself, over what a client sent. Empty: in the request itself.
	method, uri, host string
	allowed           int // the status that lets through
	// coded: the proxy knows no refusals but 401 and 403, and makes the answer to the browser itself. Else it passes ours on.
	coded bool
}

var forms = []form{
	// nginx, ngx_http_auth_request_module: 2xx lets through, 401 and 403 refuse, all else is an error. The headers are ours to name.
	{name: "nginx", method: "X-Original-Method", uri: "X-Original-URI", allowed: http.StatusNoContent, coded: true},
	// Caddy, forward_auth: 2xx lets through, and every other answer is passed on. It sets both headers, and keeps the Host.
	{name: "caddy", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri", allowed: http.StatusNoContent},
	// Traefik, ForwardAuth: as Caddy, but the Host is the verifier's own, and a Location that is no whole address is taken for one of
	// the verifier's. With trustForwardHeader, which is off when nothing is said, clients could choose the host: it must stay off.
	{name: "traefik", method: "X-Forwarded-Method", uri: "X-Forwarded-Uri", host: "X-Forwarded-Host", allowed: http.StatusNoContent},
	// HAProxy has no such thing; our examples/haproxy/curfew.lua asks.
	{name: "haproxy", method: "X-Original-Method", uri: "X-Original-URI", allowed: http.StatusNoContent},
}

// envoy, ext_authz over HTTP: only 200 lets through, 5xx is an error, and every other answer is passed on. The method and the path are
// those of the request, the path behind path_prefix.
var envoy = form{name: "envoy", allowed: http.StatusOK}

// Unavailable answers a navigation while it cannot be said who somebody is, with a page for people that leads back to returnTo.
type Unavailable func(w http.ResponseWriter, r *http.Request, env settings.Environment, returnTo string, err error)

// ForwardAuth answers reverse proxies. It is safe for concurrent use.
type ForwardAuth struct {
	engine      *engine.Engine
	site        *api.Site
	api         *api.API
	unavailable Unavailable
	envoy       http.Handler
}

// New makes the answers for the environments of a site.
func New(e *engine.Engine, site *api.Site, a *api.API, unavailable Unavailable) *ForwardAuth {
	return &ForwardAuth{engine: e, site: site, api: a, unavailable: unavailable}
}

// Register adds the addresses to a mux, measured as check where timed is not nil.
func (f *ForwardAuth) Register(mux *http.ServeMux, timed api.Timed) {
	if timed == nil {
		timed = func(_ string, next http.Handler) http.Handler { return next }
	}
	for _, form := range forms {
		mux.Handle("GET "+f.site.Prefix()+"check/"+form.name, timed("check", f.handler(form)))
	}
	f.envoy = timed("check", f.handler(envoy))
}

// Before answers Envoy, which asks at the address that a client wanted, with the client's method, and next all others. It stands before
// the mux, which would redirect an address with two slashes in it.
func (f *ForwardAuth) Before(next http.Handler) http.Handler {
	prefix := f.envoyPrefix()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, prefix+"/") {
			f.envoy.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f *ForwardAuth) envoyPrefix() string { return f.site.Prefix() + "check/envoy" }

func (f *ForwardAuth) handler(form form) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		env, ok := f.environment(r, form)
		if !ok {
			f.refuse(w, form, wire.Refusal{Error: wire.UnknownOrigin, Message: "no environment has this host: does the proxy pass it on?"})
			return
		}
		s, err := f.engine.Check(r.Context(), env, api.ReadSessionCookie(r, env))
		if err == nil {
			api.WriteIdentity(w.Header(), s)
			f.api.WriteAssertion(w.Header(), r, env, s)
			w.WriteHeader(form.allowed)
			return
		}
		f.answer(w, r, env, form, err)
	})
}

// answer turns a refusal of the engine into what the proxy passes on, or what it makes the answer of.
func (f *ForwardAuth) answer(w http.ResponseWriter, r *http.Request, env settings.Environment, form form, err error) {
	refusal, navigation := api.AsRefusal(err), api.Navigation(r.Header)
	back := f.back(r, env, form)
	f.api.SayWhere(&refusal, back)
	to := refusal.Resume
	if to == "" {
		to = refusal.SignIn
	}
	switch h := w.Header(); {
	case to != "" && navigation:
		h.Set("Location", env.Origin+to)
		if !form.coded {
			h.Set(api.HeaderReason, api.Reason(refusal))
			h.Set("Cache-Control", "no-store")
			h.Add("Vary", "Sec-Fetch-Mode, Accept")
			w.WriteHeader(http.StatusSeeOther)
			return
		}
	case refusal.Error == wire.Unavailable && navigation && !form.coded:
		f.unavailable(w, r, env, back, err)
		return
	}
	f.refuse(w, form, refusal)
}

// refuse answers with a refusal that no redirect follows.
func (f *ForwardAuth) refuse(w http.ResponseWriter, form form, refusal wire.Refusal) {
	h := w.Header()
	h.Set(api.HeaderReason, api.Reason(refusal))
	if form.coded {
		if text, err := json.Marshal(refusal); err == nil {
			h.Set(HeaderRefusal, string(text))
		}
		if status := api.Status(refusal.Error); status != http.StatusUnauthorized && status < http.StatusInternalServerError {
			api.WriteJSON(w, http.StatusForbidden, refusal)
			return
		}
	}
	api.WriteRefusal(w, refusal)
}
