package api

import (
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Site says which environment a request belongs to and what its addresses are.
type Site struct {
	prefix string
	live   *settings.Live
	record func(settings.Environment, wire.Code, string)
}

// NewSite serves the environments that are in force by the host of their origin, below a prefix such as /.curfew/ that begins and ends with a slash.
// record takes the refusals that the site makes itself.
func NewSite(prefix string, live *settings.Live, record func(settings.Environment, wire.Code, string)) *Site {
	return &Site{prefix: prefix, live: live, record: record}
}

// clip bounds what a client can write into the log.
func clip(text string) string { return text[:min(len(text), 100)] }

// Prefix is the path below which all of the verifier's addresses are.
func (s *Site) Prefix() string { return s.prefix }

// Environment finds the environment of a request by its Host; unknown hosts are denied.
func (s *Site) Environment(r *http.Request) (settings.Environment, bool) {
	return s.ByHost(r.Host)
}

// ByHost finds the environment of a host, with its port where the origin has one.
func (s *Site) ByHost(host string) (settings.Environment, bool) { return s.live.ByHost(host) }

// URL is the absolute address of an endpoint as browsers know it.
func (s *Site) URL(env settings.Environment, endpoint string) string {
	return env.Origin + s.prefix + endpoint
}

// For makes a handler that knows its environment and refuses requests for no environment or from pages of another origin. A
// browser tells the origin of a page in Origin or Sec-Fetch-Site; a request without either comes from no page.
func (s *Site) For(handle func(http.ResponseWriter, *http.Request, settings.Environment)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		env, ok := s.Environment(r)
		if !ok {
			s.record(settings.Environment{}, wire.UnknownOrigin, "host "+strconv.Quote(clip(r.Host)))
			WriteRefusal(w, wire.Refusal{Error: wire.UnknownOrigin, Message: "no environment has this host: is the Host header passed on?"})
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
			if (site != "" && site != "same-origin") || (origin != "" && origin != env.Origin) {
				s.record(env, wire.CrossOrigin, "")
				WriteRefusal(w, wire.Refusal{Error: wire.CrossOrigin, Message: "the request came from another origin"})
				return
			}
		}
		handle(w, r, env)
	})
}

// Endpoints that people come back to after they signed in.
const (
	SignedIn = "signed-in" // where a sign-in ends whose window was opened for nothing else (A15)
	Sessions = "sessions"  // a user's own sessions (B6)
)

// ReturnTo is a path of the same origin to go back to, with query and fragment. Anything else is refused: an attacker who
// could choose it would send people anywhere after they signed in. So are the verifier's own addresses, where going back to
// could sign somebody out, all but SignedIn and Sessions, which do nothing by themselves.
func (s *Site) ReturnTo(text string) (string, bool) {
	if text == "" {
		return "/", true
	}
	if len(text) > wire.MaxReturnTo || text[0] != '/' {
		return "", false
	}
	for i := range len(text) {
		// Browsers drop control characters and read a backslash as a slash.
		if c := text[i]; c <= ' ' || c == 0x7f || c == '\\' {
			return "", false
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(text, "//") {
		return "", false
	}
	if strings.HasPrefix(path.Clean(u.Path)+"/", s.prefix) {
		// As it is written, so that no way of writing leads anywhere else. The fragment stays in the browser.
		if own, _, _ := strings.Cut(text, "#"); own != s.prefix+SignedIn && own != s.prefix+Sessions {
			return "", false
		}
	}
	return text, true
}

// FromHere reports whether a navigation began on this origin or with the person, and not with a link on another site or a
// browser that only fetches ahead. Browsers that do not say count as here.
func FromHere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "" || site == "same-origin" || site == "none") && r.Header.Get("Sec-Purpose") == ""
}

// Navigation reports whether a browser is on its way to a page, by a link or a form. Browsers say so in Sec-Fetch-Mode; older ones
// only ask for HTML.
func Navigation(h http.Header) bool {
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(h.Get("Accept"), "text/html")
}
