package provider

import (
	"fmt"
	"time"
)

// Kind is what a failure means for the user's session (A7). It is a closed type.
type Kind string

const (
	// Refused: the provider refused the user, or a token that was shown to us is not sound. There is no grace.
	Refused Kind = "refused"
	// Unreachable: the provider gave no answer that can be used. The outage budget applies.
	Unreachable Kind = "unreachable"
	// Misconfigured: the provider refused this verifier, not the user. Nobody is signed out for it; it must be loud.
	Misconfigured Kind = "misconfigured"
	// OtherUser: the provider's word is sound and about another user than the session's (B2).
	OtherUser Kind = "other_user"
)

// Cause is why something failed. It is a closed type; the names that OAuth 2.0 and OpenID Connect give are kept.
type Cause string

const (
	// Refused (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core section 3.1.2.6).
	CauseInvalidGrant             Cause = "invalid_grant"
	CauseLoginRequired            Cause = "login_required"
	CauseInteractionRequired      Cause = "interaction_required"
	CauseConsentRequired          Cause = "consent_required"
	CauseAccountSelectionRequired Cause = "account_selection_required"
	CauseAccessDenied             Cause = "access_denied"

	// Misconfigured.
	CauseInvalidClient        Cause = "invalid_client"
	CauseUnauthorizedClient   Cause = "unauthorized_client"
	CauseUnsupportedGrantType Cause = "unsupported_grant_type"
	CauseInvalidScope         Cause = "invalid_scope"
	CauseInvalidRequest       Cause = "invalid_request"
	CauseClientError          Cause = "client_error" // any other status from 300 to 499
	CauseNoIDToken            Cause = "no_id_token"

	// Unreachable.
	CauseServerError Cause = "server_error" // status 5xx, or an error code that says the same
	CauseRateLimited Cause = "rate_limited" // status 429
	CauseTimeout     Cause = "timeout"
	CauseConnection  Cause = "connection"
	CauseDNS         Cause = "dns"
	CauseTLS         Cause = "tls"
	CauseDiscovery   Cause = "discovery" // the discovery document is broken or of another issuer
	CauseKeys        Cause = "keys"      // the key set is broken
	CauseAnswer      Cause = "answer"    // a success that cannot be read
	CauseToken       Cause = "token"     // an ID token is not sound, even by keys that were fetched again

	CauseOtherUser Cause = "other_user"
)

// kinds says what each cause means. CauseToken is Refused where the token came from somebody else than the provider.
var kinds = [...]struct {
	cause Cause
	kind  Kind
}{
	{CauseInvalidGrant, Refused}, {CauseLoginRequired, Refused}, {CauseInteractionRequired, Refused}, {CauseConsentRequired, Refused},
	{CauseAccountSelectionRequired, Refused}, {CauseAccessDenied, Refused},
	{CauseInvalidClient, Misconfigured}, {CauseUnauthorizedClient, Misconfigured}, {CauseUnsupportedGrantType, Misconfigured},
	{CauseInvalidScope, Misconfigured}, {CauseInvalidRequest, Misconfigured}, {CauseClientError, Misconfigured}, {CauseNoIDToken, Misconfigured},
	{CauseServerError, Unreachable}, {CauseRateLimited, Unreachable}, {CauseTimeout, Unreachable}, {CauseConnection, Unreachable},
	{CauseDNS, Unreachable}, {CauseTLS, Unreachable}, {CauseDiscovery, Unreachable}, {CauseKeys, Unreachable}, {CauseAnswer, Unreachable},
	{CauseToken, Unreachable},
	{CauseOtherUser, OtherUser},
}

// Causes lists every cause, for metrics that name each before it happens.
func Causes() []Cause {
	all := make([]Cause, 0, len(kinds))
	for _, of := range kinds {
		all = append(all, of.cause)
	}
	return all
}

// Kind is what the cause means; empty for a text that is no cause.
func (c Cause) Kind() Kind {
	for _, of := range kinds {
		if of.cause == c {
			return of.kind
		}
	}
	return ""
}

// Fault is a failure of a provider, or of what came in its name. Its text holds no code, token or secret.
type Fault struct {
	Kind       Kind
	Cause      Cause
	RetryAfter time.Duration // how long the provider asks to be left alone, 0 to 1h; 0 when it does not say
	Err        error         // what happened, in the operator's words; never nil
}

func (f *Fault) Error() string { return fmt.Sprintf("%s (%s): %v", f.Kind, f.Cause, f.Err) }
func (f *Fault) Unwrap() error { return f.Err }

// fault makes the fault of a cause.
func fault(cause Cause, err error) *Fault { return &Fault{Kind: cause.Kind(), Cause: cause, Err: err} }

// TokenError says which check an ID token did not pass. It is in the tree of a Fault with CauseToken.
type TokenError struct {
	// Check is form, header, typ, alg, crit, signature, claims, or the name of a claim.
	Check string
}

func (e *TokenError) Error() string { return "the ID token does not pass the check of its " + e.Check }

// LogoutError says which check a logout token did not pass.
type LogoutError struct {
	// Check is as in TokenError, or subject when neither sub nor sid is there.
	Check string
}

func (e *LogoutError) Error() string {
	return "the logout token does not pass the check of its " + e.Check
}
