// Package proofcheck verifies DPoP proofs: every step of RFC 9449 section 4.3, with golang-jwt for the token and its
// signature. Nonces are stateless (sections 8 and 9).
package proofcheck

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Expect is what a proof must say to be accepted.
type Expect struct {
	Method string // htm
	URL    string // htu: absolute, without query and fragment
	// Heartbeat asks for the claims of a heartbeat and for the canonical form of shared/proof.
	Heartbeat bool
	// Token is the access token that the request carries and the proof must be bound to by ath (section 4.2); empty: there is none.
	Token string
	// Nonce returns when the verifier issued a nonce, in milliseconds since the epoch, or an error if it did not or too
	// long ago.
	Nonce func(nonce string) (int64, error)
}

// Proof is a verified proof.
type Proof struct {
	Thumbprint [sha256.Size]byte // of the key that made it (RFC 7638)
	Claims     proof.Claims
	Issued     int64 // when the verifier issued its nonce
}

// Error is a refused proof: the code to answer with and, for operators, the step of section 4.3 that failed. It never
// carries the proof.
type Error struct {
	Code wire.Code
	Step string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Step }

func invalid(format string, args ...any) error {
	return &Error{wire.InvalidProof, fmt.Sprintf(format, args...)}
}

// parser has one allowed algorithm. Times are judged by the nonce and not by the client's iat, so golang-jwt validates none.
var parser = jwt.NewParser(jwt.WithValidMethods([]string{proof.Algorithm}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

// Check verifies the values of a request's DPoP header fields. Every error is an *Error: wire.TooLarge, wire.UseNonce for a
// sound proof without a current nonce, wire.InvalidProof otherwise.
func Check(header []string, want Expect) (Proof, error) {
	if len(header) != 1 {
		return Proof{}, invalid("step 1: %d DPoP header fields, want one", len(header))
	}
	token := header[0]
	if len(token) > wire.MaxProof {
		return Proof{}, &Error{wire.TooLarge, fmt.Sprintf("proof has %d bytes, allowed %d", len(token), wire.MaxProof)}
	}
	c, key, canonical, err := read(token, want)
	if err != nil {
		return Proof{}, err
	}
	got, err := c.judge(want)
	if err != nil {
		return Proof{}, err
	}
	if want.Heartbeat && !canonical {
		// Only the agent makes heartbeats, and it makes them in one form. Whatever reads differently elsewhere, such as a
		// member named twice, is refused with it.
		return Proof{}, invalid("heartbeat is not in canonical form")
	}
	issued, err := want.Nonce(got.Nonce)
	if err != nil {
		return Proof{}, &Error{wire.UseNonce, "step 10: " + err.Error()}
	}
	return Proof{Thumbprint: sha256.Sum256([]byte(proof.ThumbprintInput(key))), Claims: got, Issued: issued}, nil
}

// read verifies a token's signature and returns what it says, and whether it is a heartbeat in canonical form. One in another
// form is read too, so that an operator learns what is wrong with it.
func read(token string, want Expect) (c claims, key proof.Key, canonical bool, err error) {
	if want.Heartbeat {
		if c, key, canonical, err = readCanonical(token); canonical {
			return c, key, true, err
		}
	}
	c, key, err = readAny(token)
	return c, key, false, err
}

// readAny reads every sound JWT, in whatever form its JSON is.
func readAny(token string) (c claims, key proof.Key, err error) {
	_, err = parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		var public *ecdsa.PublicKey
		var err error
		public, key, err = keyOf(t.Header)
		return public, err
	})
	var own *Error
	switch {
	case errors.As(err, &own):
		return c, key, own
	case err != nil:
		return c, key, unsound(err)
	}
	return c, key, nil
}

func unsound(err error) error { return invalid("steps 2 to 6: %s", reason(err)) }

// reason is golang-jwt's error without the parts of the token that it may quote.
func reason(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenSignatureInvalid, "algorithm or signature"},
		{jwt.ErrTokenUnverifiable, "algorithm or key"},
		{jwt.ErrTokenMalformed, "not a well-formed JWT"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return "not a sound JWT"
}

// keyOf judges the JOSE header and returns its public key (steps 4 to 7).
func keyOf(header map[string]any) (*ecdsa.PublicKey, proof.Key, error) {
	if header["typ"] != proof.Type {
		return nil, proof.Key{}, invalid("step 4: typ is not %s", proof.Type)
	}
	if _, ok := header["crit"]; ok {
		return nil, proof.Key{}, invalid("critical header that is not understood (RFC 7515 section 4.1.11)")
	}
	jwk, ok := header["jwk"].(map[string]any)
	if !ok {
		return nil, proof.Key{}, invalid("step 3: no jwk")
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, ok := jwk[private]; ok {
			return nil, proof.Key{}, invalid("step 7: jwk has a private member")
		}
	}
	if jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
		return nil, proof.Key{}, invalid("step 5: jwk is not a P-256 key")
	}
	if alg, ok := jwk["alg"]; ok && alg != proof.Algorithm {
		return nil, proof.Key{}, invalid("step 5: jwk is for another algorithm")
	}
	x, okX := jwk["x"].(string)
	y, okY := jwk["y"].(string)
	if !okX || !okY {
		return nil, proof.Key{}, malformedKey()
	}
	key := proof.Key{X: x, Y: y}
	public, err := publicKey(key)
	return public, key, err
}

func malformedKey() error { return invalid("step 5: jwk has a malformed coordinate") }

func publicKey(key proof.Key) (*ecdsa.PublicKey, error) {
	var point [1 + 2*coordinateSize]byte
	point[0] = 4 // uncompressed (SEC 1 section 2.3.3)
	if !coordinate(point[1:1+coordinateSize], key.X) || !coordinate(point[1+coordinateSize:], key.Y) {
		return nil, malformedKey()
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil {
		return nil, invalid("step 5: jwk is not a point on the curve")
	}
	return public, nil
}

const coordinateSize = 32

// coordinate decodes a coordinate of exactly 32 bytes (RFC 7518 section 6.2.1.2).
func coordinate(into []byte, text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// encoding/base64 skips line breaks, which would give one key many thumbprints.
	return err == nil && len(text) == base64.RawURLEncoding.EncodedLen(coordinateSize) &&
		copy(into, raw) == coordinateSize && len(raw) == coordinateSize
}

// sameURL compares htu with the request's address after the normalisation of RFC 3986 section 6.2 that RFC 9449 section 4.3
// asks for: case of scheme and host, default port, empty path; query and fragment are ignored.
func sameURL(got, want string) bool {
	if got == want {
		return true
	}
	g, errG := url.Parse(got)
	w, errW := url.Parse(want)
	return errG == nil && errW == nil && g.User == nil && normal(g) == normal(w)
}

func normal(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else if scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}
