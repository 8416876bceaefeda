package proofcheck

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/curfew-project/curfew/verifier/keyring"
)

// Nonces makes and recognises nonces without keeping any: a nonce is the instant of its making and a MAC over it, bound to
// a scope such as one session. Any verifier with the same key ring knows them. It is safe for concurrent use.
type Nonces struct {
	Ring *keyring.Ring
	// Life is how long a nonce is accepted. It bounds for how long the network can hold a proof back.
	Life time.Duration
}

var (
	// ErrNonceUnknown is returned for a nonce that this key ring did not make for the scope.
	ErrNonceUnknown = errors.New("no nonce of this verifier for this use")
	// ErrNonceExpired is returned for a nonce older than Life, and for one from further in the future than other verifiers' clocks are: with a
	// clock that is behind, it would be good for longer than Life.
	ErrNonceExpired = errors.New("nonce has expired")
)

// maxAhead is how far the clock of another verifier, which issued a nonce, may be ahead of ours.
const maxAhead = time.Minute

// Issue makes a nonce at now, in milliseconds since the epoch.
func (n Nonces) Issue(scope string, now int64) string {
	var payload [8]byte
	binary.BigEndian.PutUint64(payload[:], uint64(now))
	return n.Ring.Sign(keyring.Nonce, scope, payload[:])
}

// Judge returns when a nonce was issued.
func (n Nonces) Judge(scope, nonce string, now int64) (int64, error) {
	payload, err := n.Ring.Open(keyring.Nonce, scope, nonce)
	if err != nil || len(payload) != 8 {
		return 0, ErrNonceUnknown
	}
	issued := int64(binary.BigEndian.Uint64(payload))
	if issued+n.Life.Milliseconds() <= now || issued > now+maxAhead.Milliseconds() {
		return 0, ErrNonceExpired
	}
	return issued, nil
}
