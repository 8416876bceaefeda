package proofcheck

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-project/curfew/shared/proof"
)

// The parts of a proof in the form of shared/proof, up to each value.
const (
	beforeX = `{"typ":"` + proof.Type + `","alg":"` + proof.Algorithm + `","jwk":{"crv":"P-256","kty":"EC","x":"`
	beforeY = `,"y":"`

	beforeJTI   = `{"jti":"`
	beforeHTM   = `,"htm":"`
	beforeHTU   = `,"htu":"`
	beforeIAT   = `,"iat":`
	beforeNonce = `,"nonce":"`
	beforeSID   = `,"sid":"`
	beforeSeq   = `,"seq":`
	beforeIdle  = `,"idle":`
	beforeAge   = `,"age":`
	stay        = `,"stay":true`

	maxValue = 2048 // bytes in one text, as shared/proof allows
)

// readCanonical verifies the signature of a heartbeat in the one form of shared/proof, and returns what it says. ok is false for
// every other form. encoding/json and golang-jwt's maps would cost a fifth of the signature, and so would making the signing input
// again to compare it. A text that is read here has one meaning only: every byte of it is expected.
func readCanonical(token string) (c claims, key proof.Key, ok bool, err error) {
	input, signature, header, payload, ok := split(token)
	if !ok {
		return c, key, false, nil
	}
	from := reader{left: header}
	key = proof.Key{X: from.text(beforeX), Y: from.text(beforeY)}
	from.end("}}")

	then := reader{left: payload}
	c = claims{JTI: then.text(beforeJTI), HTM: then.text(beforeHTM), HTU: then.text(beforeHTU)}
	iat := then.number(beforeIAT)
	c.Nonce, c.SID = then.text(beforeNonce), then.text(beforeSID)
	seq, idle, age := then.natural(beforeSeq), then.number(beforeIdle), then.number(beforeAge)
	seconds := float64(iat)
	c.IAT, c.Seq, c.Idle, c.Age, c.Stay = &seconds, &seq, &idle, &age, then.skip(stay)
	then.end("}")
	if from.failed || then.failed || iat < -maxTime || iat > maxTime {
		return claims{}, proof.Key{}, false, nil
	}

	public, err := publicKey(key)
	if err == nil && jwt.SigningMethodES256.Verify(input, signature, public) != nil {
		err = unsound(jwt.ErrTokenSignatureInvalid)
	}
	return c, key, true, err
}

// split takes a token apart and decodes its parts.
func split(token string) (input string, signature []byte, header, payload string, ok bool) {
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return "", nil, "", "", false
	}
	input = token[:dot]
	first, second, _ := strings.Cut(input, ".")
	rawHeader, ok1 := decode(first)
	rawPayload, ok2 := decode(second)
	signature, ok3 := decode(token[dot+1:])
	return input, signature, string(rawHeader), string(rawPayload), ok1 && ok2 && ok3
}

// decode decodes base64url without padding, and refuses the line breaks that encoding/base64 skips.
func decode(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && base64.RawURLEncoding.EncodedLen(len(raw)) == len(text)
}

// reader reads values that stand between expected texts.
type reader struct {
	left   string
	failed bool
}

// skip reports whether the text comes next, and reads it.
func (r *reader) skip(text string) bool {
	left, found := strings.CutPrefix(r.left, text)
	r.left = left
	return found
}

func (r *reader) end(text string) { r.failed = r.failed || r.left != text }

// text reads a string of characters that stand for themselves in JSON, and its closing quote.
func (r *reader) text(before string) string {
	r.failed = !r.skip(before) || r.failed
	value, left, closed := strings.Cut(r.left, `"`)
	r.left, r.failed = left, r.failed || !closed || value == "" || len(value) > maxValue
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			r.failed = true
		}
	}
	return value
}

// number reads an integer as strconv writes it: no sign, zero, fraction or exponent more than it takes.
func (r *reader) number(before string) int64 {
	text := r.digits(before)
	value, err := strconv.ParseInt(text, 10, 64)
	var again [20]byte
	r.failed = r.failed || err != nil || string(strconv.AppendInt(again[:0], value, 10)) != text
	return value
}

// natural is number for what has no sign.
func (r *reader) natural(before string) uint64 {
	text := r.digits(before)
	value, err := strconv.ParseUint(text, 10, 64)
	var again [20]byte
	r.failed = r.failed || err != nil || string(strconv.AppendUint(again[:0], value, 10)) != text
	return value
}

func (r *reader) digits(before string) string {
	r.failed = !r.skip(before) || r.failed
	n := 0
	for n < len(r.left) && (r.left[n] == '-' || r.left[n] >= '0' && r.left[n] <= '9') {
		n++
	}
	text := r.left[:n]
	r.left = r.left[n:]
	return text
}
