package provider

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"
)

var (
	// errWrongPassword does not say whether the name or the password is wrong.
	errWrongPassword = errors.New("provider: user name and password do not match")
	errDisabled      = errors.New("provider: account is turned off")
)

// lockedError says until when a user name takes no password.
type lockedError struct{ Until time.Time }

func (e *lockedError) Error() string {
	return fmt.Sprintf("provider: user name is locked until %s", e.Until.UTC().Format(time.RFC3339))
}

// attempts counts the wrong passwords in a row for one name.
type attempts struct {
	wrong int
	last  time.Time
	until time.Time // locked before this instant
}

// checkPassword returns the account, or errWrongPassword, errDisabled or a
// *lockedError. Unknown names are counted and locked as known ones are, so that
// the answers do not tell them apart.
func (s *state) checkPassword(name, password string, now time.Time) (*account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = foldName(name)
	tries := s.attempts[name]
	if now.Before(tries.until) {
		return nil, &lockedError{Until: tries.until}
	}
	who, known := s.accounts[name]
	want := "\x00 no account has this password"
	if known {
		want = who.Password
	}
	given, expected := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(given[:], expected[:]) == 1 && known {
		delete(s.attempts, name)
		if who.disabled {
			return nil, errDisabled
		}
		return who, nil
	}
	// A pause as long as the lock forgives earlier mistakes.
	if now.Sub(tries.last) >= LockFor {
		tries = attempts{}
	}
	tries.wrong++
	tries.last = now
	if tries.wrong >= MaxAttempts {
		tries = attempts{last: now, until: now.Add(LockFor)}
	}
	makeRoom(s.attempts, maxNames, func(a attempts) bool { return now.Sub(a.last) >= LockFor })
	s.attempts[name] = tries
	if now.Before(tries.until) {
		return nil, &lockedError{Until: tries.until}
	}
	return nil, errWrongPassword
}
