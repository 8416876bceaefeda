package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/services"
)

// registerServices adds what applications and APIs in other processes ask.
func (s *Server) registerServices(mux *http.ServeMux, site *api.Site, a *api.API) {
	services.New(services.Config{
		Engine: s.engine, Site: site, API: a, Clients: &s.services, Random: s.o.Random,
		ClientID: func(environment string) string {
			one, ok := s.connections.get(environment)
			if !ok {
				return ""
			}
			return one.Provider.ClientID()
		},
	}).Register(mux, s.metrics.Timed)
}

// presume counts on processes that were told of endings by the verifier that ran before this one.
func (s *Server) presume(c config.Config) {
	for _, env := range c.Environments {
		if len(env.Services) > 0 {
			s.engine.Presume(env.ID)
		}
	}
}

func serviceClients(c config.Config) (map[string][]services.Client, error) {
	all := map[string][]services.Client{}
	for _, env := range c.Environments {
		for _, one := range env.Services {
			secret, err := one.Secret()
			if err != nil {
				return nil, fmt.Errorf("environment %s: service %s: %w", env.ID, one.ID, err)
			}
			all[env.ID] = append(all[env.ID], services.Client{ID: one.ID, SecretHash: sha256.Sum256([]byte(secret))})
		}
	}
	return all, nil
}
