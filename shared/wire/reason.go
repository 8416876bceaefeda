// Package wire holds what page and verifier say to each other: reasons, phases, messages, error codes and size caps.
// It is compiled into every page, so it imports nothing.
package wire

// Reason says why a session ended. It is a closed type: the dialog, the audit, the metrics and the API all use it, and
// no other value is valid.
type Reason string

const (
	SessionTimeout     Reason = "session_timeout"      // the session reached its longest duration (A1)
	Inactivity         Reason = "inactivity"           // no human activity for the inactivity timeout (A3)
	SignedOut          Reason = "signed_out"           // the user signed out here
	SignedOutElsewhere Reason = "signed_out_elsewhere" // the user signed out in another browser (B4)
	EndedByAdmin       Reason = "ended_by_admin"       // an administrator ended it (B6)
	EndedByProvider    Reason = "ended_by_provider"    // the provider sent a logout token (B5)
	ProviderRefused    Reason = "provider_refused"     // the provider refused the policy check (A5, A7)
	PolicyCheckOverdue Reason = "policy_check_overdue" // the provider could not be asked within the outage budget (A7)
	UserMismatch       Reason = "user_mismatch"        // issuer or subject changed (B2)
	KeyMismatch        Reason = "key_mismatch"         // a proof was made with another key (B3)
	AgentSilent        Reason = "agent_silent"         // no heartbeat came (D5)
)

// Reasons lists every reason, in the order of the protocol.
func Reasons() []Reason {
	return []Reason{SessionTimeout, Inactivity, SignedOut, SignedOutElsewhere, EndedByAdmin, EndedByProvider,
		ProviderRefused, PolicyCheckOverdue, UserMismatch, KeyMismatch, AgentSilent}
}

// Valid reports whether r is one of Reasons.
func (r Reason) Valid() bool {
	for _, known := range Reasons() {
		if r == known {
			return true
		}
	}
	return false
}

// Phase is where a session stands.
type Phase string

const (
	Active Phase = "active"
	Warned Phase = "warned" // a deadline is near; Warning says which
	Ended  Phase = "ended"  // final; Reason says why
)

// Warning says which deadline a warned session is about to meet: the one that comes first.
type Warning string

const (
	WarnNone       Warning = ""
	WarnSession    Warning = "session"    // A2: activity cannot extend it
	WarnInactivity Warning = "inactivity" // A4: an explicit choice continues the session
)
