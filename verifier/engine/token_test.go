package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

const notes = "https://records.example/api/notes"

// claims are those of a proof for an API, each of which a test can change.
type claims map[string]any

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// apiProof is a proof as other libraries make it: not in the agent's form, and with ath.
func (b *browser) apiProof(of claims) string {
	b.w.t.Helper()
	all := claims{"htm": "POST", "htu": notes, "iat": 1, "jti": fmt.Sprint("jti-", b.seq)}
	b.seq++
	for name, value := range of {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	head, _ := json.Marshal(map[string]any{"alg": proof.Algorithm, "typ": proof.Type,
		"jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": b.maker.Public.X, "y": b.maker.Public.Y}})
	body, _ := json.Marshal(all)
	encode := base64.RawURLEncoding.EncodeToString
	return b.maker.Sign(b.w.t, encode(head)+"."+encode(body))
}

// accessToken asks for a token as the page does: once for the nonce, and once more.
func (b *browser) accessToken() (wire.AccessToken, error) {
	b.w.t.Helper()
	request := engine.Request{Cookie: b.cookie, Method: "POST", URL: b.url("token")}
	_, err := b.w.Token(context.Background(), b.env, request)
	asked := b.w.refusal(err)
	if asked.Error != wire.UseNonce {
		return wire.AccessToken{}, err
	}
	if asked.Key != b.state().Key.String() {
		b.w.t.Errorf("the refusal names the key %q", asked.Key)
	}
	request.Proofs = []string{b.apiProof(claims{"htu": b.url("token"), "nonce": asked.Nonce})}
	return b.w.Token(context.Background(), b.env, request)
}

// call makes a request to the API and says how it was judged; empty: let through.
func (b *browser) call(e *engine.Engine, env settings.Environment, token, with string) wire.Code {
	b.w.t.Helper()
	var proofs []string
	if with != "" {
		proofs = []string{with}
	}
	_, _, err := e.CheckAPI(context.Background(), env, engine.APIRequest{Token: token, Proofs: proofs, Method: "POST", URL: notes})
	if err == nil {
		return ""
	}
	return b.w.refusal(err).Error
}

