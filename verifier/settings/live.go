package settings

import (
	"slices"
	"strings"
	"sync/atomic"
)

// Live are the environments in force just now. Whoever serves a request asks it; a change replaces them all at once. It is safe for
// concurrent use; the zero value has none.
type Live struct{ view atomic.Pointer[view] }

type view struct {
	all    []Environment // each once, at its first origin
	byID   map[string]Environment
	byHost map[string]Environment
}

// NewLive are some environments, each given once for each of its origins.
func NewLive(environments ...Environment) *Live {
	live := &Live{}
	live.Set(environments)
	return live
}

// Set replaces the environments. Each is given once for each of its origins, the first of them first.
func (l *Live) Set(environments []Environment) {
	next := &view{byID: map[string]Environment{}, byHost: map[string]Environment{}}
	for _, env := range environments {
		next.byHost[strings.ToLower(env.Host())] = env
		if _, there := next.byID[env.ID]; !there {
			next.byID[env.ID] = env
			next.all = append(next.all, env)
		}
	}
	l.view.Store(next)
}

// ByHost finds the environment of a request by its Host, at the origin of that host.
func (l *Live) ByHost(host string) (Environment, bool) {
	now := l.view.Load()
	if now == nil {
		return Environment{}, false
	}
	env, ok := now.byHost[host]
	if !ok {
		env, ok = now.byHost[strings.ToLower(host)]
	}
	return env, ok
}

// ByID finds an environment, at its first origin.
func (l *Live) ByID(id string) (Environment, bool) {
	now := l.view.Load()
	if now == nil {
		return Environment{}, false
	}
	env, ok := now.byID[id]
	return env, ok
}

// All are the environments, each once at its first origin, in the order in which they were given.
func (l *Live) All() []Environment {
	now := l.view.Load()
	if now == nil {
		return nil
	}
	return slices.Clone(now.all)
}
