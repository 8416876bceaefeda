package server

import (
	"net/http"
	"sync/atomic"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/config"
)

// access says who may administer, as the configuration in force has it. It is safe for concurrent use.
type access struct{ now atomic.Pointer[granted] }

type granted struct {
	tokens  adminapi.Tokens
	console *config.Console
}

func (a *access) set(c config.Config, tokens []adminapi.Token) {
	a.now.Store(&granted{tokens: tokens, console: c.Console})
}

// bearer is who a request of a program comes from.
func (a *access) bearer(r *http.Request) (admin.Actor, bool) {
	now := a.now.Load()
	if now == nil {
		return admin.Actor{}, false
	}
	return now.tokens.Authenticate(r)
}

// person is who may administer with some roles. Nobody is an actor who may nothing.
func (a *access) person(name string, roles []string) admin.Actor {
	actor := admin.Actor{Name: name}
	now := a.now.Load()
	if now == nil || now.console == nil {
		return actor
	}
	has := map[string]bool{}
	for _, role := range roles {
		has[role] = true
	}
	any := func(wanted []string) bool {
		for _, role := range wanted {
			if has[role] {
				return true
			}
		}
		return false
	}
	actor.All = any(now.console.Administrators)
	for id, wanted := range now.console.EnvironmentAdministrators {
		if any(wanted) {
			actor.Environments = append(actor.Environments, id)
		}
	}
	return actor
}

// roleClaim is the claim that has a person's roles.
func (a *access) roleClaim() string {
	if now := a.now.Load(); now != nil && now.console != nil {
		return now.console.RoleClaim
	}
	return ""
}
