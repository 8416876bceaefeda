package adminapi

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// EndedCount is the answer to DELETE sessions: how many were ended.
type EndedCount struct {
	Ended int `json:"ended"`
}

func listSessions(c *call) error {
	q, err := c.query("environment", "user", "client", "state", "offset", "limit")
	if err != nil {
		return err
	}
	wanted := admin.SessionQuery{
		Environment: q.text("environment"), User: q.text("user"), Client: q.text("client"), State: admin.State(q.text("state")),
		Offset: q.small("offset"), Limit: q.small("limit"),
	}
	if err := q.err(); err != nil {
		return err
	}
	found, err := c.admin.Sessions(c.r.Context(), c.actor, wanted)
	found.Sessions = list(found.Sessions)
	return c.answer(found, err)
}

func showSession(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	found, err := c.admin.Session(c.r.Context(), c.actor, c.r.PathValue("id"))
	return c.answer(found, err)
}

func endSession(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	if err := c.admin.EndSession(c.r.Context(), c.actor, c.r.PathValue("id")); err != nil {
		return err
	}
	headers(c.w, "application/json")
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// endSessions ends those of a user, or of a whole environment when no user is given at all: an empty one is a mistake.
func endSessions(c *call) error {
	q, err := c.query("environment", "user")
	if err != nil {
		return err
	}
	environment, user := q.text("environment"), q.text("user")
	if allowed := settings.CheckID(environment); allowed != "" {
		q.bad.Add("environment", "is %q; allowed: the ID of one environment, because sessions are ended in one at a time", clip(environment))
	}
	if q.has("user") && user == "" {
		q.bad.Add("user", "is empty; allowed: the user's subject, or no user at all for everybody in the environment")
	}
	if err := q.err(); err != nil {
		return err
	}
	var ended int
	if user != "" {
		ended, err = c.admin.EndUser(c.r.Context(), c.actor, environment, user)
	} else {
		ended, err = c.admin.EndEnvironment(c.r.Context(), c.actor, environment)
	}
	return c.answer(EndedCount{ended}, err)
}
