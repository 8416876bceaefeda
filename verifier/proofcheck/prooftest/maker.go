// Package prooftest makes proofs in tests as the agent does in a browser, but with the key in memory.
package prooftest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
)

// Maker makes proofs with one key.
type Maker struct {
	Private *ecdsa.PrivateKey
	Public  proof.Key
}

// New is a maker with a fresh key.
func New(t testing.TB) Maker {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return Maker{private, proof.Key{X: encode(raw[1:33]), Y: encode(raw[33:])}}
}

// Thumbprint is the SHA-256 thumbprint of the key (RFC 7638).
func (m Maker) Thumbprint() [sha256.Size]byte {
	return sha256.Sum256([]byte(proof.ThumbprintInput(m.Public)))
}

// Token is the proof for claims that are fit for one.
func (m Maker) Token(t testing.TB, claims proof.Claims) string {
	t.Helper()
	input, err := proof.SigningInput(m.Public, claims)
	if err != nil {
		t.Fatal(err)
	}
	return m.Sign(t, input)
}

// Sign completes any signing input.
func (m Maker) Sign(t testing.TB, input string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, m.Private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	token, err := proof.Join(input, append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	if err != nil {
		t.Fatal(err)
	}
	return token
}
