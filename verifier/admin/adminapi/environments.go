package adminapi

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Environments is the answer to GET environments.
type Environments struct {
	Environments []admin.Environment `json:"environments"`
}

// History is the answer to GET …/history, the newest version first.
type History struct {
	Versions []admin.Version `json:"versions"`
}

// Reported is the answer to GET environments/{id}/reported.
type Reported struct {
	Pages []admin.ReportedPage `json:"pages"`
}

// Try is what POST environments/{id}/clients/try asks: what a sign-in would be taken for, with the matchers in force or with others.
type Try struct {
	ClientID  string            `json:"client_id"`
	UserAgent string            `json:"user_agent"`
	Clients   *settings.Clients `json:"clients,omitempty"`
}

func listEnvironments(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	all, err := c.admin.Environments(c.r.Context(), c.actor)
	return c.answer(Environments{list(all)}, err)
}

func createEnvironment(c *call) error {
	var n admin.NewEnvironment
	if _, err := c.query(); err != nil {
		return err
	}
	if err := c.body(&n); err != nil {
		return err
	}
	made, err := c.admin.Create(c.r.Context(), c.actor, n)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", Prefix+"environments/"+made.ID)
	c.tag(made.Version)
	answer(c.w, http.StatusCreated, made)
	return nil
}

func showEnvironment(c *call) error {
	id, err := c.environment()
	if err != nil {
		return err
	}
	if _, err := c.query(); err != nil {
		return err
	}
	found, err := c.admin.Environment(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	c.tag(found.Version)
	return c.answer(found, nil)
}

func changeEnvironment(c *call) error {
	id, err := c.environment()
	if err != nil {
		return err
	}
	return c.change(id)
}

// change changes a document.
func (c *call) change(id string) error {
	q, version, err := c.changeQuery()
	if err != nil {
		return err
	}
	var e admin.Edit
	if err := c.body(&e); err != nil {
		return err
	}
	out, err := c.admin.Change(c.r.Context(), c.actor, id, version, e, q.flag("dry_run"))
	return c.answer(out, err)
}

func (c *call) changeQuery() (*query, int64, error) {
	q, err := c.query("version", "dry_run")
	if err != nil {
		return nil, 0, err
	}
	version, err := c.version(q)
	if err != nil {
		return nil, 0, err
	}
	q.flag("dry_run") // said wrongly, it must not change anything
	return q, version, q.err()
}

func removeEnvironment(c *call) error {
	id, err := c.environment()
	if err != nil {
		return err
	}
	q, version, err := c.changeQuery()
	if err != nil {
		return err
	}
	out, err := c.admin.Remove(c.r.Context(), c.actor, id, version, q.flag("dry_run"))
	return c.answer(out, err)
}

func environmentHistory(c *call) error {
	id, err := c.environment()
	if err != nil {
		return err
	}
	return c.history(id)
}

func (c *call) history(id string) error {
	q, err := c.query("before", "limit")
	if err != nil {
		return err
	}
	before, limit := q.number("before", 0), q.small("limit")
	if err := q.err(); err != nil {
		return err
	}
	all, err := c.admin.History(c.r.Context(), c.actor, id, before, limit)
	return c.answer(History{list(all)}, err)
}

func reportedPages(c *call) error {
	id, err := c.environment()
	if err != nil {
		return err
	}
	if _, err := c.query(); err != nil {
		return err
	}
	pages, err := c.admin.Reported(c.r.Context(), c.actor, id)
	return c.answer(Reported{list(pages)}, err)
}

func tryClient(c *call) error {
	id, err := c.environment()
	if err != nil {
		return err
	}
	if _, err := c.query(); err != nil {
		return err
	}
	var t Try
	if err := c.body(&t); err != nil {
		return err
	}
	tried, err := c.admin.TryClient(c.r.Context(), c.actor, id, t.ClientID, t.UserAgent, t.Clients)
	return c.answer(tried, err)
}

// list is a list that JSON writes as one even when it is empty.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
