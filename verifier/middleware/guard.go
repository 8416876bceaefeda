// Package middleware guards a net/http application with Curfew: in the verifier's own process, or with a Remote from any other. It
// imports nothing of the verifier, so that an application can use it with any Checker.
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
	Nonce   string       // of an API: for DPoP-Nonce of the answer, or empty
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

// UserOf is the user of a request that Guard or GuardAPI let through.
func UserOf(ctx context.Context) (User, bool) {
	user, ok := ctx.Value(userKey{}).(User)
	return user, ok
}

func withUser(r *http.Request, user User) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), userKey{}, user))
}

// Guard lets only requests with a living session through to next, each with its User. A navigation without one goes where the
// refusal says, and back afterwards; any other request gets 401 with the refusal as JSON.
//
// A request for a WebSocket or an event stream ends with its session where the checker is a Follower: its context is cancelled, and a
// connection that the handler has taken over is closed.
func Guard(checker Checker, next http.Handler) http.Handler {
	follower, _ := checker.(Follower)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := checker.Check(r)
		switch {
		case !verdict.Allowed:
			refuse(w, r, verdict)
		case follower != nil && long(r):
			serveWhile(follower, next, w, withUser(r, verdict.User), verdict.User)
		default:
			next.ServeHTTP(w, withUser(r, verdict.User))
		}
	})
}

func refuse(w http.ResponseWriter, r *http.Request, verdict Verdict) {
	h := w.Header()
	h.Add("Vary", "Sec-Fetch-Mode, Accept")
	to := verdict.Refusal.Resume
	if to == "" {
		to = verdict.Refusal.SignIn
	}
	if to != "" && navigation(r) {
		h.Set("Cache-Control", "no-store")
		h.Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	challenge := ""
	if verdict.Status == http.StatusUnauthorized {
		challenge = `DPoP algs="ES256"`
	}
	writeRefusal(w, verdict, challenge)
}

func writeRefusal(w http.ResponseWriter, verdict Verdict, challenge string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	if challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	w.WriteHeader(max(verdict.Status, http.StatusUnauthorized))
	json.NewEncoder(w).Encode(verdict.Refusal)
}

// navigation reports whether a browser is on its way to a page, by a link or a form. Browsers say so in Sec-Fetch-Mode; older ones
// only ask for HTML.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
