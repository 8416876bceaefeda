package proofcheck

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
)

const (
	now  = int64(1_800_000_000_000)
	here = "https://records.example/.curfew/heartbeat"
)

// maker makes proofs as the agent does, but for what a test spoils.
type maker struct{ prooftest.Maker }

func newMaker(t testing.TB) maker { return maker{prooftest.New(t)} }

// raw signs any header and payload text.
func (m maker) raw(t testing.TB, header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return m.Sign(t, encode([]byte(header))+"."+encode([]byte(payload)))
}

func (m maker) header() string {
	return fmt.Sprintf(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}}`, m.Public.X, m.Public.Y)
}

func testNonces(t testing.TB) Nonces {
	t.Helper()
	ring, err := keyring.New(make([]byte, keyring.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	return Nonces{Ring: ring, Life: 5 * time.Minute}
}

func expectAt(n Nonces, heartbeat bool, at int64) Expect {
	return Expect{Method: "POST", URL: here, Heartbeat: heartbeat, Nonce: func(nonce string) (int64, error) { return n.Judge("s", nonce, at) }}
}

func goodClaims(n Nonces) proof.Claims {
	return proof.Claims{JTI: "jti-1", HTM: "POST", HTU: here, IAT: now / 1000, Nonce: n.Issue("s", now),
		Heartbeat: &proof.Heartbeat{SID: "sid", Seq: 1, Idle: 250, Age: 60_000}}
}

func TestB3_AcceptsTheAgentsProof(t *testing.T) {
	n, m := testNonces(t), newMaker(t)
	want := goodClaims(n)
	got, err := Check([]string{m.Token(t, want)}, expectAt(n, true, now+1))
	if err != nil {
		t.Fatal(err)
	}
	if *got.Claims.Heartbeat != *want.Heartbeat || got.Issued != now {
		t.Errorf("got %+v issued %d", got.Claims.Heartbeat, got.Issued)
	}
	if got.Thumbprint != m.Thumbprint() {
		t.Error("the thumbprint is not the key's (RFC 7638)")
	}
}

// RFC 9449 section 4.3, every step, and what attackers try.
func TestP6P8_RefusesEverySpoiledProof(t *testing.T) {
	n, m, other := testNonces(t), newMaker(t), newMaker(t)
	good := goodClaims(n)
	payload := func(change func(string) string) string {
		input, _ := proof.SigningInput(m.Public, good)
		_, p, _ := strings.Cut(input, ".")
		raw, _ := base64.RawURLEncoding.DecodeString(p)
		return change(string(raw))
	}
	same := func(s string) string { return s }
	replace := func(from, to string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, from) {
				t.Fatalf("%q is not in %s", from, s)
			}
			return strings.Replace(s, from, to, 1)
		}
	}
	withHeader := func(from, to string) []string {
		return []string{m.raw(t, replace(from, to)(m.header()), payload(same))}
	}
	withPayload := func(from, to string) []string {
		return []string{m.raw(t, m.header(), payload(replace(from, to)))}
	}
	claims := func(change func(*proof.Claims)) []string {
		c := good
		beat := *good.Heartbeat
		c.Heartbeat = &beat
		change(&c)
		return []string{m.Token(t, c)}
	}
	token := m.Token(t, good)
	encode := base64.RawURLEncoding.EncodeToString
	hmacOf := func(header string) string { // HS256 with the public key as the secret
		input := encode([]byte(header)) + "." + encode([]byte(payload(same)))
		mac := hmac.New(sha256.New, []byte(proof.ThumbprintInput(m.Public)))
		mac.Write([]byte(input))
		return input + "." + encode(mac.Sum(nil))
	}
	unsigned := func(header string) string { return encode([]byte(header)) + "." + encode([]byte(payload(same))) + "." }

	for name, c := range map[string]struct {
		header []string
		code   wire.Code
	}{
		"step 1: no field":              {nil, wire.InvalidProof},
		"step 1: two fields":            {[]string{token, token}, wire.InvalidProof},
		"step 2: empty":                 {[]string{""}, wire.InvalidProof},
		"step 2: two parts":             {[]string{"a.b"}, wire.InvalidProof},
		"step 2: four parts":            {[]string{token + ".x"}, wire.InvalidProof},
		"step 2: JSON serialization":    {[]string{`{"payload":"","signatures":[]}`}, wire.InvalidProof},
		"step 2: padded":                {[]string{token + "="}, wire.InvalidProof},
		"step 2: header is an array":    {[]string{m.raw(t, `[]`, payload(same))}, wire.InvalidProof},
		"step 2: payload is a number":   {[]string{m.raw(t, m.header(), `5`)}, wire.InvalidProof},
		"oversized":                     {[]string{token + strings.Repeat("A", wire.MaxProof)}, wire.TooLarge},
		"step 3: no jti":                {withPayload(`"jti":"jti-1",`, ``), wire.InvalidProof},
		"step 3: long jti":              {withPayload(`"jti":"jti-1"`, `"jti":"`+strings.Repeat("j", 257)+`"`), wire.InvalidProof},
		"step 3: no htm":                {withPayload(`"htm":"POST",`, ``), wire.InvalidProof},
		"step 3: no htu":                {withPayload(`"htu":"`+here+`",`, ``), wire.InvalidProof},
		"step 3: no iat":                {withPayload(`"iat":1800000000,`, ``), wire.InvalidProof},
		"step 3: iat is a string":       {withPayload(`"iat":1800000000,`, `"iat":"1800000000",`), wire.InvalidProof},
		"step 3: no jwk":                {withHeader(`"jwk"`, `"jkw"`), wire.InvalidProof},
		"step 4: typ JWT":               {withHeader(`dpop+jwt`, `JWT`), wire.InvalidProof},
		"step 4: no typ":                {withHeader(`"typ":"dpop+jwt",`, ``), wire.InvalidProof},
		"step 5: none":                  {[]string{unsigned(replace("ES256", "none")(m.header()))}, wire.InvalidProof},
		"step 5: None":                  {[]string{unsigned(replace("ES256", "None")(m.header()))}, wire.InvalidProof},
		"step 5: no alg":                {withHeader(`"alg":"ES256",`, ``), wire.InvalidProof},
		"step 5: HS256, public key":     {[]string{hmacOf(replace("ES256", "HS256")(m.header()))}, wire.InvalidProof},
		"step 5: ES384":                 {withHeader(`ES256`, `ES384`), wire.InvalidProof},
		"step 5: RS256":                 {withHeader(`ES256`, `RS256`), wire.InvalidProof},
		"step 5: kty oct":               {withHeader(`"kty":"EC"`, `"kty":"oct"`), wire.InvalidProof},
		"step 5: crv P-384":             {withHeader(`P-256`, `P-384`), wire.InvalidProof},
		"step 5: off the curve":         {withHeader(m.Public.Y, other.Public.Y), wire.InvalidProof},
		"step 5: short coordinate":      {withHeader(m.Public.X, m.Public.X[:40]), wire.InvalidProof},
		"step 5: padded coordinate":     {withHeader(m.Public.X, m.Public.X+"="), wire.InvalidProof},
		"step 5: x with a line break":   {withHeader(m.Public.X, m.Public.X[:20]+`\n`+m.Public.X[20:]), wire.InvalidProof},
		"step 5: x is a number":         {withHeader(`"x":"`+m.Public.X+`"`, `"x":5`), wire.InvalidProof},
		"step 5: the point at infinity": {withHeader(m.Public.X, strings.Repeat("A", 43)), wire.InvalidProof},
		"step 6: another key in jwk":    {withHeader(m.Public.X+`","y":"`+m.Public.Y, other.Public.X+`","y":"`+other.Public.Y), wire.InvalidProof},
		"step 6: no signature":          {[]string{token[:strings.LastIndex(token, ".")+1]}, wire.InvalidProof},
		"step 6: a byte less":           {[]string{token[:len(token)-2]}, wire.InvalidProof},
		"step 6: zero signature":        {[]string{token[:strings.LastIndex(token, ".")+1] + strings.Repeat("A", 86)}, wire.InvalidProof},
		"step 7: private key":           {withHeader(`"kty"`, `"d":"AAAA","kty"`), wire.InvalidProof},
		"critical header":               {withHeader(`"alg"`, `"crit":["b64"],"b64":false,"alg"`), wire.InvalidProof},
		"step 8: htm GET":               {claims(func(c *proof.Claims) { c.HTM = "GET" }), wire.InvalidProof},
		"step 8: htm post":              {claims(func(c *proof.Claims) { c.HTM = "post" }), wire.InvalidProof},
		"step 9: other origin":          {claims(func(c *proof.Claims) { c.HTU = "https://bank.example/.curfew/heartbeat" }), wire.InvalidProof},
		"step 9: other scheme":          {claims(func(c *proof.Claims) { c.HTU = strings.Replace(here, "https", "http", 1) }), wire.InvalidProof},
		"step 9: other address":         {claims(func(c *proof.Claims) { c.HTU = strings.Replace(here, "heartbeat", "sign-out", 1) }), wire.InvalidProof},
		"step 9: user in it":            {claims(func(c *proof.Claims) { c.HTU = strings.Replace(here, "://", "://records.example@", 1) }), wire.InvalidProof},
		"step 10: no nonce":             {withPayload(`"nonce":"`, `"nonse":"`), wire.InvalidProof},
		"step 10: made-up nonce":        {claims(func(c *proof.Claims) { c.Nonce = "abc" }), wire.UseNonce},
		"step 10: another's nonce":      {claims(func(c *proof.Claims) { c.Nonce = n.Issue("other", now) }), wire.UseNonce},
		"step 10: old nonce":            {claims(func(c *proof.Claims) { c.Nonce = n.Issue("s", now-n.Life.Milliseconds()) }), wire.UseNonce},
		"no sid":                        {withPayload(`,"sid":"sid"`, ``), wire.InvalidProof},
		"no seq":                        {withPayload(`,"seq":1`, ``), wire.InvalidProof},
		"negative seq":                  {withPayload(`"seq":1`, `"seq":-1`), wire.InvalidProof},
		"seq over 64 bits":              {withPayload(`"seq":1`, `"seq":18446744073709551616`), wire.InvalidProof},
		"seq beyond what a page reads":  {withPayload(`"seq":1`, `"seq":9007199254740993`), wire.InvalidProof},
		"no idle":                       {withPayload(`,"idle":250`, ``), wire.InvalidProof},
		"activity in the future":        {withPayload(`"idle":250`, `"idle":-60000`), wire.InvalidProof},
		"idle over the cap":             {withPayload(`"idle":250`, `"idle":99999999999999`), wire.InvalidProof},
		"idle is a fraction":            {withPayload(`"idle":250`, `"idle":0.5`), wire.InvalidProof},
		"negative age":                  {withPayload(`"age":60000`, `"age":-1`), wire.InvalidProof},
		"idle twice":                    {withPayload(`"idle":250`, `"idle":9,"idle":250`), wire.InvalidProof},
		"unknown claim":                 {withPayload(`"idle":250`, `"idle":250,"more":1`), wire.InvalidProof},
		"white space":                   {withPayload(`"idle":250`, `"idle": 250`), wire.InvalidProof},
		"claim in capitals":             {withPayload(`"idle":250`, `"IDLE":250`), wire.InvalidProof},
	} {
		got, err := Check(c.header, expectAt(n, true, now))
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != c.code {
			t.Errorf("%s: got %+v, %v; want %s", name, got, err, c.code)
		}
		if refused != nil && len(refused.Step) > 300 {
			t.Errorf("%s: the error quotes the proof", name)
		}
	}
	if _, err := Check([]string{token}, expectAt(n, true, now)); err != nil {
		t.Errorf("the unspoiled proof is refused: %v", err)
	}
}

// A key has one form, and so one thumbprint, also in proofs that need not be canonical.
func TestB3_CoordinateHasOneForm(t *testing.T) {
	n, m := testNonces(t), newMaker(t)
	payload := `{"jti":"a","htm":"POST","htu":"` + here + `","iat":1,"nonce":"` + n.Issue("s", now) + `"}`
	if _, err := Check([]string{m.raw(t, m.header(), payload)}, expectAt(n, false, now)); err != nil {
		t.Fatalf("the unspoiled proof is refused: %v", err)
	}
	broken := strings.Replace(m.header(), m.Public.X, m.Public.X[:20]+`\n`+m.Public.X[20:], 1)
	if _, err := Check([]string{m.raw(t, broken, payload)}, expectAt(n, false, now)); err == nil {
		t.Error("a coordinate with a line break is accepted")
	}
}

// RFC 9449 section 4.3 asks for normalised comparison of htu, for proofs that other libraries make.
func TestHTUIsComparedNormalised(t *testing.T) {
	for _, c := range []struct {
		got, want string
		same      bool
	}{
		{"HTTPS://Records.Example:443/.curfew/heartbeat?x=1#y", here, true},
		{"http://localhost:80/a", "http://localhost/a", true},
		{"https://records.example", "https://records.example/", true},
		{"https://records.example:444/.curfew/heartbeat", here, false},
		{"https://records.example/.curfew/Heartbeat", here, false},
		{"https://records.example/.curfew%2Fheartbeat", here, false},
		{"//records.example/.curfew/heartbeat", here, false},
		{"https://a@records.example/.curfew/heartbeat", here, false},
		{"https://records.example/x/../.curfew/heartbeat", here, false},
		{"%zz", here, false},
	} {
		if got := sameURL(c.got, c.want); got != c.same {
			t.Errorf("sameURL(%q, %q) = %v", c.got, c.want, got)
		}
	}
}

func TestNonceBelongsToItsScopeAndTime(t *testing.T) {
	n := testNonces(t)
	nonce := n.Issue("a", now)
	if issued, err := n.Judge("a", nonce, now+n.Life.Milliseconds()-1); err != nil || issued != now {
		t.Errorf("in its life: %d, %v", issued, err)
	}
	if issued, err := n.Judge("a", nonce, now-maxAhead.Milliseconds()); err != nil || issued != now {
		t.Errorf("of a verifier whose clock is ahead: %d, %v", issued, err)
	}
	for name, c := range map[string]struct {
		scope, nonce string
		at           int64
		want         error
	}{
		"another scope": {"b", nonce, now, ErrNonceUnknown},
		"empty":         {"a", "", now, ErrNonceUnknown},
		"cut":           {"a", nonce[:len(nonce)-1], now, ErrNonceUnknown},
		"over":          {"a", nonce, now + n.Life.Milliseconds(), ErrNonceExpired},
		"of tomorrow":   {"a", nonce, now - maxAhead.Milliseconds() - 1, ErrNonceExpired},
	} {
		if _, err := n.Judge(c.scope, c.nonce, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// FuzzCheck: no input makes it panic, every error is typed, and what is accepted as a heartbeat re-encodes byte for byte.
func FuzzCheck(f *testing.F) {
	n, m := testNonces(f), newMaker(f)
	f.Add(m.Token(f, goodClaims(n)))
	stay := goodClaims(n)
	stay.Heartbeat.Stay = true
	f.Add(m.Token(f, stay))
	f.Add(m.raw(f, m.header(), `{"jti":"a","htm":"POST","htu":"`+here+`","iat":1}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		for _, heartbeat := range []bool{true, false} {
			got, err := Check([]string{token}, expectAt(n, heartbeat, now))
			if err != nil {
				var refused *Error
				if !errors.As(err, &refused) || refused.Code == "" {
					t.Fatalf("untyped error %v", err)
				}
				if got != (Proof{}) {
					t.Fatal("a refused proof gave something")
				}
				continue
			}
			if heartbeat && got.Claims.Heartbeat == nil {
				t.Fatal("accepted a heartbeat without its claims")
			}
		}
	})
}

// BenchmarkCheck prints the whole check beside the bare P-256 verification in it.
func BenchmarkCheck(b *testing.B) {
	n, m := testNonces(b), newMaker(b)
	token := m.Token(b, goodClaims(n))
	b.Run("proof", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Check([]string{token}, expectAt(n, true, now)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signature", func(b *testing.B) {
		sum := sha256.Sum256([]byte(token))
		r, s, _ := ecdsa.Sign(rand.Reader, m.Private, sum[:])
		for b.Loop() {
			if !ecdsa.Verify(&m.Private.PublicKey, sum[:], r, s) {
				b.Fatal("refused")
			}
		}
	})
}
