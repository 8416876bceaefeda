package proofcheck

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// claims are a proof's claims as they arrive. Pointers tell a missing member from a zero.
type claims struct {
	JTI   string   `json:"jti"`
	HTM   string   `json:"htm"`
	HTU   string   `json:"htu"`
	IAT   *float64 `json:"iat"` // a NumericDate may have a fraction (RFC 7519 section 2)
	Nonce string   `json:"nonce"`
	ATH   string   `json:"ath"`

	SID  string  `json:"sid"`
	Seq  *uint64 `json:"seq"`
	Idle *int64  `json:"idle"`
	Age  *int64  `json:"age"`
	Stay bool    `json:"stay"`
}

const (
	maxJTI  = 256
	maxTime = 1 << 53 // seconds; beyond it a float64 is not exact
	maxSeq  = 1 << 53 // beyond it the page could not read its own number back
)

// judge checks the claims (steps 3, 8, 9 and 11 but for the nonce's age).
func (c *claims) judge(want Expect) (proof.Claims, error) {
	none := proof.Claims{}
	if c.JTI == "" || len(c.JTI) > maxJTI {
		return none, invalid("step 3: jti has %d bytes, allowed 1 to %d", len(c.JTI), maxJTI)
	}
	if c.IAT == nil || *c.IAT < -maxTime || *c.IAT > maxTime {
		return none, invalid("step 3: iat is no time")
	}
	if c.HTM != want.Method {
		return none, invalid("step 8: htm is not %s", want.Method)
	}
	if !sameURL(c.HTU, want.URL) {
		return none, invalid("step 9: htu is not %s", want.URL)
	}
	if want.Token != "" && c.ATH != tokenHash(want.Token) {
		return none, invalid("step 12: ath is not that of the access token")
	}
	got := proof.Claims{JTI: c.JTI, HTM: c.HTM, HTU: c.HTU, IAT: int64(*c.IAT), Nonce: c.Nonce}
	if !want.Heartbeat {
		return got, nil
	}
	if c.SID == "" || c.Seq == nil || c.Idle == nil || c.Age == nil {
		return none, invalid("step 3: heartbeat without sid, seq, idle or age")
	}
	if *c.Seq > maxSeq {
		return none, invalid("seq is %d; allowed: 0 to %d", *c.Seq, int64(maxSeq))
	}
	// Nobody can have been active in the future.
	if *c.Idle < 0 || *c.Idle > wire.MaxIdle || *c.Age < 0 || *c.Age > wire.MaxIdle {
		return none, invalid("idle is %d and age is %d; allowed: 0 to %d milliseconds", *c.Idle, *c.Age, int64(wire.MaxIdle))
	}
	got.Heartbeat = &proof.Heartbeat{SID: c.SID, Seq: *c.Seq, Idle: *c.Idle, Age: *c.Age, Stay: c.Stay}
	return got, nil
}

// tokenHash is the value of ath (section 4.2).
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// The times of RFC 7519 do not apply to a proof, so that golang-jwt finds none.
func (*claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (*claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (*claims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (*claims) GetIssuer() (string, error)                   { return "", nil }
func (*claims) GetSubject() (string, error)                  { return "", nil }
func (*claims) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }
