package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/curfew-project/curfew/verifier/session"
)

// clock is the time of a test.
type clock struct{ ms atomic.Int64 }

const start = 1_800_000_000_250 // not a whole second

func newClock() *clock                  { c := &clock{}; c.ms.Store(start); return c }
func (c *clock) now() time.Time         { return time.UnixMilli(c.ms.Load()) }
func (c *clock) pass(d time.Duration)   { c.ms.Add(d.Milliseconds()) }
func (c *clock) seconds() int64         { return c.ms.Load() / 1000 }
func (c *clock) in(d time.Duration) any { return c.seconds() + int64(d/time.Second) }

// key is a signing key with its ID.
type key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

// testKeys are slow to make, and the same for all tests.
var testKeys = sync.OnceValue(func() []key {
	var keys []key
	for _, id := range []string{"rsa-1", "rsa-2"} {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key{id, jose.RS256, private})
	}
	for _, id := range []string{"ec-1", "ec-2"} {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key{id, jose.ES256, private})
	}
	return keys
})

func (k key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// signRaw signs any two texts as header and payload.
func (k key) signRaw(t testing.TB, header, payload string) string {
	t.Helper()
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	hash := crypto.SHA256.New()
	hash.Write([]byte(input))
	var signature []byte
	var err error
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, private, crypto.SHA256, hash.Sum(nil))
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, private, hash.Sum(nil))
		err, signature = failed, make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(signature)
}

func (k key) sign(t testing.TB, claims map[string]any) string {
	return k.signTyp(t, "JWT", claims)
}

func (k key) signTyp(t testing.TB, typ string, claims map[string]any) string {
	t.Helper()
	header := map[string]any{"alg": k.algorithm, "kid": k.id}
	if typ != "" {
		header["typ"] = typ
	}
	return k.signRaw(t, toJSON(t, header), toJSON(t, claims))
}

func toJSON(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// scripted is an OpenID provider whose every answer a test decides.
type scripted struct {
	*httptest.Server
	t     testing.TB
	clock *clock

	mu       sync.Mutex
	key      key // what it signs with
	document map[string]any
	keys     []any
	forms    []url.Values // of token requests
	basic    []string     // their Authorization
	tokens   http.HandlerFunc
	readDoc  http.HandlerFunc
	readKeys http.HandlerFunc

	documents, keySets atomic.Int32 // how often they were read
}

func newScripted(t testing.TB) *scripted {
	s := &scripted{t: t, clock: newClock(), key: testKeys()[0]}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		s.documents.Add(1)
		s.mu.Lock()
		handler, document := s.readDoc, maps.Clone(s.document)
		s.mu.Unlock()
		if handler != nil {
			handler(w, r)
			return
		}
		answerJSON(w, 200, document)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		s.keySets.Add(1)
		s.mu.Lock()
		handler, keys := s.readKeys, s.keys
		s.mu.Unlock()
		if handler != nil {
			handler(w, r)
			return
		}
		answerJSON(w, 200, map[string]any{"keys": keys})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		s.mu.Lock()
		s.forms = append(s.forms, r.PostForm)
		s.basic = append(s.basic, r.Header.Get("Authorization"))
		handler := s.tokens
		s.mu.Unlock()
		handler(w, r)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	s.document = map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/keys",
		"end_session_endpoint": s.URL + "/end", "id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
		"scopes_supported": []string{"openid", "profile", "offline_access"},
	}
	s.keys = []any{s.key.public()}
	s.answer(s.idToken(nil), "")
	return s
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// set changes a member of the discovery document; nil removes it.
func (s *scripted) set(name string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.document = maps.Clone(s.document)
	if s.document[name] = value; value == nil {
		delete(s.document, name)
	}
}

func (s *scripted) setKeys(keys ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func (s *scripted) onToken(handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = handler
}

func (s *scripted) onKeys(handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readKeys = handler
}

func (s *scripted) onDocument(handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readDoc = handler
}

// answer makes the token endpoint give tokens; an empty one is left out.
func (s *scripted) answer(idToken, refresh string) {
	answer := map[string]any{"access_token": "access-token-that-nobody-needs", "token_type": "Bearer", "expires_in": 300}
	if idToken != "" {
		answer["id_token"] = idToken
	}
	if refresh != "" {
		answer["refresh_token"] = refresh
	}
	s.onToken(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, answer) })
}

// refuse makes the token endpoint give an error.
func (s *scripted) refuse(status int, body string) {
	s.onToken(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (s *scripted) claims(change func(map[string]any)) map[string]any {
	claims := map[string]any{
		"iss": s.URL, "sub": "amara", "aud": "curfew", "exp": s.clock.in(5 * time.Minute), "iat": s.clock.in(0), "auth_time": int64(start/1000 - 60),
		"nonce": "nonce-1", "sid": "provider-session", "name": "Dr Amara",
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func (s *scripted) idToken(change func(map[string]any)) string {
	return s.key.sign(s.t, s.claims(change))
}

func (s *scripted) lastForm() (form url.Values, basic string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.forms) == 0 {
		s.t.Fatal("the token endpoint was not asked")
	}
	return s.forms[len(s.forms)-1], s.basic[len(s.basic)-1]
}

func (s *scripted) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.forms)
}

func (s *scripted) config() Config {
	return Config{Issuer: s.URL, ClientID: "curfew", ClientSecret: "client-secret-of-the-test", Scopes: []string{"profile"}, HandInAudience: "app"}
}

func (s *scripted) provider(change func(*Config)) *Provider {
	config := s.config()
	if change != nil {
		change(&config)
	}
	return New(config, s.Client(), s.clock.now, nil)
}

func (s *scripted) user() session.User {
	return session.User{Environment: "clinic", Issuer: s.URL, Subject: "amara"}
}

func (s *scripted) refresh() Refresh {
	return Refresh{Token: "refresh-token-number-one", IDToken: s.idToken(nil), User: s.user()}
}

var code1 = Code{Code: "code-1", Verifier: "verifier-1-verifier-1-verifier-1-verifier-1", RedirectURL: "https://app.example/.curfew/callback", Nonce: "nonce-1"}

func dontKeep(t testing.TB) func(string) error {
	return func(rotated string) error {
		t.Errorf("keep was called with %q", rotated)
		return nil
	}
}

// largest is the padding with which a token has no more than a number of bytes, and with one more has more.
func largest(most int, token func(padding int) string) int {
	padding := (most-len(token(0)))*3/4 - 4
	for len(token(padding+1)) <= most {
		padding++
	}
	return padding
}

// want checks that an error is a Fault of a kind and cause.
func want(t testing.TB, err error, kind Kind, cause Cause) *Fault {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) {
		t.Fatalf("error is %v (%T), want %s (%s)", err, err, kind, cause)
	}
	if f.Kind != kind || f.Cause != cause || f.Err == nil {
		t.Fatalf("error is %v, want %s (%s)", err, kind, cause)
	}
	return f
}

// wantCheck checks that an error is a Fault for a token that did not pass a check.
func wantCheck(t testing.TB, err error, kind Kind, check string) {
	t.Helper()
	f := want(t, err, kind, CauseToken)
	var token *TokenError
	if !errors.As(f, &token) || token.Check != check {
		t.Fatalf("error is %v, want the check of %s", err, check)
	}
}
