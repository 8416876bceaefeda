package admin

import "context"

// Key is one of the verifier's keys, never with its secret. Instants are milliseconds since the epoch, 0 where nobody knows.
type Key struct {
	ID       string `json:"id"`
	Use      string `json:"use"` // published, current or accepted
	Added    int64  `json:"added"`
	Active   int64  `json:"active"`   // from when it makes tokens
	Replaced int64  `json:"replaced"` // since when another does
	// Sessions is how many sessions may have a cookie or secrets that were made with it, those that have ended and are still known included.
	Sessions int  `json:"sessions"`
	AuditEnd bool `json:"audit_end"` // the end of the audit is sealed with it
	Needed   bool `json:"needed"`    // dropping it would sign somebody out, or make the audit look tampered with
}

// Keys lists the verifier's keys, the newest first. It looks at every session.
func (a *Admin) Keys(ctx context.Context, actor Actor) ([]Key, error) {
	if !actor.All {
		return nil, refuse(Forbidden, "the keys are for administrators of all environments")
	}
	if a.c.Keys == nil {
		return []Key{}, nil
	}
	keys, err := a.c.Keys(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return keys, nil
}
