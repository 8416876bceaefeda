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
	var c claims
	var key proof.Key
	_, err := parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		var public *ecdsa.PublicKey
		var err error
		public, key, err = keyOf(t.Header)
		return public, err
	})
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return Proof{}, own
		}
		return Proof{}, invalid("steps 2 to 6: %s", reason(err))
	}
	got, err := c.judge(want)
	if err != nil {
		return Proof{}, err
	}
	if want.Heartbeat {
		// Only the agent makes heartbeats, and it makes them in one form. Whatever reads differently elsewhere, such as a
		// member named twice, is refused with it.
		if input, err := proof.SigningInput(key, got); err != nil || !strings.HasPrefix(token, input+".") {
			return Proof{}, invalid("heartbeat is not in canonical form")
		}
	}
	issued, err := want.Nonce(got.Nonce)
	if err != nil {
		return Proof{}, &Error{wire.UseNonce, "step 10: " + err.Error()}
	}
	return Proof{Thumbprint: sha256.Sum256([]byte(proof.ThumbprintInput(key))), Claims: got, Issued: issued}, nil
}

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
	x, errX := coordinate(jwk["x"])
	y, errY := coordinate(jwk["y"])
	if err := errors.Join(errX, errY); err != nil {
		return nil, proof.Key{}, invalid("step 5: jwk has a malformed coordinate")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, proof.Key{}, invalid("step 5: jwk is not a point on the curve")
	}
	return public, proof.Key{X: jwk["x"].(string), Y: jwk["y"].(string)}, nil
}

// coordinate decodes a coordinate of exactly 32 bytes (RFC 7518 section 6.2.1.2).
func coordinate(member any) ([]byte, error) {
	text, _ := member.(string)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("not 32 bytes in base64url")
	}
	return raw, nil
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
