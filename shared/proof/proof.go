// Package proof builds the DPoP proofs (RFC 9449) that the agent signs: the header with the public key, the claims, and the
// signing input in its one canonical form. It neither signs nor verifies: WebCrypto signs in the page and the verifier
// checks with golang-jwt, so that no signature code is in any page. It imports nothing heavier than base64.
package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// Type is the typ header of every proof (RFC 9449 section 4.2).
const Type = "dpop+jwt"

// Algorithm is the only algorithm: ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
const Algorithm = "ES256"

// SignatureSize is the length in bytes of an ES256 signature, r and s of 32 bytes each (RFC 7518 section 3.4).
const SignatureSize = 64

// Key is a P-256 public key as a JWK has it: both coordinates in unpadded base64url of exactly 32 bytes (RFC 7518 section 6.2.1).
type Key struct{ X, Y string }

// Claims are what a proof says. JTI to Nonce are RFC 9449's; Heartbeat is Curfew's own and nil in every other proof.
type Claims struct {
	JTI   string
	HTM   string // the request's method
	HTU   string // the request's address without query and fragment
	IAT   int64  // seconds by the client's clock; it decides nothing, freshness comes from Nonce
	Nonce string

	Heartbeat *Heartbeat
}

// Heartbeat is what a proof about a living session says besides.
type Heartbeat struct {
	SID  string // the session
	Seq  uint64 // greater than any accepted before in this session
	Idle int64  // milliseconds since the last human activity when the proof was made; never negative
	Age  int64  // milliseconds since the nonce arrived when the proof was made; never negative
	Stay bool   // the user chose to stay signed in (A4)
}

// ErrUnsafe says that a value cannot stand in a proof: it is empty, too long, or has a character that JSON would escape.
var ErrUnsafe = errors.New("value cannot stand in a proof")

const maxValue = 2048

// SigningInput is the encoded header and claims joined by a dot: the bytes to sign (RFC 7515 section 5.1). It is canonical:
// equal arguments give equal bytes, and the verifier accepts a heartbeat only in this form.
func SigningInput(key Key, claims Claims) (string, error) {
	if err := safe("x", key.X); err != nil {
		return "", err
	}
	if err := safe("y", key.Y); err != nil {
		return "", err
	}
	for _, field := range [...]struct{ name, value string }{
		{"jti", claims.JTI}, {"htm", claims.HTM}, {"htu", claims.HTU}, {"nonce", claims.Nonce},
	} {
		if err := safe(field.name, field.value); err != nil {
			return "", err
		}
	}
	header := `{"typ":"` + Type + `","alg":"` + Algorithm + `","jwk":` + jwk(key) + `}`
	payload := `{"jti":"` + claims.JTI + `","htm":"` + claims.HTM + `","htu":"` + claims.HTU +
		`","iat":` + strconv.FormatInt(claims.IAT, 10) + `,"nonce":"` + claims.Nonce + `"`
	if beat := claims.Heartbeat; beat != nil {
		if err := safe("sid", beat.SID); err != nil {
			return "", err
		}
		if beat.Idle < 0 || beat.Age < 0 {
			return "", fmt.Errorf("%w: idle %d and age %d must not be negative", ErrUnsafe, beat.Idle, beat.Age)
		}
		payload += `,"sid":"` + beat.SID + `","seq":` + strconv.FormatUint(beat.Seq, 10) +
			`,"idle":` + strconv.FormatInt(beat.Idle, 10) + `,"age":` + strconv.FormatInt(beat.Age, 10)
		if beat.Stay {
			payload += `,"stay":true`
		}
	}
	return encode(header) + "." + encode(payload+`}`), nil
}

// Join completes a token with its signature of SignatureSize bytes.
func Join(signingInput string, signature []byte) (string, error) {
	if len(signature) != SignatureSize {
		return "", fmt.Errorf("signature has %d bytes, want %d", len(signature), SignatureSize)
	}
	return signingInput + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// ThumbprintInput is the text whose SHA-256 is the key's thumbprint (RFC 7638 section 3): the required members in
// lexicographic order. Hashing is left to the caller, so that no hash is in the page.
func ThumbprintInput(key Key) string { return jwk(key) }

// jwk has its members in the order of RFC 7638, so that one text serves header and thumbprint.
func jwk(key Key) string {
	return `{"crv":"P-256","kty":"EC","x":"` + key.X + `","y":"` + key.Y + `"}`
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// safe allows the characters that stand for themselves in a JSON string: visible ASCII but the quote and the backslash.
func safe(name, value string) error {
	if value == "" || len(value) > maxValue {
		return fmt.Errorf("%w: %s has %d bytes, allowed 1 to %d", ErrUnsafe, name, len(value), maxValue)
	}
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return fmt.Errorf("%w: %s has byte %#x at %d", ErrUnsafe, name, c, i)
		}
	}
	return nil
}
