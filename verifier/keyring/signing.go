package keyring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
)

// SigningKey signs tokens that others verify (ES256, RFC 7518 section 3.4). Every secret of the file has one, derived from it, so that it
// is rotated, shared between verifiers and lost together with the rest.
type SigningKey struct {
	// ID is what a token's kid says: the thumbprint of the public key (RFC 7638).
	ID      string
	Private *ecdsa.PrivateKey
	public  PublicKey
}

// PublicKey is a JSON Web Key (RFC 7517) for signatures.
type PublicKey struct {
	KTY string `json:"kty"`
	CRV string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	KID string `json:"kid"`
	Use string `json:"use"`
	Alg string `json:"alg"`
}

// JWKS is a JWK Set (RFC 7517 section 5).
type JWKS struct {
	Keys []PublicKey `json:"keys"`
}

// Verified is how long others must be able to verify what a key signed before another took its place: no token that is signed lives longer.
const Verified = time.Hour

// SigningKey is the key that signs now.
func (r *Ring) SigningKey() SigningKey { return r.use().signing }

// JWKS are the public keys that others need at now: of the key in use, of those that will be, so that nobody meets one that was not
// published first, and of those of which tokens may still be about.
func (r *Ring) JWKS(now time.Time) JWKS {
	s := r.now.Load()
	set := JWKS{Keys: []PublicKey{}}
	for i, k := range s.keys {
		if one := s.list[i]; !one.Replaced.IsZero() && !now.Before(one.Replaced.Add(Verified)) {
			continue
		}
		set.Keys = append(set.Keys, k.signing.public)
	}
	return set
}

// newSigningKey derives a private key by reducing 64 more bits than it takes (FIPS 186-5 A.2.1), so that no value is likelier than another.
func newSigningKey(secret []byte) (SigningKey, error) {
	curve := elliptic.P256()
	limit := new(big.Int).Sub(curve.Params().N, big.NewInt(1))
	number := new(big.Int).SetBytes(derive(secret, "sign ES256", 40))
	number.Mod(number, limit).Add(number, big.NewInt(1))
	private, err := ecdsa.ParseRawPrivateKey(curve, number.FillBytes(make([]byte, 32)))
	if err != nil {
		return SigningKey{}, err
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return SigningKey{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	key := proof.Key{X: encode(point[1:33]), Y: encode(point[33:])}
	sum := sha256.Sum256([]byte(proof.ThumbprintInput(key)))
	id := encode(sum[:])
	return SigningKey{ID: id, Private: private, public: PublicKey{"EC", "P-256", key.X, key.Y, id, "sig", "ES256"}}, nil
}
