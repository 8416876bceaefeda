package proofcheck

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// acceptedByGolangJWT is Check without the short cut: what golang-jwt and encoding/json read must make the same bytes again.
func acceptedByGolangJWT(token string, want Expect) (proof.Claims, bool) {
	c, key, err := readAny(token)
	if err != nil {
		return proof.Claims{}, false
	}
	got, err := c.judge(want)
	if err != nil {
		return proof.Claims{}, false
	}
	input, err := proof.SigningInput(key, got)
	return got, err == nil && strings.HasPrefix(token, input+".")
}

func sameClaims(a, b proof.Claims) bool {
	if a.Heartbeat == nil || b.Heartbeat == nil || *a.Heartbeat != *b.Heartbeat {
		return false
	}
	a.Heartbeat, b.Heartbeat = nil, nil
	return a == b
}

func TestTheAgentsHeartbeatTakesTheShortCut(t *testing.T) {
	n, m := testNonces(t), newMaker(t)
	for _, stay := range []bool{false, true} {
		want := goodClaims(n)
		want.Heartbeat.Stay = stay
		c, key, ok, err := readCanonical(m.Token(t, want))
		if !ok || err != nil || key != m.Public {
			t.Fatalf("stay %v: ok %v, key %v, %v", stay, ok, key, err)
		}
		if got, err := c.judge(expectAt(n, true, now)); err != nil || !sameClaims(got, want) {
			t.Errorf("stay %v: read %+v, %v", stay, got, err)
		}
	}
}

// FuzzCanonical: the short cut accepts what golang-jwt and encoding/json would accept, says the same of it, and nothing else
// (P6). The texts are signed, or no change of them would come beyond the signature.
func FuzzCanonical(f *testing.F) {
	n, m := testNonces(f), newMaker(f)
	good := goodClaims(n)
	input, err := proof.SigningInput(m.Public, good)
	if err != nil {
		f.Fatal(err)
	}
	_, second, _ := strings.Cut(input, ".")
	raw, err := base64.RawURLEncoding.DecodeString(second)
	if err != nil {
		f.Fatal(err)
	}
	payload := string(raw)
	for _, change := range [][2]string{
		{"", ""}, {`"seq":1`, `"seq":01`}, {`"seq":1`, `"seq":-1`}, {`"seq":1`, `"seq":1,"seq":2`}, {`"seq":1`, `"seq":1e0`},
		{`"seq":1`, `"seq":18446744073709551615`}, {`"sid":"sid"`, `"sid":"s\u0069d"`}, {`"sid":"sid"`, `"sid":"s\"d"`},
		{`"age":60000`, `"age":60000,"stay":true`}, {`"age":60000`, `"age":60000,"stay":true,"stay":false`}, {`"age":60000`, `"age":-0`},
		{`"iat":1800000000`, `"iat":9007199254740993`}, {`"iat":1800000000`, `"iat":1800000000.5`}, {`"jti":"jti-1"`, `"jti":""`},
		{`"jti"`, ` "jti"`}, {`"nonce":"`, `"nonce":"","nonce":"`},
	} {
		f.Add(m.header(), strings.Replace(payload, change[0], change[1], 1))
	}
	f.Add(strings.Replace(m.header(), `"crv"`, `"d":"","crv"`, 1), payload)
	f.Add(strings.Replace(m.header(), `"y":"`, `"y":"AA`, 1), payload)
	f.Fuzz(func(t *testing.T, header, payload string) {
		token, want := m.raw(t, header, payload), expectAt(n, true, now)
		want.Nonce = func(string) (int64, error) { return now, nil } // the nonce is judged after all reading
		got, err := Check([]string{token}, want)
		expected, ok := acceptedByGolangJWT(token, want)
		if len(token) > wire.MaxProof {
			ok = false // Check refuses it before reading
		}
		if ok != (err == nil) {
			t.Fatalf("golang-jwt accepts it: %v; Check says %v", ok, err)
		}
		if ok && !sameClaims(got.Claims, expected) {
			t.Fatalf("read %+v, golang-jwt reads %+v", got.Claims, expected)
		}
	})
}
