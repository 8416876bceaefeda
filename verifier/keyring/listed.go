package keyring

import "time"

// Use is what a key is used for now.
type Use string

const (
	Published Use = "published" // accepted, so that every verifier knows it before any uses it
	Current   Use = "current"   // makes tokens
	Accepted  Use = "accepted"  // made tokens once
)

// Listed is a secret of a key file, without the secret. Its instants are whole seconds, UTC; zero where the file does not say.
type Listed struct {
	ID    string    `json:"id"` // what its tokens begin with, in hexadecimal
	Use   Use       `json:"use"`
	Added time.Time `json:"added,omitzero"`
	// Active is from when the key makes tokens, or made them.
	Active time.Time `json:"active,omitzero"`
	// Replaced is since when another key makes them in its place.
	Replaced time.Time `json:"replaced,omitzero"`
}

// judge says what each key is used for at now, and which of them makes tokens: the newest whose time has come. Where none has, it is the
// oldest, because tokens must be made and it is the one that is known best.
func judge(list []Listed, now time.Time) (judged []Listed, current int) {
	current = len(list) - 1
	for i, one := range list {
		if !one.Active.After(now) { // or nobody knows
			current = i
			break
		}
	}
	judged = make([]Listed, len(list))
	since := time.Time{} // when the first of the newer ones came into use
	for i, one := range list {
		one.Replaced = time.Time{}
		switch {
		case i < current:
			one.Use = Published
		case i == current:
			one.Use = Current
		default:
			one.Use = Accepted
			if before := list[i-1].Active; !before.IsZero() {
				one.Replaced = since
			}
		}
		if i >= current && !one.Active.IsZero() && (since.IsZero() || one.Active.Before(since)) {
			since = one.Active
		}
		judged[i] = one
	}
	return judged, current
}
