package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Reload puts a changed configuration in force. What cannot change while the verifier runs stays as it was, and the log names it. On an
// error everything stays as it was.
func (s *Server) Reload(ctx context.Context, c config.Config) error {
	before := s.configuration()
	if later := config.NeedsRestart(s.started, c); len(later) > 0 {
		s.o.Log.Warn("config_needs_restart", "keys", strings.Join(later, ", "))
	}
	c.Console, c.Admin.Socket = roles(before.Console, c.Console), before.Admin.Socket
	if err := s.load(ctx, c); err != nil {
		s.RefuseConfig(err)
		return err
	}
	return nil
}

// roles is the console as it is, with who may use it as a changed configuration says: somebody who is to administer nothing any more must
// not go on until the next restart.
func roles(before, after *config.Console) *config.Console {
	if before == nil {
		return nil
	}
	now := *before
	if after == nil {
		now.Administrators, now.EnvironmentAdministrators = nil, nil
	} else {
		now.RoleClaim, now.Administrators, now.EnvironmentAdministrators = after.RoleClaim, after.Administrators, after.EnvironmentAdministrators
	}
	return &now
}

// configuration is the one in force.
func (s *Server) configuration() config.Config {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	return s.file
}

// RefuseConfig records that a changed configuration was refused. The old one stays in force.
func (s *Server) RefuseConfig(err error) {
	s.o.Log.Error("config_refused", "error", err)
	detail := strings.ReplaceAll(err.Error(), "\n", "; ")
	e := audit.Event{At: s.o.Now().UnixMilli(), Kind: audit.ConfigRefused, Actor: admin.File, Detail: detail[:min(len(detail), 1000)]}
	s.metrics.Event(e)
	s.journal.Record(e)
	s.metrics.ConfigLoaded(false)
}

// load puts a configuration in force as far as it can change while the verifier runs.
func (s *Server) load(ctx context.Context, c config.Config) error {
	tokens, err := tokens(c)
	if err != nil {
		return err
	}
	pairs, err := s.tls.prepare(c)
	if err != nil {
		return err
	}
	clients, err := serviceClients(c)
	if err != nil {
		return err
	}
	err = s.admin.Load(ctx, s.base(c))
	if errors.Is(err, admin.ErrEndings) {
		s.o.Log.Error("sessions_not_ended", "error", err)
	} else if err != nil {
		return err
	}
	s.fileMu.Lock()
	s.file = c
	s.fileMu.Unlock()
	s.access.set(c, tokens)
	s.services.Set(clients)
	s.edge.set(c)
	s.tls.commit(pairs)
	for _, e := range c.Environments {
		if env := e.Base(); !env.Secure() {
			s.o.Log.Warn("insecure_origin", "environment", e.ID, "origin", e.Origin,
				"meaning", "plain http on localhost is for development: the cookie has neither Secure nor the __Host- prefix")
		}
	}
	s.record(audit.Event{At: s.o.Now().UnixMilli(), Kind: audit.ConfigLoaded, Actor: admin.File,
		Detail: fmt.Sprintf("%d environments", len(c.Environments))})
	s.metrics.ConfigLoaded(true)
	return nil
}

// base is what the file says to the administration.
func (s *Server) base(c config.Config) admin.Base {
	b := admin.Base{Limits: c.PolicyLimits(), Made: config.Environment{}.Base()}
	b.Prepare = func(served []admin.Served) (admin.Prepared, error) {
		if s.console != nil {
			served = append(served, admin.Served{ID: config.ConsoleID})
		}
		ready, err := s.connections.prepare(c, served)
		if err != nil {
			return nil, err
		}
		ready.committed = s.metrics.SetEnvironments
		return ready, nil
	}
	deployment, owned := c.DeploymentDocument()
	b.Switches, b.SwitchesOwned = deployment.Switches, owned
	for _, e := range c.Environments {
		doc, has := e.Document()
		b.Environments = append(b.Environments, admin.Declared{Fixed: e.Base(), Document: doc,
			Owned: admin.Owned{Settings: has.Settings, Switches: has.Switches, Clients: has.Clients, Name: has.Name}})
	}
	for _, p := range c.Providers {
		b.Providers = append(b.Providers, p.ID)
	}
	if c.Console != nil {
		b.Reserved = append(b.Reserved, c.Console.Origin)
	}
	return b
}

func tokens(c config.Config) ([]adminapi.Token, error) {
	var all []adminapi.Token
	for _, t := range c.Admin.Tokens {
		secret, err := t.Secret()
		if err != nil {
			return nil, fmt.Errorf("admin token %s: %w", t.Name, err)
		}
		all = append(all, adminapi.Token{Name: t.Name, SecretHash: sha256.Sum256([]byte(secret)), Environments: t.Environments})
	}
	return all, nil
}

// consoleEnvironment is the console as it is guarded.
func consoleEnvironment(c config.Config) settings.Environment {
	return c.Console.Environment().InForce()
}