// P6: a request to an API passes with the session's token and a proof made for it, once, and in no other way.
func TestP6_AccessTokens(t *testing.T) {
	w := newWorld(t)
	b, other := w.signedIn(clinic), w.browser(clinic)
	other.signIn(wren)
	got, err := b.accessToken()
	if err != nil || got.Type != "DPoP" || got.Expires != 300 {
		t.Fatalf("%+v, %v", got, err)
	}
	good := func(of claims) claims {
		all := claims{"ath": hashOf(got.Token), "nonce": got.Nonce}
		for name, value := range of {
			all[name] = value
		}
		return all
	}
	once := b.apiProof(good(nil))
	if code := b.call(w.Engine, clinic, got.Token, once); code != "" {
		t.Fatal("refused:", code)
	}
	theirs, err := other.accessToken()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := settings.Environment{ID: "clinic", Origin: "https://other.example", Settings: times, Check: checks}
	for name, c := range map[string]struct {
		env   settings.Environment
		token string
		proof string
		want  wire.Code
	}{
		"replayed":                   {clinic, got.Token, once, wire.InvalidProof},
		"no token":                   {clinic, "", b.apiProof(good(nil)), wire.InvalidToken},
		"the cookie for a token":     {clinic, b.cookie, b.apiProof(good(claims{"ath": hashOf(b.cookie)})), wire.InvalidToken},
		"another environment's":      {bank, got.Token, b.apiProof(good(nil)), wire.InvalidToken},
		"another origin's":           {elsewhere, got.Token, b.apiProof(good(nil)), wire.InvalidToken},
		"oversized token":            {clinic, string(bytes.Repeat([]byte("a"), wire.MaxCookie+1)), b.apiProof(good(nil)), wire.InvalidToken},
		"no proof":                   {clinic, got.Token, "", wire.UseNonce},
		"oversized proof":            {clinic, got.Token, string(bytes.Repeat([]byte("a"), wire.MaxProof+1)), wire.TooLarge},
		"no nonce":                   {clinic, got.Token, b.apiProof(good(claims{"nonce": nil})), wire.UseNonce},
		"a heartbeat's nonce":        {clinic, got.Token, b.apiProof(good(claims{"nonce": b.nonce})), wire.UseNonce},
		"another session's nonce":    {clinic, got.Token, b.apiProof(good(claims{"nonce": theirs.Nonce})), wire.UseNonce},
		"no ath":                     {clinic, got.Token, b.apiProof(good(claims{"ath": nil})), wire.InvalidProof},
		"ath of another token":       {clinic, got.Token, b.apiProof(good(claims{"ath": hashOf(theirs.Token)})), wire.InvalidProof},
		"ath in hex":                 {clinic, got.Token, b.apiProof(good(claims{"ath": fmt.Sprintf("%x", sha256.Sum256([]byte(got.Token)))})), wire.InvalidProof},
		"another method":             {clinic, got.Token, b.apiProof(good(claims{"htm": "GET"})), wire.InvalidProof},
		"another path":               {clinic, got.Token, b.apiProof(good(claims{"htu": notes + "/1"})), wire.InvalidProof},
		"another host":               {clinic, got.Token, b.apiProof(good(claims{"htu": "https://records.example.evil/api/notes"})), wire.InvalidProof},
		"another session's key":      {clinic, got.Token, other.apiProof(good(nil)), wire.WrongKey},
		"another session's token":    {clinic, theirs.Token, b.apiProof(claims{"ath": hashOf(theirs.Token), "nonce": theirs.Nonce}), wire.WrongKey},
		"a proof for the token":      {clinic, got.Token, b.apiProof(good(claims{"htu": b.url("token")})), wire.InvalidProof},
		"a proof by no key at all":   {clinic, got.Token, once[:len(once)-8] + "AAAAAAAA", wire.InvalidProof},
		"a heartbeat for a proof":    {clinic, got.Token, b.token("heartbeat", b.beat(0)), wire.InvalidProof},
		"a repeated jti, new claims": {clinic, got.Token, b.apiProof(good(claims{"jti": "jti-1"})), wire.InvalidProof},
	} {
		if code := b.call(w.Engine, c.env, c.token, c.proof); code != c.want {
			t.Errorf("%s: %q, want %q", name, code, c.want)
		}
	}
	if n := len(w.recorded(audit.Refused)); n < 12 {
		t.Errorf("%d refusals recorded", n)
	}
}

var wren = func() session.Identity { who := amara; who.Subject = "wren"; return who }()

// D1, P5: tokens and requests to APIs move no deadline and change nothing in the session.
func TestD1_RequestsToAPIsAreNoActivity(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	before := b.state()
	for range 14 {
		w.pass(minute)
		if _, err := b.send(b.beat(w.now - before.State.Active)); err != nil { // somebody who does nothing
			t.Fatal(err)
		}
		got, err := b.accessToken()
		if err != nil {
			t.Fatal(err)
		}
		if code := b.call(w.Engine, clinic, got.Token, b.apiProof(claims{"ath": hashOf(got.Token), "nonce": got.Nonce})); code != "" {
			t.Fatal("refused:", code)
		}
	}
	if after := b.state(); after.State != before.State {
		t.Errorf("the session was %+v and is %+v", before.State, after.State)
	}
	// A token never outlives the deadline: a minute is left.
	got, err := b.accessToken()
	if err != nil || got.Expires != 60 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.pass(minute)
	if code := b.call(w.Engine, clinic, got.Token, b.apiProof(claims{"ath": hashOf(got.Token), "nonce": got.Nonce})); code != wire.SessionEnded {
		t.Errorf("at the deadline: %q", code)
	}
}

// D4, D5: a token lives as long as the cookie of its moment, and a stale cookie gives none.
func TestD5_TokensNeedHeartbeats(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(4 * minute)
	got, err := b.accessToken()
	if err != nil || got.Expires != 60 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.pass(minute)
	if code := b.call(w.Engine, clinic, got.Token, b.apiProof(claims{"ath": hashOf(got.Token), "nonce": got.Nonce})); code != wire.InvalidToken {
		t.Errorf("an expired token: %q", code)
	}
	if _, err := b.accessToken(); w.refusal(err).Error != wire.StaleCookie {
		t.Errorf("a stale cookie: %v", err)
	}
}

