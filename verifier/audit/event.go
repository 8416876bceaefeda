// Package audit holds the record of what happened: every sign-in, warning, extension, ending, sign-out, refusal and change (C5). Its
// entries are chained by hash, so that one that is altered, removed or moved shows.
package audit

import (
	"slices"

	"github.com/curfew-project/curfew/shared/wire"
)

// Kind is what happened. It is a closed type.
type Kind string

const (
	SignIn   Kind = "sign_in"
	Extended Kind = "extended" // the user chose to stay (A4)
	Warned   Kind = "warned"   // a warning became due
	Ended    Kind = "ended"    // Reason says why
	Refused  Kind = "refused"  // Code says why

	Checked     Kind = "policy_checked"      // the provider confirmed the user (A5)
	CheckFailed Kind = "policy_check_failed" // the provider could not be asked; Detail has the cause and until when the session goes on (A7)

	ProviderUp   Kind = "provider_up"   // the environment's provider answers again, or for the first time
	ProviderDown Kind = "provider_down" // it does not, or refuses this verifier; Detail has the cause (A7)

	EnvironmentCreated Kind = "environment_created"
	EnvironmentRenamed Kind = "environment_renamed"
	EnvironmentRemoved Kind = "environment_removed"
	SettingsChanged    Kind = "settings_changed" // Detail has each value, old and new (C1)
	SwitchChanged      Kind = "switch_changed"
	ClientsChanged     Kind = "clients_changed"
	AdminRefused       Kind = "admin_refused" // somebody tried to administer what they may not, or with a wrong value; Detail says what

	ConfigLoaded  Kind = "config_loaded"
	ConfigRefused Kind = "config_refused" // a changed file was refused; the old one stays in force
	KeysChanged   Kind = "keys_changed"   // another key makes tokens, or others are accepted; Detail has their IDs

	Restored Kind = "restored"      // the store was restored from a backup; Detail says which, and that every session was ended
	Trimmed  Kind = "audit_trimmed" // entries that were older than the retention were dropped; Detail names the last of them and its hash
	Lost     Kind = "audit_lost"    // entries could not be kept; Detail says how many
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{SignIn, Extended, Warned, Ended, Refused, Checked, CheckFailed, ProviderUp, ProviderDown, EnvironmentCreated,
		EnvironmentRenamed, EnvironmentRemoved, SettingsChanged, SwitchChanged, ClientsChanged, AdminRefused, ConfigLoaded, ConfigRefused,
		KeysChanged, Restored, Trimmed, Lost}
}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// Event is what happened once. Of people it has the subject that the provider gave them and nothing else: no name, no address, no
// user agent.
type Event struct {
	At          int64       `json:"at"` // milliseconds since the epoch
	Kind        Kind        `json:"kind"`
	Environment string      `json:"environment,omitempty"`
	Session     string      `json:"session,omitempty"` // the session's ID
	Subject     string      `json:"subject,omitempty"`
	Client      string      `json:"client,omitempty"` // the kind of client, where it is no browser (A9)
	Reason      wire.Reason `json:"reason,omitempty"`
	Code        wire.Code   `json:"code,omitempty"`
	Actor       string      `json:"actor,omitempty"`  // the administrator who did it, or whose file
	Digest      string      `json:"digest,omitempty"` // of what was set, where something was
	Detail      string      `json:"detail,omitempty"` // for the operator, never with a secret or a whole proof
}

// Recorder takes events in the order in which they happen. It must be safe for concurrent use and must not block.
type Recorder func(Event)
