package adminapi

import (
	"context"
	"net/url"
	"strconv"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Environments lists what the client may administer.
func (c *Client) Environments(ctx context.Context) ([]admin.Environment, error) {
	var found Environments
	err := c.call(ctx, "GET", "environments", nil, nil, &found)
	return found.Environments, err
}

// Environment is one of them.
func (c *Client) Environment(ctx context.Context, id string) (found admin.Environment, err error) {
	err = c.call(ctx, "GET", one(id), nil, nil, &found)
	return found, err
}

// Create makes an environment.
func (c *Client) Create(ctx context.Context, n admin.NewEnvironment) (made admin.Environment, err error) {
	err = c.call(ctx, "POST", "environments", nil, n, &made)
	return made, err
}

// Change changes an environment, or with settings.Deployment the deployment.
func (c *Client) Change(ctx context.Context, environment string, version int64, e admin.Edit, dryRun bool) (out admin.Outcome, err error) {
	err = c.call(ctx, "PATCH", at(environment), changing(version, dryRun), e, &out)
	return out, err
}

// Remove removes an environment and ends its sessions.
func (c *Client) Remove(ctx context.Context, id string, version int64, dryRun bool) (out admin.Outcome, err error) {
	err = c.call(ctx, "DELETE", one(id), changing(version, dryRun), nil, &out)
	return out, err
}

// History lists the versions of an environment, or of settings.Deployment, the newest first.
func (c *Client) History(ctx context.Context, environment string, before int64, limit int) ([]admin.Version, error) {
	parameters := url.Values{}
	numbers(parameters, "before", before)
	numbers(parameters, "limit", int64(limit))
	var found History
	err := c.call(ctx, "GET", at(environment)+"/history", parameters, nil, &found)
	return found.Versions, err
}

// Reported lists the pages that have asked for the agent's script.
func (c *Client) Reported(ctx context.Context, environment string) ([]admin.ReportedPage, error) {
	var found Reported
	err := c.call(ctx, "GET", one(environment)+"/reported", nil, nil, &found)
	return found.Pages, err
}

// TryClient says what a client would be taken for.
func (c *Client) TryClient(ctx context.Context, environment, clientID, userAgent string, draft *settings.Clients) (tried admin.Tried, err error) {
	err = c.call(ctx, "POST", one(environment)+"/clients/try", nil, Try{clientID, userAgent, draft}, &tried)
	return tried, err
}

// Deployment is what holds for all environments.
func (c *Client) Deployment(ctx context.Context) (found admin.DeploymentView, err error) {
	err = c.call(ctx, "GET", "deployment", nil, nil, &found)
	return found, err
}

// Overview counts what lives and what ended.
func (c *Client) Overview(ctx context.Context, environment string) (found admin.Overview, err error) {
	parameters := url.Values{}
	texts(parameters, "environment", environment)
	err = c.call(ctx, "GET", "overview", parameters, nil, &found)
	return found, err
}

// at is the address of an environment or of the deployment.
func at(environment string) string {
	if environment == settings.Deployment {
		return "deployment"
	}
	return one(environment)
}

// one is the address of an environment.
func one(id string) string { return "environments/" + segment(id) }

// segment is a text as one part of a path. The empty one and dots would make another path of it.
func segment(text string) string {
	switch text {
	case "", ".", "..":
		return "%20"
	}
	return url.PathEscape(text)
}

func changing(version int64, dryRun bool) url.Values {
	parameters := url.Values{"version": {strconv.FormatInt(version, 10)}}
	if dryRun {
		parameters.Set("dry_run", "1")
	}
	return parameters
}
