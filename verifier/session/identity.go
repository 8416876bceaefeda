package session

// Identity is what a verified ID token says of the user.
type Identity struct {
	Issuer, Subject string
	Name            string // at most MaxName bytes; empty when the provider does not say
	AuthTime        int64  // when the user entered credentials, in seconds since the epoch; 0 when the provider does not say
	Provider        string // the provider's own session ID (sid), or empty
	Stay            bool   // the provider says that the user chose to stay signed in (A7)
	IDToken         string // the token itself
}
