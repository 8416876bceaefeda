package forwardauth

import (
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/verifier/settings"
)

// environment is that of the application that was asked for. Unknown hosts are denied, and so is a host that is told twice: one of the
// two was a client's.
func (f *ForwardAuth) environment(r *http.Request, form form) (settings.Environment, bool) {
	if form.host == "" {
		return f.site.Environment(r)
	}
	hosts := r.Header.Values(form.host)
	if len(hosts) != 1 {
		return settings.Environment{}, false
	}
	return f.site.ByHost(hosts[0])
}

// back is where a browser goes once it has a session: to what it asked for, or, where that cannot be asked for again by going there, to
// the page that it was sent from. Empty: nobody knows. It may be anything: whoever sends a browser there must look at it.
func (f *ForwardAuth) back(r *http.Request, env settings.Environment, form form) string {
	method, uri := r.Method, ""
	if form.method != "" {
		method, uri = one(r.Header, form.method), one(r.Header, form.uri)
	} else {
		uri = strings.TrimPrefix(r.RequestURI, f.envoyPrefix())
	}
	if method == http.MethodGet || method == http.MethodHead {
		return uri
	}
	if rest, here := strings.CutPrefix(one(r.Header, "Referer"), env.Origin); here && strings.HasPrefix(rest, "/") {
		return rest
	}
	return ""
}

// one is the value of a header that is there once, or empty.
func one(h http.Header, name string) string {
	if values := h.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}