// P4: an ended session's tokens are refused at the next request.
func TestP4_TokensOfAnEndedSession(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	got, err := b.accessToken()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EndByAdmin(context.Background(), b.state(), "ines"); err != nil {
		t.Fatal(err)
	}
	if code := b.call(w.Engine, clinic, got.Token, b.apiProof(claims{"ath": hashOf(got.Token), "nonce": got.Nonce})); code != wire.SessionEnded {
		t.Errorf("%q", code)
	}
	if _, ok, err := w.Introspect(context.Background(), clinic, got.Token); ok || err != nil {
		t.Errorf("introspection: %v, %v", ok, err)
	}
}

// P6: a proof that one process has taken is good at no other, neither beside it nor after a restart, whether they share the used proofs or not.
func TestP6_ProofsAreUsedOnceAnywhere(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	for name, shared := range map[string]bool{"alone": false, "shared": true} {
		here, there := w.replica(shared), w.replica(shared)
		w.Engine = here
		got, err := b.accessToken()
		if err != nil {
			t.Fatal(err)
		}
		fresh := func() string { return b.apiProof(claims{"ath": hashOf(got.Token), "nonce": got.Nonce}) }
		used := fresh()
		if code := b.call(here, clinic, got.Token, used); code != "" {
			t.Fatalf("%s: %q", name, code)
		}
		if code := b.call(there, clinic, got.Token, used); code == "" {
			t.Errorf("%s: a used proof is good at another process", name)
		}
		if code, want := b.call(there, clinic, got.Token, fresh()), map[bool]wire.Code{false: wire.UseNonce, true: ""}[shared]; code != want {
			t.Errorf("%s: a fresh proof at another process: %q, want %q", name, code, want)
		}
		// As long as its nonce is good, and longer.
		for range 8 {
			w.pass(10 * second)
			if code := b.call(here, clinic, got.Token, used); code == "" {
				t.Errorf("%s: a used proof passes", name)
			}
		}
	}
}

// P8: the memory for used proofs is bounded, and nothing passes that does not fit into it.
func TestP8_UsedProofsAreBounded(t *testing.T) {
	engine.FillReplays(t)
}

// RFC 7662 section 2.2: what introspection says, and that it says nothing else.
func TestIntrospection(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	got, err := b.accessToken()
	if err != nil {
		t.Fatal(err)
	}
	good := func(token string) (engine.Active, bool) {
		t.Helper()
		active, ok, err := w.Introspect(context.Background(), clinic, token)
		if err != nil {
			t.Fatal(err)
		}
		return active, ok
	}
	for name, c := range map[string]struct {
		token string
		bound bool
	}{"cookie": {b.cookie, false}, "token": {got.Token, true}} {
		active, ok := good(c.token)
		if !ok || active.Session.ID.String() != b.sid || active.Bound != c.bound || active.Expires != start+5*minute {
			t.Errorf("%s: %+v, %v", name, active, ok)
		}
	}
	ring, _ := keyring.New(bytes.Repeat([]byte{8}, keyring.SecretSize))
	before := len(w.recorded(audit.Refused))
	for name, token := range map[string]string{"nothing": "", "text": "hello", "forged": ring.Sign(keyring.SessionCookie, clinic.Scope(), make([]byte, 24)),
		"nonce": b.nonce, "sid": b.sid, "oversized": string(bytes.Repeat([]byte("a"), wire.MaxCookie+1))} {
		if _, ok := good(token); ok {
			t.Errorf("%s is active", name)
		}
	}
	if _, ok, err := w.Introspect(context.Background(), bank, b.cookie); ok || err != nil {
		t.Errorf("another environment: %v, %v", ok, err)
	}
	if n := len(w.recorded(audit.Refused)); n != before {
		t.Errorf("%d refusals recorded for what is no fault of the verifier's", n-before)
	}
	w.pass(5 * minute)
	for name, token := range map[string]string{"cookie": b.cookie, "token": got.Token} {
		if _, ok := good(token); ok {
			t.Errorf("a %s that is too old is active", name)
		}
	}
	w.store.Close()
	if _, _, err := w.Introspect(context.Background(), clinic, b.cookie); w.refusal(err).Error != wire.Unavailable {
		t.Errorf("without the store: %v", err)
	}
}
