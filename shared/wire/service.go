package wire

// What an application or an API in another process and the verifier say to each other. Each request is a form with the service's own
// authentication; lengths are milliseconds, and count from the moment at which the request was sent.

// Fields of POST verdict: Cookie for a request of a page, with Open where it is about what is open already, or the other four for one that
// carries an access token.
const (
	FieldCookie = "cookie"       // the session cookie's value; may be empty
	FieldOpen   = "open"         // "1": Proved is to have counted the heartbeats that other verifiers took, too
	FieldToken  = "access_token" // of Authorization: DPoP
	FieldProof  = "proof"        // a DPoP header; once for each there is
	FieldMethod = "method"       // the request's method
	FieldURL    = "url"          // the request's address as the page knows it
)

// Verdict answers POST verdict.
type Verdict struct {
	Allowed bool   `json:"allowed"`
	Issuer  string `json:"iss,omitempty"`
	Subject string `json:"sub,omitempty"`
	Name    string `json:"name,omitempty"`
	Session string `json:"sid,omitempty"`
	// Fresh is for how long the same cookie is let through as things are now: until it goes stale or the session's first deadline.
	Fresh int64 `json:"fresh,omitempty"`
	// Lasts is for how long the session lasts as things are now, at most MaxLasts, also where its cookie is stale; 0: it is over.
	Lasts int64 `json:"lasts,omitempty"`
	// Proved changes whenever the session's key has been proved by a heartbeat, which vouches for Renewal: what stays open for longer than
	// that without another one is to be closed (D4). Both are there also where the cookie is stale. Without FieldOpen it may lag behind.
	Proved  uint64   `json:"proved,omitempty"`
	Renewal int64    `json:"renewal,omitempty"`
	Nonce   string   `json:"nonce,omitempty"`   // for DPoP-Nonce of the answer to the page
	Refusal *Refusal `json:"refusal,omitempty"` // when not allowed
	Status  int      `json:"status,omitempty"`  // when not allowed: the HTTP status of the refusal
}

// MaxLasts is one day: nobody needs to know more.
const MaxLasts = 24 * 3600 * 1000

// Fields of POST endings.
const (
	FieldFeed  = "feed"  // as Endings had it; empty at first
	FieldAfter = "after" // Next of the last Endings, all of which the service has taken note of
)

// Endings answers POST endings: the sessions of the environment that have ended since the last answer.
type Endings struct {
	Feed  string   `json:"feed"` // empty where there is none
	Next  uint64   `json:"next"`
	Ended []string `json:"ended,omitempty"` // their IDs
	// Lost says that there may be others: whatever the service keeps is to be forgotten.
	Lost bool `json:"lost,omitempty"`
	// Lease is for how long after the request was sent no ending is acknowledged that the service has not been told; 0: nothing may be kept,
	// and there is no feed.
	Lease int64 `json:"lease"`
}

// AccessToken answers POST token (RFC 6749 section 5.1, RFC 9449 section 5).
type AccessToken struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"` // TokenType
	Expires int64  `json:"expires_in"` // in whole seconds
	Nonce   string `json:"nonce"`      // for the next proof
}

// TokenType is how an access token is presented: Authorization: DPoP (RFC 9449 section 7.1).
const TokenType = "DPoP"
