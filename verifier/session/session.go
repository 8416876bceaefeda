// Package session holds what the verifier keeps of a session, and the contract of the stores that keep it.
package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
)

// ID names a session: 128 unguessable bits. It is no bearer secret: nothing is granted for it without the cookie's
// authentication and a proof by the session's key.
type ID [16]byte

// NewID reads a fresh ID from random.
func NewID(random io.Reader) (ID, error) {
	var id ID
	_, err := io.ReadFull(random, id[:])
	return id, err
}

// Seed is a number that tells sessions apart where something is spread over them.
func (id ID) Seed() uint64 { return binary.BigEndian.Uint64(id[:8]) }

// ErrBadID is returned for text that is no ID.
var ErrBadID = errors.New("not a session ID")

// String is the ID in unpadded base64url, 22 characters.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseID reads what String wrote and nothing else.
func ParseID(text string) (ID, error) {
	var id ID
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(id) || len(text) != 22 {
		return ID{}, ErrBadID
	}
	copy(id[:], raw)
	return id, nil
}

// Thumbprint is the SHA-256 thumbprint of a public key (RFC 7638).
type Thumbprint [sha256.Size]byte

// String is the thumbprint in unpadded base64url, 43 characters.
func (t Thumbprint) String() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// User is who a session belongs to: a subject is only unique at its issuer (OpenID Connect Core section 2), and sessions of
// one environment never touch those of another.
type User struct {
	Environment string
	Issuer      string
	Subject     string
}

// Session is one user, in one browser, in one environment, bound to one key. It is a value.
type Session struct {
	ID   ID
	User User
	Name string // what the provider calls the user, for the application; at most MaxName bytes

	Key      Thumbprint // the session's key (RFC 7800 cnf.jkt)
	AuthTime int64      // when the user entered credentials, in seconds since the epoch, by the provider
	Provider string     // the provider's own session ID (sid), for back-channel logout (B5); at most MaxProvider bytes

	Client policy.Client // the kind of client it was begun in (A9); it never changes

	Check Check

	Seq   uint64 // the last accepted sequence number
	State deadline.State
}

// Check is what is known about the provider's view of the user (A5 to A7). Its instants are milliseconds since the epoch and
// whole seconds.
type Check struct {
	At   int64 // when the provider last confirmed the user: at sign-in or at a policy check
	Next int64 // from when the provider is to be asked again; 0 exactly when the session is bypassed
	// Bypassed marks a session whose provider is not asked again and that is capped instead (A6).
	Bypassed bool
	// Stay marks a session whose user chose to stay signed in: an outage of the provider ends it later (A7).
	Stay bool
}

// Sealed are a session's secrets, encrypted by whoever gives them to a store. They are needed rarely and weigh much, so they are
// no part of a Session: a store can keep every session in memory and these on disk. At most MaxSealed bytes.
type Sealed string

// Caps, in bytes, of the fields that come from the provider or the operator.
const (
	MaxName        = 256
	MaxSubject     = 255 // OpenID Connect Core section 2
	MaxIssuer      = 2048
	MaxEnvironment = 255
	MaxProvider    = 255
	MaxSealed      = 32 << 10
)

// maxInstant is the last second that 32 bits hold, in the year 2106: a store may keep whole seconds in them.
const maxInstant = (1<<32 - 1) * 1000

// ErrInvalid is in the tree of every error of Validate.
var ErrInvalid = errors.New("session cannot be kept")

// Validate checks what a store may rely on: every field within its cap, a user with all three parts, settings in whole
// milliseconds, the unit of every instant, a policy check in whole seconds, and a reason exactly when the session has ended.
func (s Session) Validate() error {
	for _, field := range [...]struct {
		name, value string
		least, most int
	}{
		{"environment", s.User.Environment, 1, MaxEnvironment},
		{"issuer", s.User.Issuer, 1, MaxIssuer},
		{"subject", s.User.Subject, 1, MaxSubject},
		{"name", s.Name, 0, MaxName},
		{"provider session ID", s.Provider, 0, MaxProvider},
	} {
		if n := len(field.value); n < field.least || n > field.most {
			return fmt.Errorf("%w: %s has %d bytes; allowed: %d to %d", ErrInvalid, field.name, n, field.least, field.most)
		}
	}
	if !s.Client.Valid() {
		return fmt.Errorf("%w: its client is %q", ErrInvalid, s.Client)
	}
	of := s.State.Settings
	for _, length := range [...]time.Duration{of.SessionTimeout, of.SessionWarning, of.InactivityTimeout, of.InactivityWarning} {
		if length%time.Millisecond != 0 {
			return fmt.Errorf("%w: a setting is %s; allowed: whole milliseconds", ErrInvalid, length)
		}
	}
	for _, at := range [...]int64{s.Check.At, s.Check.Next, s.State.CheckBy, s.State.Lapses} {
		if at < 0 || at%1000 != 0 || at > maxInstant {
			return fmt.Errorf("%w: a policy check is at %d; allowed: whole seconds from 0 to %d, in milliseconds", ErrInvalid, at, int64(maxInstant))
		}
	}
	if s.Check.Bypassed != (s.Check.Next == 0) {
		return fmt.Errorf("%w: bypassed is %t with the next policy check at %d", ErrInvalid, s.Check.Bypassed, s.Check.Next)
	}
	if ended := s.State.EndedAt != 0; ended != (s.State.Reason != "") || ended && !s.State.Reason.Valid() {
		return fmt.Errorf("%w: ended at %d with reason %q", ErrInvalid, s.State.EndedAt, s.State.Reason)
	}
	return nil
}

// Validate checks the caps.
func (s Sealed) Validate() error {
	if n := len(s); n > MaxSealed {
		return fmt.Errorf("%w: sealed secrets have %d bytes; allowed: 0 to %d", ErrInvalid, n, MaxSealed)
	}
	return nil
}
