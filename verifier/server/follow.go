package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/middleware"
)

// Follow is the context of a request that Check has let through and that is open for long; see middleware.Follower.
func (s *Server) Follow(r *http.Request, _ middleware.User) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(r.Context())
	over := func(why error) { cancel(errors.Join(middleware.ErrSessionEnded, why)) }
	env, ok := s.site.Environment(r)
	if !ok {
		over(nil)
		return ctx, func() {}
	}
	held, _, release, err := s.engine.Hold(r.Context(), env, api.ReadSessionCookie(r, env))
	if err != nil {
		over(err)
		return ctx, func() {}
	}
	context.AfterFunc(held, func() { over(context.Cause(held)) })
	return ctx, func() {
		cancel(context.Canceled)
		release()
	}
}

// CheckAPI judges a request to an API of an application in the same process, by its access token and proof; it is a
// middleware.APIChecker.
func (s *Server) CheckAPI(r *http.Request) middleware.Verdict {
	env, ok := s.site.Environment(r)
	if !ok {
		return middleware.Verdict{Refusal: wire.Refusal{Error: wire.UnknownOrigin}, Status: api.Status(wire.UnknownOrigin)}
	}
	found, nonce, err := s.engine.CheckAPI(r.Context(), env, engine.APIRequest{
		Token: middleware.AccessToken(r), Proofs: r.Header.Values(wire.HeaderProof), Method: r.Method, URL: env.Origin + r.URL.EscapedPath(),
	})
	if err != nil {
		refusal := api.AsRefusal(err)
		return middleware.Verdict{Refusal: refusal, Status: api.Status(refusal.Error), Nonce: refusal.Nonce}
	}
	return middleware.Verdict{Allowed: true, Nonce: nonce, User: middleware.User{
		Issuer: found.User.Issuer, Subject: found.User.Subject, Name: found.Name, Session: found.ID.String(),
	}}
}
