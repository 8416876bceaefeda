package server

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/forwardauth"
)

// newRelay makes the handler for what stays open. It ends with the verifier.
func (s *Server) newRelay(c config.Config) http.Handler {
	return forwardauth.NewRelay(s.proxies, c.Relay.URLs(), nil, s.o.Log, s.life)
}

// Relay is the handler for reverse proxies that passes on what stays open, such as WebSockets, and closes it with its session; nil where the
// configuration has none. Close closes what is open.
func (s *Server) Relay() http.Handler { return s.relay }
