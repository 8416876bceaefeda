package settings

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/verifier/audit"
)

// Revision is one version of the document of an environment, or of the deployment.
type Revision struct {
	Environment string   `json:"environment"` // or Deployment
	Version     int64    `json:"version"`     // from 1, without gaps
	At          int64    `json:"at"`          // milliseconds since the epoch
	By          string   `json:"by"`          // who made it
	Document    Document `json:"document"`
}

// Store keeps every revision of every document (C1). All methods are safe for concurrent use. What Append acknowledges survives kill -9
// (P7). Nothing is ever changed or dropped: what was in force at any time can be told later.
type Store interface {
	// Latest is the last revision of every document, also of removed environments, in order of their names.
	Latest(ctx context.Context) ([]Revision, error)

	// Append adds revisions and the audit's events of the change, all or none of them, durably. The digest of each revision stands in one of
	// the events, so that Verify can tell it from one that was altered later. Each revision's version must be one
	// more than the last one of its environment, 1 for the first; otherwise somebody else was faster: ErrConflict, and nothing changes.
	Append(ctx context.Context, revisions []Revision, events []audit.Event) error

	// History lists the revisions of one environment with a version below before (0: all), the newest first, up to limit.
	History(ctx context.Context, environment string, before int64, limit int) ([]Revision, error)
}

// ErrConflict is returned by Append when a revision of the same version exists already.
var ErrConflict = errors.New("the settings have been changed meanwhile")
