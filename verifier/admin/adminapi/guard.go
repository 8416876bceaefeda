package adminapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/verifier/admin"
)

type actorKey struct{}

func actorOf(ctx context.Context) admin.Actor {
	actor, _ := ctx.Value(actorKey{}).(admin.Actor)
	return actor
}

// guard lets only those through who say who they are, and no page of another site. Nobody else learns which addresses there are.
func guard(a *admin.Admin, authenticate func(*http.Request) (admin.Actor, bool), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if crossSite(r) {
			a.Refused(admin.Actor{}, "the API was asked by a page of another site")
			refuse(w, refusal(CrossSite, "the request came from a page of another site"))
			return
		}
		// A browser adds cookies to whatever a page asks for; here they are worth nothing.
		r = r.Clone(r.Context())
		r.Header.Del("Cookie")
		actor, ok := authenticate(r)
		if !ok {
			a.Refused(admin.Actor{}, "the API was asked by somebody without a token or socket of this verifier")
			refuse(w, refusal(Unauthorized, "give a bearer token of this verifier, or use its socket"))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, actor)))
	})
}

// crossSite reports whether a browser says that a page elsewhere makes the request. Programs send neither header.
func crossSite(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	return false
}
