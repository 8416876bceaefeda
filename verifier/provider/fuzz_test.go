package provider

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"github.com/curfew-project/curfew/verifier/session"
)

const fuzzIssuer = "https://login.example"

// loaded is a provider that has read its documents and is not connected to anything.
func loaded(t testing.TB) (*Provider, key) {
	t.Helper()
	c, signing := newClock(), testKeys()[2]
	nowhere := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("not connected") })}
	p := New(Config{Issuer: fuzzIssuer, ClientID: "curfew", HandInAudience: "app"}, nowhere, c.now, nil)
	keys := &cache[keySet]{now: c.now, pause: time.Hour, value: &keySet{[]jose.JSONWebKey{signing.public()}}, at: c.now(), report: func(error) {},
		read: func(context.Context) (*keySet, error) {
			return nil, fault(CauseConnection, errors.New("not connected"))
		}}
	keys.asked = [askers]time.Time{c.now(), c.now()}
	p.document.value, p.document.at = &document{keys: keys, algorithms: []jose.SignatureAlgorithm{jose.RS256, jose.ES256}}, c.now()
	return p, signing
}

type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// judge is another implementation: what is taken here, it must take too. It reads only members of the exact names, because it takes
// others for them.
func judge(t *testing.T, raw string, signing key) (*oidc.IDTokenVerifier, string) {
	t.Helper()
	_, payload, _ := split(raw)
	var all map[string]json.RawMessage
	if err := json.Unmarshal(payload, &all); err != nil {
		t.Fatalf("what was taken is no JSON: %v", err)
	}
	known := map[string]any{}
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "events", "sid", "jti"} {
		if value, ok := all[name]; ok {
			known[name] = value
		}
	}
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{signing.private.Public()}}
	config := &oidc.Config{ClientID: "curfew", SupportedSigningAlgs: []string{"RS256", "ES256"}, Now: newClock().now}
	return oidc.NewVerifier(fuzzIssuer, keys, config), signing.signTyp(t, "", known)
}

