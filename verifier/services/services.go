// Package services is what applications and APIs in other processes ask the verifier: about a token (RFC 7662), for the verdict on a
// request, and which sessions have ended. Each shows that it is a service of the environment that it asks about.
package services

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Config is what Services need. All fields are required.
type Config struct {
	Engine  *engine.Engine
	Site    *api.Site
	API     *api.API
	Clients *Clients
	// ClientID is the client that an environment's sign-ins are registered as at its provider; empty: not known.
	ClientID func(environment string) string
	Random   io.Reader
}

// Services serve introspect, verdict and endings. They are safe for concurrent use.
type Services struct {
	Config
	feeds feeds
}

// New makes them.
func New(c Config) *Services { return &Services{Config: c, feeds: feeds{of: map[string]feed{}}} }

// Register adds the addresses to a mux, measured where timed is not nil.
func (s *Services) Register(mux *http.ServeMux, timed api.Timed) {
	if timed == nil {
		timed = func(_ string, next http.Handler) http.Handler { return next }
	}
	prefix := s.Site.Prefix()
	mux.Handle("POST "+prefix+"introspect", timed("introspect", s.serve(s.introspect)))
	mux.Handle("POST "+prefix+"verdict", timed("verdict", s.serve(s.verdict)))
	mux.Handle("POST "+prefix+"endings", s.serve(s.endings)) // it waits on purpose
}

// maxForm is a cookie or token, some proofs and addresses, and what percent-encoding adds.
const maxForm = 4 * (wire.MaxCookie + wire.MaxProof)

// failure is an error of RFC 6749 section 5.2.
type failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// serve reads the form of a service that has shown who it is.
func (s *Services) serve(handle func(http.ResponseWriter, *http.Request, settings.Environment, Client)) http.Handler {
	return s.Site.For(func(w http.ResponseWriter, r *http.Request, env settings.Environment) {
		w.Header().Set("Pragma", "no-cache") // as RFC 6749 section 5.1 wants it besides no-store
		client, ok := s.Clients.authenticate(r, env)
		if !ok {
			s.unknown(w, env)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			invalid(w, http.StatusBadRequest, "the request must be a form (application/x-www-form-urlencoded)")
			return
		}
		if err := r.ParseForm(); err != nil {
			invalid(w, http.StatusBadRequest, "the form is malformed or too large")
			return
		}
		handle(w, r, env, client)
	})
}

// unknown refuses a service without saying what was wrong. So that nobody can fill the audit or try secrets quickly, only some are
// answered and recorded.
func (s *Services) unknown(w http.ResponseWriter, env settings.Environment) {
	if !s.Clients.attempts.allow(s.Engine.Now().UnixMilli()) {
		w.Header().Set("Retry-After", "5")
		api.WriteJSON(w, http.StatusTooManyRequests, failure{Error: "temporarily_unavailable"})
		return
	}
	s.Engine.RecordRefusal(env, wire.InvalidClient, "a service could not be authenticated")
	w.Header()["Www-Authenticate"] = []string{`Basic realm="curfew"`, `Bearer realm="curfew"`}
	api.WriteJSON(w, http.StatusUnauthorized, failure{Error: string(wire.InvalidClient)})
}

func invalid(w http.ResponseWriter, status int, description string) {
	api.WriteJSON(w, status, failure{"invalid_request", description})
}

// field is the one value of a form's field; ok is false when it stands twice. Only what is in the body counts: what is in an address
// ends up in logs.
func field(r *http.Request, name string) (value string, ok bool) {
	values := r.PostForm[name]
	if len(values) > 1 {
		return "", false
	}
	if len(values) == 1 {
		value = values[0]
	}
	return value, true
}

// text is a random name.
func text(random io.Reader) (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}
