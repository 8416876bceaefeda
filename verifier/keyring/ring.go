// Package keyring authenticates and seals the verifier's own tokens, and what it keeps encrypted at rest. One master
// secret serves all; each purpose has keys of its own, derived from it, so that a token made for one purpose is worth
// nothing for another (P6).
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Purpose separates the uses of a ring.
type Purpose string

const (
	SessionCookie Purpose = "session cookie"
	Nonce         Purpose = "nonce"
	SignInCookie  Purpose = "sign-in cookie"
	SignOutCookie Purpose = "sign-out cookie"
	Secrets       Purpose = "session secrets"
	FormToken     Purpose = "form token"
	AuditEnd      Purpose = "audit end"
	AccessToken   Purpose = "access token"
)

// Purposes lists every purpose.
func Purposes() []Purpose {
	return []Purpose{SessionCookie, Nonce, SignInCookie, SignOutCookie, Secrets, FormToken, AuditEnd, AccessToken}
}

// SecretSize is the length of a master secret in bytes.
const SecretSize = 32

// ErrToken is returned for every token that the ring did not make for that purpose and context, whatever is wrong with it.
var ErrToken = errors.New("token was not made by this key ring for this use")

// Ring holds one or more master secrets. One makes tokens, all are accepted: rotation adds a new one, which is accepted before it is used,
// and drops an old one when nothing needs it any more. A Ring is safe for concurrent use; Turn and Take change what it does in one step.
type Ring struct{ now atomic.Pointer[state] }

// state is what a ring is at one moment. It does not change.
type state struct {
	keys    []*key // in the order of the file, the newest first
	list    []Listed
	current int // which of them makes tokens
}

type key struct {
	id      [idSize]byte
	macs    map[Purpose]*sync.Pool // of *mac
	seals   map[Purpose]cipher.AEAD
	signing SigningKey
}

const (
	idSize  = 4
	macSize = sha256.Size
)

// New makes a ring of master secrets of SecretSize bytes each; the first is the current one.
func New(secrets ...[]byte) (*Ring, error) {
	return newRing(secrets, nil, time.Time{})
}

// newRing makes a ring of secrets of which it is known since when each is in use; without a list the first is.
func newRing(secrets [][]byte, list []Listed, now time.Time) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("a key ring needs a secret")
	}
	s := &state{}
	for i, secret := range secrets {
		if len(secret) != SecretSize {
			return nil, fmt.Errorf("secret %d has %d bytes, want %d", i+1, len(secret), SecretSize)
		}
		k := &key{macs: map[Purpose]*sync.Pool{}, seals: map[Purpose]cipher.AEAD{}}
		copy(k.id[:], derive(secret, "id", idSize))
		for _, other := range s.keys {
			if other.id == k.id {
				return nil, fmt.Errorf("secret %d stands twice, or its tokens could not be told from another's", i+1)
			}
		}
		for _, purpose := range Purposes() {
			macKey := derive(secret, "mac "+string(purpose), sha256.Size)
			k.macs[purpose] = &sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, macKey)} }}
			block, err := aes.NewCipher(derive(secret, "seal "+string(purpose), 32))
			if err != nil {
				return nil, err
			}
			if k.seals[purpose], err = cipher.NewGCMWithRandomNonce(block); err != nil {
				return nil, err
			}
		}
		var err error
		if k.signing, err = newSigningKey(secret); err != nil {
			return nil, err
		}
		s.keys = append(s.keys, k)
	}
	if s.list = list; list == nil {
		for _, k := range s.keys {
			s.list = append(s.list, Listed{ID: hex.EncodeToString(k.id[:])})
		}
	}
	s.list, s.current = judge(s.list, now)
	ring := &Ring{}
	ring.now.Store(s)
	return ring, nil
}

// Turn lets the ring use the key whose time has come, and reports whether that is another than before.
func (r *Ring) Turn(now time.Time) bool {
	was := r.now.Load()
	list, current := judge(was.list, now)
	r.now.Store(&state{keys: was.keys, list: list, current: current})
	return current != was.current
}

