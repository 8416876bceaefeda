package login

import (
	"bytes"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
)

// B3: the nonce is of the key and of a secret; knowing one and changing the other gives another.
func TestB3_NonceIsDerivedFromTheKey(t *testing.T) {
	begin := func(key session.Thumbprint, random byte) attempt {
		a, err := newAttempt(bytes.NewReader(bytes.Repeat([]byte{random}, 80)), wish{key: key}, "https://login.example", 1)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := begin(session.Thumbprint{1}, 7).nonce()
	if len(first) != 43 || first != begin(session.Thumbprint{1}, 7).nonce() {
		t.Errorf("the nonce %q is not 43 characters, or another each time", first)
	}
	if first == begin(session.Thumbprint{2}, 7).nonce() || first == begin(session.Thumbprint{1}, 8).nonce() {
		t.Error("another key or secret has the same nonce")
	}
	if _, err := newAttempt(bytes.NewReader(make([]byte, 79)), wish{}, "", 1); err == nil {
		t.Error("an attempt began without enough random bytes")
	}
}
