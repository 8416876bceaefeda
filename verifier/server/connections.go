package server

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/provider"
)

// connections are how people sign in to each environment that is served. They change when the configuration or an administrator adds
// or removes environments.
type connections struct {
	o      Options
	record audit.Recorder
	told   func(map[string]*provider.Provider) // whenever they change

	mu      sync.RWMutex
	of      map[string]connection
	probing func(*provider.Provider) (stop context.CancelFunc) // while Run runs
}

type connection struct {
	login.Connection
	made provider.Config // what it was made from
	stop context.CancelFunc
}

func newConnections(o Options, record audit.Recorder, told func(map[string]*provider.Provider)) *connections {
	return &connections{o: o, record: record, told: told, of: map[string]connection{}}
}

// prepared are the connections of some environments, before they are in force; it is an admin.Prepared.
type prepared struct {
	in        *connections
	of        map[string]connection
	committed func(ids []string)
	ids       []string
}

// prepare makes the connections of some environments of a configuration. A provider that stays as it was is kept, with all that is known
// of it.
func (c *connections) prepare(file config.Config, served []admin.Served) (*prepared, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	next := &prepared{in: c, of: map[string]connection{}}
	for _, s := range served {
		env, err := declared(file, s)
		if err != nil {
			return nil, err
		}
		if next.of[s.ID], err = c.connect(env); err != nil {
			return nil, err
		}
		next.ids = append(next.ids, s.ID)
	}
	return next, nil
}

// Commit puts the connections in force.
func (p *prepared) Commit() {
	c := p.in
	c.mu.Lock()
	defer c.mu.Unlock()
	providers := map[string]*provider.Provider{}
	for id, one := range p.of {
		if old := c.of[id]; old.Provider == one.Provider {
			one.stop = old.stop // it may have been begun since
		}
		if one.stop == nil && c.probing != nil {
			one.stop = c.probing(one.Provider)
		}
		p.of[id] = one
		providers[id] = one.Provider
	}
	for id, old := range c.of {
		if now, there := p.of[id]; (!there || now.Provider != old.Provider) && old.stop != nil {
			old.stop()
		}
	}
	c.of = p.of
	c.told(providers)
	p.committed(p.ids)
}

// Answers asks a provider now (C2).
func (p *prepared) Answers(ctx context.Context, environment string) error {
	one, ok := p.of[environment]
	if !ok {
		return fmt.Errorf("environment %s has no provider", environment)
	}
	if err := one.Provider.Probe(ctx); err != nil {
		return err
	}
	return one.Provider.Ready(ctx)
}

// declared is an environment as the file has it, or one that an administrator made, which uses one of the file's providers.
func declared(file config.Config, s admin.Served) (config.Environment, error) {
	if s.ID == config.ConsoleID && file.Console != nil {
		return file.Console.Environment(), nil
	}
	for _, env := range file.Environments {
		if env.ID == s.ID {
			return env, nil
		}
	}
	for _, p := range file.Providers {
		if p.ID == s.Provider {
			return config.Environment{ID: s.ID, Provider: p.Provider}, nil
		}
	}
	return config.Environment{}, fmt.Errorf("environment %s: there is no provider %q", s.ID, s.Provider)
}

// connect is the connection of an environment. It is not spoken to before it is needed, so that a verifier starts while its provider
// is down.
func (c *connections) connect(env config.Environment) (connection, error) {
	secret, err := env.Provider.Secret()
	if err != nil {
		return connection{}, fmt.Errorf("environment %s: %w", env.ID, err)
	}
	options, err := signInOptions(env)
	if err != nil {
		return connection{}, err
	}
	made := providerConfig(env, env.Base(), secret)
	if old, there := c.of[env.ID]; there && reflect.DeepEqual(old.made, made) {
		old.Options = options
		return old, nil
	}
	changed := func(state provider.State) { tellState(env.ID, env.Provider.Issuer, state, c.o, c.record) }
	return connection{Connection: login.Connection{Provider: provider.New(made, c.o.Client, c.o.Now, changed), Options: options}, made: made}, nil
}

// get is how people sign in to an environment.
func (c *connections) get(environment string) (login.Connection, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	one, ok := c.of[environment]
	return one.Connection, ok
}

// states are how all providers fare, by environment.
func (c *connections) states() map[string]provider.State {
	c.mu.RLock()
	defer c.mu.RUnlock()
	states := make(map[string]provider.State, len(c.of))
	for id, one := range c.of {
		states[id] = one.Provider.State()
	}
	return states
}

// look tells an environment's issuer and how its provider fares.
func (c *connections) look(environment string) (issuer, state string) {
	one, ok := c.get(environment)
	if !ok {
		return "", ""
	}
	return one.Provider.Issuer(), stateText(one.Provider.State())
}

// probe keeps every provider's State true until ctx ends.
func (c *connections) probe(ctx context.Context) {
	var all sync.WaitGroup
	c.mu.Lock()
	c.probing = func(p *provider.Provider) context.CancelFunc {
		own, stop := context.WithCancel(ctx)
		all.Go(func() { probe(own, p) })
		return stop
	}
	for id, one := range c.of {
		one.stop = c.probing(one.Provider)
		c.of[id] = one
	}
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	c.probing = nil
	c.mu.Unlock()
	all.Wait()
}