// Take puts the keys of another ring in the place of this one's. What only the old ones made is refused from now on.
func (r *Ring) Take(from *Ring) { r.now.Store(from.now.Load()) }

// Keys lists the keys, the newest first.
func (r *Ring) Keys() []Listed { return slices.Clone(r.now.Load().list) }

func derive(secret []byte, label string, size int) []byte {
	out, err := hkdf.Expand(sha256.New, secret, "curfew v1 "+label, size)
	if err != nil {
		panic(err) // only for sizes over 255 hashes, and all sizes here are constants
	}
	return out
}

// use is the key that makes tokens.
func (r *Ring) use() *key {
	s := r.now.Load()
	return s.keys[s.current]
}

// Sign makes a token that carries payload in the clear. The context, such as an environment's ID, is bound but not carried.
func (r *Ring) Sign(purpose Purpose, context string, payload []byte) string {
	k := r.use()
	raw := make([]byte, 0, idSize+len(payload)+macSize)
	raw = append(raw, k.id[:]...)
	raw = append(raw, payload...)
	m := k.macs[purpose].Get().(*mac)
	raw = append(raw, m.sum(context, raw)...)
	k.macs[purpose].Put(m)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Open returns the payload of a token that Sign made for the same purpose and context, or ErrToken.
func (r *Ring) Open(purpose Purpose, context, token string) ([]byte, error) {
	k, raw, err := r.find(token, macSize)
	if err != nil {
		return nil, err
	}
	split := len(raw) - macSize
	m := k.macs[purpose].Get().(*mac)
	own := hmac.Equal(m.sum(context, raw[:split]), raw[split:])
	k.macs[purpose].Put(m)
	if !own {
		return nil, ErrToken
	}
	return raw[idSize:split:split], nil
}

// Seal makes a token that carries payload encrypted (AES-256-GCM, NIST SP 800-38D).
func (r *Ring) Seal(purpose Purpose, context string, payload []byte) string {
	k := r.use()
	raw := append(make([]byte, 0, idSize+len(payload)+64), k.id[:]...)
	raw = k.seals[purpose].Seal(raw, nil, payload, []byte(context))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Unseal returns the payload of a token that Seal made for the same purpose and context, or ErrToken.
func (r *Ring) Unseal(purpose Purpose, context, token string) ([]byte, error) {
	k, raw, err := r.find(token, sealOverhead)
	if err != nil {
		return nil, err
	}
	payload, err := k.seals[purpose].Open(nil, nil, raw[idSize:], []byte(context))
	if err != nil {
		return nil, ErrToken
	}
	return payload, nil
}

const sealOverhead = 12 + 16 // GCM nonce and tag

func (r *Ring) find(token string, overhead int) (*key, []byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	// encoding/base64 skips line breaks, which would give one token many forms.
	if err != nil || len(raw) < idSize+overhead || base64.RawURLEncoding.EncodedLen(len(raw)) != len(token) {
		return nil, nil, ErrToken
	}
	for _, k := range r.now.Load().keys {
		if [idSize]byte(raw[:idSize]) == k.id {
			return k, raw, nil
		}
	}
	return nil, nil, ErrToken
}

// mac is one HMAC-SHA-256 and the memory that it needs, to be used again and again.
type mac struct {
	hash hash.Hash
	head []byte
	out  []byte
}

// sum is the HMAC of the context's length, the context and the text. It is good until the next sum.
func (m *mac) sum(context string, text []byte) []byte {
	m.hash.Reset()
	m.head = append(m.head[:0], byte(len(context)>>8), byte(len(context)))
	m.head = append(m.head, context...)
	m.hash.Write(m.head)
	m.hash.Write(text)
	m.out = m.hash.Sum(m.out[:0])
	return m.out
}

// NewSecret reads a fresh master secret from random.
func NewSecret(random io.Reader) ([]byte, error) {
	secret := make([]byte, SecretSize)
	_, err := io.ReadFull(random, secret)
	return secret, err
}
