package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/wasm/needs"
	"github.com/curfew-project/curfew/wasm/npm"
)

// joseApp is an application in Node.js that verifies assertions with the jose library and keeps the keys that it has fetched.
const joseApp = `
const [, jose, keys, issuer, audience] = process.argv;
const { createRemoteJWKSet, jwtVerify } = require(jose);
const set = createRemoteJWKSet(new URL(keys), { cooldownDuration: 0 });
require("readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  const { token, now } = JSON.parse(line);
  const answer = await jwtVerify(token, set, { issuer, audience, typ: "curfew-assertion+jwt", algorithms: ["ES256"], requiredClaims: ["exp", "sub"], currentDate: new Date(now) })
    .then(({ payload }) => ({ payload }), (error) => ({ error: error.code || String(error) }));
  console.log(JSON.stringify(answer));
});`

// said is what an application reads in an assertion.
type said struct {
	Sub      string                            `json:"sub"`
	SID      string                            `json:"sid"`
	Exp      int64                             `json:"exp"`
	Iat      int64                             `json:"iat"`
	AuthTime int64                             `json:"auth_time"`
	SubID    struct{ Format, Iss, Sub string } `json:"sub_id"`
	Cnf      struct{ JKT string }              `json:"cnf"`
}

// application verifies assertions with two libraries, which must agree.
type application struct {
	*keyed
	to   io.Writer
	from *bufio.Scanner
	keys oidc.KeySet
}

const audience = "http://localhost:1"

func (k *keyed) application(jwks string) *application {
	k.t.Helper()
	node := needs.Program(k.t, "run `make tools`", "node")
	issuer := audience + "/.curfew/"
	process := exec.Command(node, "-e", joseApp, "--", npm.JOSE(k.t), jwks, issuer, audience)
	in, err := process.StdinPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { in.Close(); process.Wait() })
	return &application{k, in, bufio.NewScanner(out), oidc.NewRemoteKeySet(context.WithoutCancel(k.t.Context()), jwks)}
}

// read verifies an assertion; the code is jose's, empty where it is good.
func (a *application) read(token string, now time.Time) (said, string) {
	a.t.Helper()
	line, _ := json.Marshal(map[string]any{"token": token, "now": now.UnixMilli()})
	if _, err := a.to.Write(append(line, '\n')); err != nil {
		a.t.Fatal(err)
	}
	if !a.from.Scan() {
		a.t.Fatalf("the application has ended: %v", a.from.Err())
	}
	var answer struct {
		Payload said
		Error   string
	}
	if err := json.Unmarshal(a.from.Bytes(), &answer); err != nil {
		a.t.Fatalf("%s: %v", a.from.Bytes(), err)
	}
	config := &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"ES256"}, Now: func() time.Time { return now }}
	_, err := oidc.NewVerifier(audience+"/.curfew/", a.keys, config).Verify(a.t.Context(), token)
	if typ := headerOf(token)["typ"]; (err == nil) != (answer.Error == "") && typ == engine.AssertionType { // go-oidc does not look at typ
		a.t.Errorf("the libraries differ: jose says %q, go-oidc %v", answer.Error, err)
	}
	return answer.Payload, answer.Error
}

