package policycheck

// Outcome is how one policy check ended. It is a closed type.
type Outcome string

const (
	Confirmed     Outcome = "confirmed"
	Refused       Outcome = "refused"       // the provider refused; the session has ended
	OtherUser     Outcome = "other_user"    // the answer was another user's; the session has ended (B2)
	Unreachable   Outcome = "unreachable"   // the provider gave no answer; the outage budget is used (A7)
	Misconfigured Outcome = "misconfigured" // the provider refused this verifier; the session goes on as if bypassed (A6)
	Spared        Outcome = "spared"        // not asked, because others just got no answer; counts as theirs for the session
	Unreadable    Outcome = "unreadable"    // the session's refresh token is gone, as with a lost key
	NotDue        Outcome = "not_due"       // another replica was first, or the session is over
	StoreFailed   Outcome = "store_failed"  // the store could not answer; the check is due again within a minute
)

// Outcomes lists every outcome, for metrics that name each before it happens.
func Outcomes() []Outcome {
	return []Outcome{Confirmed, Refused, OtherUser, Unreachable, Misconfigured, Spared, Unreadable, NotDue, StoreFailed}
}
