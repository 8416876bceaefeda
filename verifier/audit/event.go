// Package audit holds the record of what happened: every sign-in, warning, extension, ending, sign-out and refusal (C5).
package audit

import "github.com/curfew-project/curfew/shared/wire"

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
)

// Event is one entry.
type Event struct {
	At          int64 // milliseconds since the epoch
	Kind        Kind
	Environment string
	Session     string // the session's ID, or empty
	Subject     string
	Reason      wire.Reason
	Code        wire.Code
	Detail      string // for the operator, never with a secret or a whole proof
}

// Recorder takes events in the order in which they happen. It must be safe for concurrent use and must not block.
type Recorder func(Event)
