package adminapi

import (
	"context"
	"net/url"

	"github.com/curfew-project/curfew/verifier/admin"
)

// Sessions lists sessions.
func (c *Client) Sessions(ctx context.Context, q admin.SessionQuery) (found admin.SessionList, err error) {
	parameters := url.Values{}
	texts(parameters, "environment", q.Environment)
	texts(parameters, "user", q.User)
	texts(parameters, "client", q.Client)
	texts(parameters, "state", string(q.State))
	numbers(parameters, "offset", int64(q.Offset))
	numbers(parameters, "limit", int64(q.Limit))
	err = c.call(ctx, "GET", "sessions", parameters, nil, &found)
	return found, err
}

// Session is one session.
func (c *Client) Session(ctx context.Context, id string) (found admin.SessionView, err error) {
	err = c.call(ctx, "GET", "sessions/"+segment(id), nil, nil, &found)
	return found, err
}

// EndSession ends one session.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.call(ctx, "DELETE", "sessions/"+segment(id), nil, nil, nil)
}

// EndUser ends the sessions of one user and says how many.
func (c *Client) EndUser(ctx context.Context, environment, subject string) (int, error) {
	return c.end(ctx, url.Values{"environment": {environment}, "user": {subject}})
}

// EndEnvironment ends the sessions of an environment and says how many.
func (c *Client) EndEnvironment(ctx context.Context, environment string) (int, error) {
	return c.end(ctx, url.Values{"environment": {environment}})
}

func (c *Client) end(ctx context.Context, parameters url.Values) (int, error) {
	var count EndedCount
	err := c.call(ctx, "DELETE", "sessions", parameters, nil, &count)
	return count.Ended, err
}
