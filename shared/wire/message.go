package wire

// Settings are the times of an environment as the page receives them, in milliseconds; see policy.Settings.
type Settings struct {
	SessionTimeout    int64 `json:"session_timeout"` // 0: the provider's own policy (A5)
	SessionWarning    int64 `json:"session_warning"`
	InactivityTimeout int64 `json:"inactivity_timeout"` // 0: off
	InactivityWarning int64 `json:"inactivity_warning"`
	AnyActivityStays  bool  `json:"any_activity_stays"`
}

// Reply answers an accepted heartbeat. Instants are milliseconds since the Unix epoch by the verifier's clock, lengths
// are milliseconds. Began to Settings are the whole deadline state: the page runs the same Step on it (D2).
type Reply struct {
	Now             int64    `json:"now"`
	Phase           Phase    `json:"phase"`
	Warning         Warning  `json:"warning,omitempty"`
	Reason          Reason   `json:"reason,omitempty"`
	EndedAt         int64    `json:"ended_at,omitempty"`
	Began           int64    `json:"began"`
	Active          int64    `json:"active"`
	SessionFloor    int64    `json:"session_floor,omitempty"`
	InactivityFloor int64    `json:"inactivity_floor,omitempty"`
	CheckBy         int64    `json:"check_by,omitempty"` // the provider must have confirmed the user by then (A7)
	Settings        Settings `json:"settings"`

	SessionEnds    int64 `json:"session_ends,omitempty"`    // for people and tests; follows from the state; 0: none
	InactivityEnds int64 `json:"inactivity_ends,omitempty"` // 0: off

	Seq      uint64 `json:"seq"`      // the sequence number just accepted
	Nonce    string `json:"nonce"`    // to be used in the next proof
	Interval int64  `json:"interval"` // until the next heartbeat is due

	User string `json:"user"` // a stable handle of the user in this environment, to tell after a sign-in who is back (A15)
}

// Code is a typed refusal. It is a closed type like Reason; api maps each to one HTTP status.
type Code string

const (
	UseNonce       Code = "use_dpop_nonce"     // RFC 9449 section 9: repeat with the nonce in DPoP-Nonce
	InvalidProof   Code = "invalid_dpop_proof" // RFC 9449 section 4.3
	WrongKey       Code = "key_mismatch"       // the proof is sound but made with a key that is not the session's
	Replayed       Code = "replayed"           // seq is not greater than the last accepted, which Seq tells
	NoSession      Code = "no_session"         // no cookie, a forged one, or a session nobody knows any more
	StaleCookie    Code = "stale_cookie"       // the session lives but the cookie needs renewal by the key
	SessionEnded   Code = "session_ended"      // Reason says why
	BadReturnTo    Code = "bad_return_to"      // not a path of this origin
	TooLarge       Code = "too_large"          // a header or body over its cap
	BadRequest     Code = "bad_request"        // malformed in another way; Message says how
	CrossOrigin    Code = "cross_origin"       // the request came from a page of another origin
	UnknownOrigin  Code = "unknown_origin"     // no environment has this host
	SignInFailed   Code = "sign_in_failed"     // the provider's answer was refused; Message says why
	ProviderFailed Code = "provider_failed"    // the provider could not be asked
	TooMany        Code = "too_many"           // of something that one browser needs few of; Message says what
	Unavailable    Code = "unavailable"        // the store cannot answer; nothing is let through meanwhile
	InvalidToken   Code = "invalid_token"      // RFC 6750 section 3.1: no access token, a forged one, or one that has expired
	InvalidClient  Code = "invalid_client"     // RFC 6749 section 5.2: a service that could not be authenticated
)

// Codes lists every code.
func Codes() []Code {
	return []Code{UseNonce, InvalidProof, WrongKey, Replayed, NoSession, StaleCookie, SessionEnded, BadReturnTo, TooLarge,
		BadRequest, CrossOrigin, UnknownOrigin, SignInFailed, ProviderFailed, TooMany, Unavailable, InvalidToken, InvalidClient}
}

// Refusal is the JSON body of every refused request.
type Refusal struct {
	Error   Code   `json:"error"`
	Message string `json:"message,omitempty"` // for developers, in English
	Reason  Reason `json:"reason,omitempty"`  // with SessionEnded
	EndedAt int64  `json:"ended_at,omitempty"`
	Now     int64  `json:"now,omitempty"`
	Nonce   string `json:"nonce,omitempty"`   // with UseNonce, the value of DPoP-Nonce
	SID     string `json:"sid,omitempty"`     // the session that the cookie names, so that a page that just loaded learns it
	Key     string `json:"key,omitempty"`     // with UseNonce and Replayed, the thumbprint of that session's key (RFC 7638)
	Seq     uint64 `json:"seq,omitempty"`     // the last accepted sequence number of that session
	SignIn  string `json:"sign_in,omitempty"` // where a browser goes that has no session
	Resume  string `json:"resume,omitempty"`  // with StaleCookie
	// RetryAfter is with Unavailable and TooMany how many milliseconds to wait before the request is repeated; 0: not said. Each answer
	// says another time, so that those who were refused together do not come back together.
	RetryAfter int64 `json:"retry_after,omitempty"`
}

// SignIn is what POST sign-in is told besides the proof, as a form.
type SignIn struct {
	ReturnTo string // where to go afterwards
	Stay     bool   // the person chose to stay signed in (A7)
}

// Fields of that form.
const (
	FieldReturnTo = "return_to"
	FieldStay     = "stay" // "1": yes
)

// EventEnded is the type of the server-sent event that says that the session has ended. Its data is the Reason. A page takes it
// for a hint to ask and for nothing else.
const EventEnded = "ended"

// EventSettings is the type of the server-sent event that says that the settings of the session's environment have changed (A12).
// Its data means nothing. A page takes it for a hint to ask and for nothing else: the answer to its heartbeat has the settings.
const EventSettings = "settings"

// Redirect answers POST sign-in and POST sign-out: where the browser goes next.
type Redirect struct {
	Location string `json:"location"`
}

// Size caps. Everything that comes from outside is cut off at these before it is parsed.
const (
	MaxProof    = 4 << 10 // bytes in a DPoP header
	MaxCookie   = 4 << 10 // bytes in a cookie value
	MaxReturnTo = 2 << 10 // bytes in return_to
	MaxBody     = 8 << 10 // bytes in a request body
	MaxHeader   = 32 << 10
	MaxIdle     = 366 * 24 * 3600 * 1000 // milliseconds a heartbeat may claim as idle or age
	MaxRetry    = 5 * 60 * 1000          // milliseconds that a refusal may ask to wait
)

// Names that both ends use.
const (
	HeaderProof = "DPoP"       // RFC 9449 section 4.1
	HeaderNonce = "DPoP-Nonce" // RFC 9449 section 8.1

	SessionCookie = "curfew"  // on https with the prefix SecureCookie
	SecureCookie  = "__Host-" // which ties a cookie to its host and to https (RFC 6265bis section 4.1.3.2)

	HeaderRetryAfter = "Retry-After" // RFC 9110 section 10.2.3, in seconds; the page goes by Refusal.RetryAfter
)
