package adminapi

import (
	"context"

	"github.com/curfew-project/curfew/verifier/admin"
)

// Keys is the answer to GET keys.
type Keys struct {
	Keys []admin.Key `json:"keys"`
}

func listKeys(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	keys, err := c.admin.Keys(c.r.Context(), c.actor)
	return c.answer(Keys{keys}, err)
}

// Keys lists the verifier's keys and what each may still be needed for.
func (c *Client) Keys(ctx context.Context) ([]admin.Key, error) {
	var found Keys
	err := c.call(ctx, "GET", "keys", nil, nil, &found)
	return found.Keys, err
}