func headerOf(token string) map[string]any {
	first, _, _ := strings.Cut(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(first)
	var header map[string]any
	_ = json.Unmarshal(text, &header)
	return header
}

// ask sends a request with a cookie to an environment's host.
func ask(t *testing.T, address, host, cookie string, more ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
	}
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// P1 P6: what check signs is verified by libraries that nobody here wrote, through an exchange of the keys, and is worth nothing at another
// audience, after its time, altered, or signed by anybody else.
func TestP1P6_AssertionsAreVerifiedByOthers(t *testing.T) {
	k := newKeyedWith(t, "", strings.Replace(environments, "id: here,", "id: here, assertion: true,", 1))
	front := httptest.NewServer(k.Public())
	defer front.Close()
	app := k.application(front.URL + "/.curfew/jwks.json")
	check := func(cookie string) *http.Response {
		t.Helper()
		return ask(t, front.URL+"/.curfew/check", "localhost:1", cookie)
	}
	began, cookie, err := k.engine.Begin(t.Context(), k.env, engine.SignIn{RefreshToken: "r", Key: session.Thumbprint{7},
		Who: session.Identity{Issuer: k.issuer, Subject: "amara", Name: "Amara", AuthTime: k.o.Now().Unix(), IDToken: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	now := k.o.Now()
	first := check(cookie)
	token := first.Header.Get(api.HeaderAssertion)
	if first.StatusCode != http.StatusNoContent || token == "" {
		t.Fatalf("%d %v", first.StatusCode, first.Header)
	}
	got, code := app.read(token, now)
	if code != "" || got.Sub != "amara" || got.SID != began.ID.String() || got.Cnf.JKT != began.Key.String() || got.AuthTime != began.AuthTime ||
		got.SubID != (struct{ Format, Iss, Sub string }{"iss_sub", k.issuer, "amara"}) {
		t.Errorf("%q %+v", code, got)
	}
	if limit := now.Add(time.Duration(k.started.CookieRenewal)); got.Exp > limit.Unix()+1 || got.Exp <= now.Unix() {
		t.Errorf("good until %d, at %d; the cookie goes stale at about %d", got.Exp, now.Unix(), limit.Unix())
	}
	if again := check(cookie).Header.Get(api.HeaderAssertion); again != token {
		t.Error("one cookie, two signatures")
	}

	// Worth nothing elsewhere, later, or changed.
	parts := strings.Split(token, ".")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(key any, method jwt.SigningMethod, change func(header, claims map[string]any)) string {
		t.Helper()
		var claims jwt.MapClaims
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if err := json.Unmarshal(text, &claims); err != nil {
			t.Fatal(err)
		}
		made := jwt.NewWithClaims(method, claims)
		made.Header["kid"], made.Header["typ"] = headerOf(token)["kid"], engine.AssertionType
		change(made.Header, claims)
		token, err := made.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	same := func(header, claims map[string]any) {}
	own := k.ring.SigningKey().Private
	for name, try := range map[string]struct {
		token string
		at    time.Time
		want  string
	}{
		"as it is, made here":   {signed(own, jwt.SigningMethodES256, same), now, ""},
		"after its time":        {token, time.Unix(got.Exp+1, 0), "ERR_JWT_EXPIRED"},
		"another user":          {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root"}`)) + "." + parts[2], now, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		"somebody else's key":   {signed(stranger, jwt.SigningMethodES256, same), now, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		"a key nobody has":      {signed(stranger, jwt.SigningMethodES256, func(h, _ map[string]any) { h["kid"] = "x" }), now, "ERR_JWKS_NO_MATCHING_KEY"},
		"not signed":            {signed(jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodNone, same), now, "ERR_JOSE_ALG_NOT_ALLOWED"},
		"another audience":      {signed(own, jwt.SigningMethodES256, func(_, c map[string]any) { c["aud"] = "http://localhost:2" }), now, "ERR_JWT_CLAIM_VALIDATION_FAILED"},
		"another kind of token": {signed(own, jwt.SigningMethodES256, func(h, _ map[string]any) { h["typ"] = "token-introspection+jwt" }), now, "ERR_JWT_CLAIM_VALIDATION_FAILED"},
	} {
		if _, code := app.read(try.token, try.at); code != try.want {
			t.Errorf("%s: %q; want %q", name, code, try.want)
		}
	}

	// A deadline that came nearer is kept: what is signed from then on ends before it.
	nearer := now.Add(90*time.Second).UnixMilli() / 1000 * 1000
	if _, _, err := k.store.Update(t.Context(), began.ID, now.UnixMilli(), func(s session.Session) (session.Session, error) {
		s.State.CheckBy = nearer
		return s, nil
	}); err != nil {
		t.Fatal(err)
	}
	if got, code := app.read(check(cookie).Header.Get(api.HeaderAssertion), now); code != "" || got.Exp*1000 > nearer {
		t.Errorf("%q: good until %d, the session until %d", code, got.Exp*1000, nearer)
	}

	// The keys are exchanged: an application that keeps the old ones fetches the new one, and what was signed before stays good.
	if _, err := keyring.AddFile(k.started.Keys, rand.Reader, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	k.pass(time.Minute)
	k.pass(time.Second)
	_, fresh := k.signIn("bela")
	next := check(fresh).Header.Get(api.HeaderAssertion)
	if headerOf(next)["kid"] == headerOf(token)["kid"] {
		t.Error("the new key does not sign")
	}
	for name, one := range map[string]string{"before": token, "after": next} {
		if _, code := app.read(one, k.o.Now()); code != "" {
			t.Errorf("signed %s the exchange: %s", name, code)
		}
	}

	// Nothing is said of who is let through nowhere, nor where nobody asked for it.
	if _, err := k.engine.EndByAdmin(t.Context(), began, "root"); err != nil {
		t.Fatal(err)
	}
	if over := check(cookie); over.StatusCode != http.StatusUnauthorized || over.Header.Get(api.HeaderAssertion) != "" {
		t.Errorf("after the end: %d %v", over.StatusCode, over.Header)
	}
	away, _ := k.live.ByID("away")
	_, other, err := k.engine.Begin(t.Context(), away, engine.SignIn{Who: session.Identity{Issuer: "http://127.0.0.1:1", Subject: "amara", AuthTime: k.o.Now().Unix()}})
	if err != nil {
		t.Fatal(err)
	}
	if quiet := ask(t, front.URL+"/.curfew/check", "localhost:2", other); quiet.StatusCode != http.StatusNoContent || quiet.Header.Values(api.HeaderAssertion) != nil {
		t.Errorf("where it is off: %d %v", quiet.StatusCode, quiet.Header)
	}
}

// The keys that others verify with can be kept for a while, and have nothing secret in them.
func TestJWKSCanBeKept(t *testing.T) {
	k := newKeyed(t, "")
	front := httptest.NewServer(k.Public())
	defer front.Close()
	get := func(more ...string) (*http.Response, string) {
		t.Helper()
		answer := ask(t, front.URL+"/.curfew/jwks.json", "inside.example", "", more...)
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(text)
	}
	first, text := get()
	if first.StatusCode != http.StatusOK || first.Header.Get("Content-Type") != "application/jwk-set+json" || first.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v", first.StatusCode, first.Header)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) != 1 || set.Keys[0]["kid"] != k.ring.SigningKey().ID || set.Keys[0]["d"] != "" {
		t.Errorf("%s, %v", text, err)
	}
	if same, text := get("If-None-Match", first.Header.Get("ETag")); same.StatusCode != http.StatusNotModified || text != "" {
		t.Errorf("unchanged: %d %q", same.StatusCode, text)
	}
	if _, err := keyring.AddFile(k.started.Keys, rand.Reader, k.o.Now(), k.o.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	k.pass(0)
	if next, text := get("If-None-Match", first.Header.Get("ETag")); next.StatusCode != http.StatusOK || strings.Count(text, `"kid"`) != 2 {
		t.Errorf("a key that waits: %d %s", next.StatusCode, text)
	}
}
