package admin

import (
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Owned says which parts of an environment the configuration file fixes. They can be changed there only.
type Owned struct {
	Environment bool `json:"environment"` // its existence, kind, origins and provider
	Settings    bool `json:"settings"`
	Switches    bool `json:"switches"`
	Clients     bool `json:"clients"`
	Name        bool `json:"name"`
}

// Environment is what is known of an environment.
type Environment struct {
	ID       string        `json:"id"`
	Name     string        `json:"name,omitempty"`
	Kind     settings.Kind `json:"kind"`
	Origins  []string      `json:"origins"`
	Issuer   string        `json:"issuer"`             // the identity provider's
	Provider string        `json:"provider,omitempty"` // the file's provider that it uses, where it was made by an administrator

	Version   int64  `json:"version"`    // of what is set; a change names the version it was made from
	ChangedAt int64  `json:"changed_at"` // milliseconds since the epoch
	ChangedBy string `json:"changed_by"`

	Set      settings.Times   `json:"settings"` // what is set
	InForce  settings.Times   `json:"in_force"` // what that comes to with the switches
	Switches []SwitchState    `json:"switches"`
	Clients  settings.Clients `json:"clients"`
	Owned    Owned            `json:"in_file"`

	Sessions      int    `json:"sessions"` // how many live
	ProviderState string `json:"provider_state"`
}

// SwitchState is one feature switch as an environment has it (C2).
type SwitchState struct {
	Name policy.Switch `json:"name"`
	On   bool          `json:"on"`
	// Own says whether the environment has a value of its own; otherwise it inherits the deployment's, or has it off as a portal.
	Own bool `json:"own"`
	// Deployment is the deployment's value.
	Deployment bool `json:"deployment"`
}

// DeploymentView is what holds for all environments.
type DeploymentView struct {
	Version   int64         `json:"version"`
	ChangedAt int64         `json:"changed_at"`
	ChangedBy string        `json:"changed_by"`
	Switches  []SwitchState `json:"switches"`
	InFile    bool          `json:"in_file"`
	Providers []string      `json:"providers"` // the file's, for new environments
}

// Outcome is what a change does, or did.
type Outcome struct {
	Environment string            `json:"environment"`
	Applied     bool              `json:"applied"` // false: it was only tried
	Version     int64             `json:"version"` // the one that the change makes; the present one when nothing changes
	Changes     []settings.Change `json:"changes"`
	Effects     Effects           `json:"effects"`
	Notes       []string          `json:"notes,omitempty"` // what else it means for sessions, in words
}

// Effects are what a change means for the sessions that live now (A12).
type Effects struct {
	Living int `json:"living"` // sessions that the change touches
	// Sooner are sessions that end sooner than before if nothing happens, those that end first; at most MaxAffected of SoonerCount.
	Sooner      []Affected `json:"sooner"`
	SoonerCount int        `json:"sooner_count"`
	LaterCount  int        `json:"later_count"` // sessions that end later
	EndsAtOnce  int        `json:"ends_at_once"`
	Recognised  int        `json:"recognised"` // sessions in a client that a matcher recognised
}

// MaxAffected is how many sessions Effects lists.
const MaxAffected = 500

// Affected is a session that a change ends sooner. Instants are milliseconds since the epoch.
type Affected struct {
	Session     string      `json:"session"`
	Environment string      `json:"environment"`
	Subject     string      `json:"subject"`
	Name        string      `json:"name,omitempty"`
	Ended       int64       `json:"would_have_ended,omitempty"` // without the change; 0: by no deadline
	Ends        int64       `json:"ends"`                       // with it
	Reason      wire.Reason `json:"reason"`
}

// SessionView is what an administrator sees of a session (B6). Instants are milliseconds since the epoch.
type SessionView struct {
	ID          string      `json:"id"`
	Environment string      `json:"environment"`
	Issuer      string      `json:"issuer"`
	Subject     string      `json:"subject"`
	Name        string      `json:"name,omitempty"`
	Client      string      `json:"client"`           // the kind; browser where no matcher recognised it
	Exempt      []string    `json:"exempt,omitempty"` // the timeouts that are not enforced: session, inactivity
	Phase       wire.Phase  `json:"phase"`
	Began       int64       `json:"began"`
	Active      int64       `json:"active"`         // last human activity that counted
	Ends        int64       `json:"ends,omitempty"` // the first deadline, or the end; 0: none
	Reason      wire.Reason `json:"reason,omitempty"`
	Bypassed    bool        `json:"bypassed,omitempty"` // the provider is not asked again (A6)

	UserAgent string `json:"user_agent,omitempty"` // where it began; only when one session is looked at
	Address   string `json:"address,omitempty"`
}

// State is which sessions a query wants.
type State string

const (
	Living    State = "living"
	WarnedNow State = "warned" // of the living ones
	Over      State = "ended"
	Any       State = "any"
)

// States lists every state.
func States() []State { return []State{Living, WarnedNow, Over, Any} }

// SessionQuery says which sessions are wanted. The zero value wants the living ones of everywhere.
type SessionQuery struct {
	Environment string // empty: all that the actor may see
	User        string // the subject, or a part of the subject or name, whatever the case
	Client      string // a kind, or browser; empty: any
	State       State  // empty: Living
	Offset      int
	Limit       int // 1 to MaxSessions; 0: 50
}

// Bounds of a listing of sessions.
const (
	MaxSessions = 1000
	MaxOffset   = 100_000
)

// SessionList is one page of a listing, those that began last first.
type SessionList struct {
	Sessions []SessionView `json:"sessions"`
	Total    int           `json:"total"` // how many there are in all
}

// Version is one version of an environment's document, with what it changed.
type Version struct {
	settings.Revision
	Changes []settings.Change `json:"changes"`
}

// Overview is what the first page of the console shows.
type Overview struct {
	Left   []Bucket            `json:"left"` // living sessions by the time until their first deadline
	Ends   map[wire.Reason]int `json:"ends"` // endings of the last day
	Living int                 `json:"living"`
	Warned int                 `json:"warned"`
	Exempt int                 `json:"exempt"` // from a timeout, because of their client
	// EndsKnown is false while the audit cannot be read.
	EndsKnown bool           `json:"ends_known"`
	Since     int64          `json:"since"` // from when Ends counts, in milliseconds since the epoch
	ByEnvID   map[string]int `json:"by_environment"`
}

// Bucket counts sessions whose first deadline is nearer than Below and not nearer than the bucket before; 0: by no deadline, or further.
type Bucket struct {
	Below int64 `json:"below"` // milliseconds
	Count int   `json:"count"`
}

// ReportedPage is a page that has asked for the agent's script (A10).
type ReportedPage struct {
	Path  string `json:"path"`  // with * in place of what looks like an identifier
	First int64  `json:"first"` // milliseconds since the epoch
	Last  int64  `json:"last"`
	Count int    `json:"count"`
}

// Tried is what a client's user agent would be taken for (A9).
type Tried struct {
	Client   string            `json:"client"`
	Matcher  int               `json:"matcher"` // the place of the one that decided, from 1; 0: none
	Enforced settings.Enforced `json:"enforced"`
}
