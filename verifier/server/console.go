package server

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/config"
	pages "github.com/curfew-project/curfew/verifier/console"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// console is the administrators' pages with everything that guards an application: they are an environment of their own, with an agent,
// sign-in and heartbeats, on the operator's listener.
type console struct {
	*Server
	site    *api.Site
	api     *api.API
	handler http.Handler
}

func (s *Server) newConsole(c config.Config) (*console, error) {
	own := &console{Server: s}
	live := settings.NewLive(consoleEnvironment(c))
	var mux http.Handler
	own.site, own.api, mux = s.handlers(c, live)
	inside, err := pages.New(pages.Config{
		Admin: s.admin, Actor: own.actor, Token: own.token, Now: s.o.Now, Prefix: c.Prefix, Location: s.o.Zone,
		Role: roleWords(c.Console), Refused: s.admin.Refused, Log: s.o.Log,
	})
	if err != nil {
		return nil, err
	}
	guarded := middleware.Guard(own, inside)
	root := http.NewServeMux()
	root.Handle(c.Prefix, mux)
	root.Handle("/", guarded)
	own.handler = root
	return own, nil
}

// Check implements middleware.Checker for the console.
func (c *console) Check(r *http.Request) middleware.Verdict { return c.judge(r, c.site, c.api) }

// actor is who a request that the guard let through comes from, by the roles in the ID token that the provider gave last: at sign-in or
// at a policy check. Without a role the actor may nothing.
func (c *console) actor(r *http.Request) (actor admin.Actor, person string, ok bool) {
	user, ok := middleware.UserOf(r.Context())
	if !ok {
		return admin.Actor{}, "", false
	}
	person = user.Name
	if person == "" {
		person = user.Subject
	}
	id, err := session.ParseID(user.Session)
	if err != nil {
		return admin.Actor{}, person, false
	}
	found, there, err := c.store.Get(r.Context(), id, c.o.Now().UnixMilli())
	if err != nil || !there {
		return admin.Actor{}, person, false
	}
	token, err := c.engine.IDTokenOf(r.Context(), found)
	if err != nil {
		return admin.Actor{}, person, false
	}
	actor = c.access.person(signature(user), rolesOf(token, c.access.roleClaim()))
	return actor, person, actor.Administers()
}

// signature is how somebody stands in the history and the audit: the name, for people to read, and the beginning of the subject, because
// names can be chosen.
func signature(user middleware.User) string {
	short := user.Subject[:min(len(user.Subject), 12)]
	if user.Name == "" {
		return short + " (console)"
	}
	return user.Name + " (console, " + short + ")"
}

// roleWords says what somebody lacks who may administer nothing.
func roleWords(c *config.Console) string {
	roles := c.Administrators
	for _, more := range c.EnvironmentAdministrators {
		roles = append(roles[:len(roles):len(roles)], more...)
	}
	if len(roles) == 1 {
		return "the role " + roles[0]
	}
	return "a role for it"
}

// token is what the forms of a session carry, so that no other page can send them.
func (c *console) token(r *http.Request) string {
	user, ok := middleware.UserOf(r.Context())
	if !ok {
		return ""
	}
	return c.ring.Sign(keyring.FormToken, config.ConsoleID, []byte(user.Session))
}
