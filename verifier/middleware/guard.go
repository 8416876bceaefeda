// Package middleware guards a net/http application with Curfew. It imports nothing of the verifier, so that an application can
// use it with any Checker.
package middleware

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
)

// Verdict is the verifier's word on one request.
type Verdict struct {
	Allowed bool
	User    User         // when allowed
	Refusal wire.Refusal // when not
	Status  int          // when not: the HTTP status of the refusal
}

// User is who a request belongs to.
type User struct {
	Issuer, Subject string
	Name            string
	Session         string
}

// Checker judges a request by its cookie. It must answer for the moment of the call: an answer kept longer would let an ended
// session through.
type Checker interface {
	Check(r *http.Request) Verdict
}

type userKey struct{}

// UserOf is the user of a request that Guard let through.
func UserOf(ctx context.Context) (User, bool) {
	user, ok := ctx.Value(userKey{}).(User)
	return user, ok
}

// Guard lets only requests with a living session through to next, each with its User. A navigation without one goes where the
// refusal says, and back afterwards; any other request gets 401 with the refusal as JSON.
func Guard(checker Checker, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := checker.Check(r)
		if verdict.Allowed {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, verdict.User)))
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Sec-Fetch-Mode, Accept")
		to := verdict.Refusal.Resume
		if to == "" {
			to = verdict.Refusal.SignIn
		}
		if to != "" && navigation(r) {
			h.Set("Location", to)
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		h.Set("Content-Type", "application/json")
		h.Set("X-Content-Type-Options", "nosniff")
		if verdict.Status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `DPoP algs="ES256"`)
		}
		w.WriteHeader(max(verdict.Status, http.StatusUnauthorized))
		json.NewEncoder(w).Encode(verdict.Refusal)
	})
}

// navigation reports whether a browser is on its way to a page, by a link or a form. Browsers say so in Sec-Fetch-Mode; older ones
// only ask for HTML.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
