package server

import (
	"context"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/session"
)

// Follow is the context of a request that Check has let through and that is open for long: it ends when the user's session does. It is a
// middleware.Follower's.
func (s *Server) Follow(r *http.Request, user middleware.User) (context.Context, context.CancelFunc) {
	id, err := session.ParseID(user.Session)
	if err != nil {
		return middleware.Over(r.Context())
	}
	ended, stop := s.engine.Follow(id)
	ctx, cancel := middleware.While(r.Context(), middleware.Session{
		Ended: ended,
		Lasts: func(ctx context.Context) (time.Duration, error) {
			left, err := s.engine.Lasts(ctx, id)
			return time.Duration(left) * time.Millisecond, err
		},
	})
	return ctx, func() { cancel(); stop() }
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
