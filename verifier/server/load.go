package server

import (
	"context"
	"crypto/sha256"
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
	s.fileMu.Lock()
	before := s.file
	s.fileMu.Unlock()
	if later := config.NeedsRestart(before, c); len(later) > 0 {
		s.o.Log.Warn("config_needs_restart", "keys", strings.Join(later, ", "))
	}
	c.Console, c.Admin.Socket = before.Console, before.Admin.Socket
	if err := s.load(ctx, c); err != nil {
		s.RefuseConfig(err)
		return err
	}
	return nil
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
	s.fileMu.Lock()
	before := s.file
	s.file = c
	s.fileMu.Unlock()
	if err := s.admin.Load(ctx, base(c)); err != nil {
		s.fileMu.Lock()
		s.file = before
		s.fileMu.Unlock()
		return err
	}
	s.access.set(c, tokens)
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

// serve makes the connections of the environments that there are going to be.
func (s *Server) serve(served []admin.Served) error {
	s.fileMu.Lock()
	c := s.file
	s.fileMu.Unlock()
	ids := make([]string, 0, len(served))
	for _, one := range served {
		ids = append(ids, one.ID)
	}
	if s.console != nil {
		ids = append(ids, config.ConsoleID)
		served = append(served, admin.Served{ID: config.ConsoleID})
	}
	if err := s.connections.serve(c, served); err != nil {
		return err
	}
	s.metrics.SetEnvironments(ids)
	return nil
}

// base is what the file says to the administration.
func base(c config.Config) admin.Base {
	b := admin.Base{Limits: c.PolicyLimits(), Made: config.Environment{}.Base()}
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
