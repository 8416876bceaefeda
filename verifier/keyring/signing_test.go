package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"
)

// Two verifiers with the same file have the same signing keys, and no two secrets do.
func TestSigningKeyIsOfTheSecret(t *testing.T) {
	one, two, other := testRing(t, 1), testRing(t, 1), testRing(t, 2)
	if a, b := one.SigningKey(), two.SigningKey(); a.ID != b.ID || !a.Private.Equal(b.Private) {
		t.Error("one secret, two keys")
	}
	if a, b := one.SigningKey(), other.SigningKey(); a.ID == b.ID || a.Private.Equal(b.Private) {
		t.Error("two secrets, one key")
	}
	sum := sha256.Sum256([]byte("text"))
	signature, err := ecdsa.SignASN1(rand.Reader, one.SigningKey().Private, sum[:])
	if err != nil || !ecdsa.VerifyASN1(&two.SigningKey().Private.PublicKey, sum[:], signature) {
		t.Errorf("%v", err)
	}
	scalar, err := one.SigningKey().Private.Bytes()
	if err != nil || bytes.Contains(bytes.Repeat([]byte{1}, SecretSize), scalar) {
		t.Errorf("%v", err)
	}
}

// What signs was published before, and stays published until everything that it signed is over.
func TestJWKSOverlaps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	ring, err := LoadFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	old := ring.SigningKey().ID
	if _, err := AddFile(path, rand.Reader, rotated, rotated.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w := NewWatcher(path, ring)
	has := func(now time.Time) map[string]bool {
		t.Helper()
		if _, told := look(w, now); told != nil {
			t.Fatal(told)
		}
		set := map[string]bool{}
		for _, one := range ring.JWKS(now).Keys {
			set[one.KID] = true
		}
		if !set[ring.SigningKey().ID] {
			t.Errorf("the key that signs at %s is not published", now)
		}
		return set
	}
	if set := has(rotated); len(set) != 2 || ring.SigningKey().ID != old {
		t.Errorf("before: %v", set)
	}
	if set := has(rotated.Add(time.Hour)); !set[old] || ring.SigningKey().ID == old {
		t.Errorf("just after: %v", set)
	}
	if set := has(rotated.Add(time.Hour + Verified)); set[old] {
		t.Errorf("at last: %v", set)
	}
	text, err := json.Marshal(ring.JWKS(rotated))
	if err != nil || bytes.Contains(text, []byte(`"d"`)) || !bytes.Contains(text, []byte(`"kty":"EC","crv":"P-256"`)) {
		t.Errorf("%s, %v", text, err)
	}
}