func fuzzSeeds(f *testing.F, s *scripted, good map[string]any, spoils []func(map[string]any)) {
	header := `{"alg":"ES256","kid":"ec-1","typ":"JWT"}`
	f.Add(header, toJSON(f, good))
	for _, other := range []string{`{"alg":"ES256"}`, `{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"ES256","typ":"application/logout+jwt"}`, `{"alg":"ES256","crit":["b64"],"b64":false}`,
		`{"alg":"ES256","alg":"none"}`, `{"alg":"ES256","b64":false}`, `{}`, `[]`, `null`, ``} {
		f.Add(other, toJSON(f, good))
	}
	for _, spoil := range spoils {
		bad := map[string]any{}
		for name, value := range good {
			bad[name] = value
		}
		spoil(bad)
		f.Add(header, toJSON(f, bad))
	}
	text := toJSON(f, good)
	for _, bad := range []string{"{}", "[]", "null", "", "{", text + "{}", `{"sub":"x",` + text[1:], `{"x":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + "," + text[1:],
		strings.Replace(text, "amara", `\ud800`, 1), strings.Replace(text, "amara", "\xff", 1), `{"Sub":5,"NONCE":{},"_claim_names":{"a":"b"},` + text[1:]} {
		f.Add(header, bad)
	}
}

// Whatever claims a provider signs: they are taken only when all that this package promises of them holds, and when another
// implementation takes them too.
func FuzzIDToken(f *testing.F) {
	s := &scripted{Server: nil, t: f, clock: newClock()}
	good := map[string]any{"iss": fuzzIssuer, "sub": "amara", "aud": "curfew", "azp": "curfew", "exp": s.clock.in(time.Minute), "iat": s.clock.in(0), "nbf": s.clock.in(0),
		"auth_time": s.clock.in(-time.Minute), "nonce": "nonce-1", "sid": "provider-session", "name": "Dr Amara"}
	var spoils []func(map[string]any)
	for _, one := range unsoundTokens {
		if one.what != "a list" && one.what != "expired" { // those need the server's address or another clock
			spoils = append(spoils, func(c map[string]any) { one.spoil(s, c) })
		}
	}
	fuzzSeeds(f, s, good, spoils)
	p, signing := loaded(f)
	f.Fuzz(func(t *testing.T, header, payload string) {
		raw := signing.signRaw(t, header, payload)
		said, err := p.openIDToken(t.Context(), p.document.value, raw, "curfew", unsolicited)
		if err != nil {
			if failed := check(""); !errors.As(err, &failed) && !strings.Contains(err.Error(), "not connected") {
				t.Fatalf("an error of no type: %v", err)
			}
			return
		}
		who := p.identity(said, raw)
		now := p.now().Unix()
		switch {
		case len(raw) > MaxIDToken, strings.Count(raw, ".") != 2, !utf8.ValidString(payload):
			t.Fatalf("taken: %q", raw)
		case who.Issuer != fuzzIssuer, who.Subject == "", len(who.Subject) > session.MaxSubject, strings.ContainsAny(who.Subject, "\x00\r\n\ufffd"):
			t.Fatalf("taken: %+v", who)
		case len(who.Name) > session.MaxName, !utf8.ValidString(who.Name), strings.ContainsAny(who.Name, "\x00\r\n"), len(who.Provider) > session.MaxProvider:
			t.Fatalf("taken: %+v", who)
		case who.AuthTime < 0, who.AuthTime > now+61:
			t.Fatalf("taken: %+v", who)
		}
		verifier, again := judge(t, raw, signing)
		other, err := verifier.Verify(t.Context(), again)
		if err != nil {
			t.Fatalf("taken here and not there: %s: %v", payload, err)
		}
		if other.Subject != who.Subject || other.Issuer != who.Issuer || other.Expiry.Unix() <= now || other.IssuedAt.Unix() > now+61 || !slices.Contains(other.Audience, "curfew") {
			t.Fatalf("%+v here, %+v there", who, other)
		}
		if bound(said, other.Nonce) != (other.Nonce != "") {
			t.Fatalf("nonce %q there", other.Nonce)
		}
	})
}

// Whatever somebody sends to the address for logout tokens.
func FuzzLogoutToken(f *testing.F) {
	s := &scripted{t: f, clock: newClock()}
	good := map[string]any{"iss": fuzzIssuer, "aud": "curfew", "iat": s.clock.in(0), "exp": s.clock.in(time.Minute), "jti": "jti-1", "sub": "amara", "sid": "provider-session",
		"events": map[string]any{logoutEvent: map[string]any{}}}
	spoils := []func(map[string]any){
		func(c map[string]any) { c["nonce"] = nil }, func(c map[string]any) { delete(c, "exp") }, func(c map[string]any) { delete(c, "sub") },
		func(c map[string]any) { c["events"] = map[string]any{} }, func(c map[string]any) { c["events"] = map[string]any{logoutEvent: nil} },
		func(c map[string]any) { c["aud"] = []any{"curfew", "other"} }, func(c map[string]any) { c["iat"] = s.clock.in(-time.Hour) },
		func(c map[string]any) { c["jti"] = strings.Repeat("j", 256) }, func(c map[string]any) { c["sid"] = "" }, func(c map[string]any) { c["exp"] = 1.9e9 },
	}
	fuzzSeeds(f, s, good, spoils)
	p, signing := loaded(f)
	f.Fuzz(func(t *testing.T, header, payload string) {
		if _, err := p.LogoutToken(t.Context(), header+"."+payload); err == nil {
			t.Fatal("taken without a signature")
		} else if bad := new(LogoutError); !errors.As(err, &bad) {
			t.Fatalf("an error of no type: %v", err)
		}
		raw := signing.signRaw(t, header, payload)
		out, err := p.LogoutToken(t.Context(), raw)
		if err != nil {
			if bad := new(LogoutError); !errors.As(err, &bad) || bad.Check == "" || out != (Logout{}) {
				t.Fatalf("%+v, an error of no type: %v", out, err)
			}
			return
		}
		now := p.now().UnixMilli()
		switch {
		case len(raw) > MaxLogoutToken, out.JTI == "", len(out.JTI) > 255, out.Subject == "" && out.SID == "", len(out.Subject) > session.MaxSubject, len(out.SID) > session.MaxProvider:
			t.Fatalf("taken: %+v", out)
		case out.Until <= now, out.Until > now+int64((logoutAge+3*time.Second)/time.Millisecond), out.IssuedAt > now+1000, out.IssuedAt < now-int64(logoutAge/time.Millisecond):
			t.Fatalf("taken: %+v at %d", out, now)
		}
		verifier, again := judge(t, raw, signing)
		other, err := verifier.VerifyLogout(t.Context(), again)
		if _, payload, _ := split(raw); err != nil {
			if said, _ := parseClaims(payload); said.has("exp") { // it does not take a token without
				t.Fatalf("taken here and not there: %s: %v", payload, err)
			}
			return
		}
		if other.TokenID != out.JTI || other.Subject != out.Subject || other.SessionID != out.SID || other.IssuedAt.UnixMilli() != out.IssuedAt {
			t.Fatalf("%+v here, %+v there", out, other)
		}
	})
}

// Whatever address the browser comes back to.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{"code=c&state=s", "code=c&iss=https%3A%2F%2Flogin.example", "error=access_denied&error_description=no", "code=c&code=d", "iss=x", ""} {
		f.Add(seed)
	}
	p, _ := loaded(f)
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		code, err := p.Callback(t.Context(), query)
		if err != nil {
			var f *Fault
			if !errors.As(err, &f) || f.Kind == "" || f.Kind == OtherUser || code != "" || len(err.Error()) > 2048 || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("%q, %v", code, err)
			}
			return
		}
		if query.Has("error") || !slices.Equal(query["code"], []string{code}) || !visible(code, maxCode) || query.Has("iss") && query.Get("iss") != fuzzIssuer {
			t.Fatalf("taken: %q", text)
		}
	})
}
