package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
)

func (s *scripted) logoutClaims(change func(map[string]any)) map[string]any {
	claims := map[string]any{
		"iss": s.URL, "aud": "curfew", "iat": s.clock.in(0), "exp": s.clock.in(2 * time.Minute), "jti": "jti-1", "sub": "amara", "sid": "provider-session",
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func (s *scripted) logoutToken(change func(map[string]any)) string {
	return s.key.signTyp(s.t, "logout+jwt", s.logoutClaims(change))
}

func wantLogout(t testing.TB, got Logout, err error, check string) {
	t.Helper()
	var bad *LogoutError
	if !errors.As(err, &bad) || bad.Check != check || got != (Logout{}) {
		t.Fatalf("%+v, %v; want the check of %s", got, err, check)
	}
}

// B5: OpenID Connect Back-Channel Logout section 2.6.
func TestB5_LogoutToken(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	second := s.clock.seconds() * 1000
	for _, one := range []struct {
		what   string
		change func(map[string]any)
		want   Logout
	}{
		{"as it is", nil, Logout{"jti-1", "amara", "provider-session", second, second + 121_000}},
		{"no exp", func(c map[string]any) { delete(c, "exp") }, Logout{"jti-1", "amara", "provider-session", second, second + 301_000}},
		{"late exp", func(c map[string]any) { c["exp"] = s.clock.in(time.Hour) }, Logout{"jti-1", "amara", "provider-session", second, second + 301_000}},
		{"only sub", func(c map[string]any) { delete(c, "sid") }, Logout{"jti-1", "amara", "", second, second + 121_000}},
		{"only sid", func(c map[string]any) { delete(c, "sub") }, Logout{"jti-1", "", "provider-session", second, second + 121_000}},
		{"several audiences", func(c map[string]any) { c["aud"] = []string{"other", "curfew"} }, Logout{"jti-1", "amara", "provider-session", second, second + 121_000}},
		{"other events and claims", func(c map[string]any) {
			c["events"].(map[string]any)["urn:other"] = 5
			c["toe"] = 5
			c["Nonce"] = "no nonce"
		}, Logout{"jti-1", "amara", "provider-session", second, second + 121_000}},
		{"an event that says something", func(c map[string]any) { c["events"].(map[string]any)[logoutEvent] = map[string]any{"why": "asked"} }, Logout{"jti-1", "amara", "provider-session", second, second + 121_000}},
		{"almost too old", func(c map[string]any) { c["iat"] = s.clock.in(-5*time.Minute + time.Second) }, Logout{"jti-1", "amara", "provider-session", second - 299_000, second + 2_000}},
		{"by a clock that rounds up", func(c map[string]any) { c["iat"] = s.clock.in(time.Second) }, Logout{"jti-1", "amara", "provider-session", second + 1000, second + 121_000}},
		{"the longest texts", func(c map[string]any) {
			c["jti"], c["sub"], c["sid"] = strings.Repeat("j", 255), strings.Repeat("s", 255), strings.Repeat("i", 255)
		}, Logout{strings.Repeat("j", 255), strings.Repeat("s", 255), strings.Repeat("i", 255), second, second + 121_000}},
	} {
		if got, err := p.LogoutToken(t.Context(), s.logoutToken(one.change)); err != nil || got != one.want {
			t.Errorf("%s: %+v, %v\nwant %+v", one.what, got, err, one.want)
		}
	}
	for _, typ := range []string{"", "JWT", "jwt", "logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "Application/JWT"} {
		if _, err := p.LogoutToken(t.Context(), s.key.signTyp(t, typ, s.logoutClaims(nil))); err != nil {
			t.Errorf("typ %q: %v", typ, err)
		}
	}
	ec := testKeys()[2]
	s.clock.pass(time.Minute)
	s.setKeys(s.key.public(), ec.public())
	if _, err := p.LogoutToken(t.Context(), ec.signTyp(t, "logout+jwt", s.logoutClaims(nil))); err != nil {
		t.Errorf("ES256: %v", err)
	}
}

// B5 A6: sign-ins that an application handed in are ended by the tokens that the provider sends for its client, and by no others.
func TestB5_TheApplicationsOwnClientIsAddressedToo(t *testing.T) {
	s := newScripted(t)
	for audience, want := range map[string]bool{"app": true, "other": false, "": false} {
		p := s.provider(func(c *Config) { c.HandInAudience = audience })
		_, err := p.LogoutToken(t.Context(), s.logoutToken(func(c map[string]any) { c["aud"] = "app" }))
		if (err == nil) != want {
			t.Errorf("handing in for %q: %v", audience, err)
		}
	}
}

func TestB5_UnsoundLogoutTokensAreRefused(t *testing.T) {
	s := newScripted(t)
	p := s.provider(func(c *Config) { c.ClockSkew = skew })
	for _, one := range []struct {
		check, what string
		spoil       func(c map[string]any)
	}{
		{"iss", "no issuer", func(c map[string]any) { delete(c, "iss") }},
		{"iss", "another issuer", func(c map[string]any) { c["iss"] = "https://other.example" }},
		{"iss", "a slash more", func(c map[string]any) { c["iss"] = s.URL + "/" }},
		{"aud", "no audience", func(c map[string]any) { delete(c, "aud") }},
		{"aud", "another client", func(c map[string]any) { c["aud"] = "other" }},
		{"iat", "no iat", func(c map[string]any) { delete(c, "iat") }},
		{"iat", "in the future", func(c map[string]any) { c["iat"] = s.clock.in(ahead + 2*time.Second) }},
		{"iat", "too old", func(c map[string]any) { c["iat"] = s.clock.in(-5*time.Minute - skew) }},
		{"iat", "too old, without exp", func(c map[string]any) { c["iat"] = s.clock.in(-5*time.Minute - skew); delete(c, "exp") }},
		{"iat", "a text", func(c map[string]any) { c["iat"] = "1800000000" }},
		{"exp", "expired", func(c map[string]any) { c["exp"] = s.clock.in(-skew) }},
		{"exp", "null", func(c map[string]any) { c["exp"] = nil }},
		{"jti", "no jti", func(c map[string]any) { delete(c, "jti") }},
		{"jti", "empty", func(c map[string]any) { c["jti"] = "" }},
		{"jti", "too long", func(c map[string]any) { c["jti"] = strings.Repeat("j", 256) }},
		{"jti", "a number", func(c map[string]any) { c["jti"] = 5 }},
		{"events", "no events", func(c map[string]any) { delete(c, "events") }},
		{"events", "null", func(c map[string]any) { c["events"] = nil }},
		{"events", "a list", func(c map[string]any) { c["events"] = []string{logoutEvent} }},
		{"events", "a text", func(c map[string]any) { c["events"] = logoutEvent }},
		{"events", "another event", func(c map[string]any) { c["events"] = map[string]any{"urn:other": map[string]any{}} }},
		{"events", "the event in capitals", func(c map[string]any) { c["events"] = map[string]any{strings.ToUpper(logoutEvent): map[string]any{}} }},
		{"events", "the event is null", func(c map[string]any) { c["events"] = map[string]any{logoutEvent: nil} }},
		{"events", "the event is a text", func(c map[string]any) { c["events"] = map[string]any{logoutEvent: "{}"} }},
		{"events", "the event is a list", func(c map[string]any) { c["events"] = map[string]any{logoutEvent: []any{}} }},
		{"sub", "empty", func(c map[string]any) { c["sub"] = "" }},
		{"sub", "too long", func(c map[string]any) { c["sub"] = strings.Repeat("s", session.MaxSubject+1) }},
		{"sub", "null", func(c map[string]any) { c["sub"] = nil }},
		{"sid", "empty", func(c map[string]any) { c["sid"] = "" }},
		{"sid", "too long", func(c map[string]any) { c["sid"] = strings.Repeat("s", session.MaxProvider+1) }},
		{"sid", "a number", func(c map[string]any) { c["sid"] = 5 }},
		{"subject", "neither", func(c map[string]any) { delete(c, "sub"); delete(c, "sid") }},
		{"nonce", "a nonce", func(c map[string]any) { c["nonce"] = "nonce-1" }},
		{"nonce", "null", func(c map[string]any) { c["nonce"] = nil }},
	} {
		t.Run(one.check+"/"+one.what, func(t *testing.T) {
			got, err := p.LogoutToken(t.Context(), s.logoutToken(one.spoil))
			wantLogout(t, got, err, one.check)
		})
	}
	if _, err := p.LogoutToken(t.Context(), s.logoutToken(func(c map[string]any) { c["exp"] = s.clock.in(-skew + time.Second) })); err != nil {
		t.Errorf("just expired: %v", err)
	}

	// An ID token is no logout token, and the other way round.
	got, err := p.LogoutToken(t.Context(), s.idToken(nil))
	wantLogout(t, got, err, "jti")
	s.answer(s.key.sign(t, s.logoutClaims(func(c map[string]any) { c["exp"] = s.clock.in(time.Minute) })), "")
	_, err = p.Redeem(t.Context(), code1)
	wantCheck(t, err, Refused, "nonce")
}

func TestB5_UnsoundFormsAreRefused(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	payload := toJSON(t, s.logoutClaims(nil))
	good := s.logoutToken(nil)
	parts := strings.Split(good, ".")
	signed := func(header string) string { return s.key.signRaw(t, header, payload) }
	long := func(padding int) string {
		return s.logoutToken(func(c map[string]any) { c["x"] = strings.Repeat("x", padding) })
	}
	padding := largest(MaxLogoutToken, long)
	for _, one := range []struct{ check, what, raw string }{
		{"form", "empty", ""},
		{"form", "two parts", parts[0] + "." + parts[1]},
		{"form", "four parts", good + "."},
		{"form", "five parts, as of an encrypted one", good + "." + parts[1] + "." + parts[2]},
		{"form", "no header", "." + parts[1] + "." + parts[2]},
		{"form", "no payload", parts[0] + ".." + parts[2]},
		{"form", "no signature", parts[0] + "." + parts[1] + "."},
		{"form", "white space", good + "\n"},
		{"form", "JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"form", "too large", long(padding + 1)},
		{"form", "much too large", strings.Repeat("a", 1<<20)},
		{"typ", "an access token", signed(`{"alg":"RS256","typ":"at+jwt"}`)},
		{"typ", "a security event", signed(`{"alg":"RS256","typ":"secevent+jwt"}`)},
		{"typ", "empty", signed(`{"alg":"RS256","typ":""}`)},
		{"typ", "null", signed(`{"alg":"RS256","typ":null}`)},
		{"typ", "application/ twice", signed(`{"alg":"RS256","typ":"application/application/jwt"}`)},
		{"typ", "another kind of type", signed(`{"alg":"RS256","typ":"text/jwt"}`)},
		{"header", "typ twice", signed(`{"alg":"RS256","typ":"at+jwt","typ":"logout+jwt"}`)},
		{"header", "alg twice", signed(`{"alg":"none","alg":"RS256"}`)},
		{"alg", "none", b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + b64([]byte("x"))},
		{"alg", "HS256, listed by the provider", signed(`{"alg":"HS256"}`)},
		{"alg", "ES384, not listed by the provider", signed(`{"alg":"ES384"}`)},
		{"crit", "an extension", signed(`{"alg":"RS256","crit":["b64"],"b64":false}`)},
		{"signature", "another key", testKeys()[1].signTyp(t, "logout+jwt", s.logoutClaims(nil))},
		{"signature", "another payload", parts[0] + "." + b64([]byte(strings.Replace(payload, "amara", "bjarn", 1))) + "." + parts[2]},
		{"signature", "a bit less", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-2]},
		{"claims", "no JSON", s.key.signRaw(t, `{"alg":"RS256"}`, "{")},
		{"claims", "sub twice", s.key.signRaw(t, `{"alg":"RS256"}`, `{"sub":"bjarne",`+payload[1:])},
		{"claims", "the event twice", s.key.signRaw(t, `{"alg":"RS256"}`, strings.Replace(payload, `"events":{`, `"events":{"`+logoutEvent+`":{},`, 1))},
	} {
		t.Run(one.check+"/"+one.what, func(t *testing.T) {
			got, err := p.LogoutToken(t.Context(), one.raw)
			wantLogout(t, got, err, one.check)
		})
	}
	fresh := s.provider(nil)
	if got, err := fresh.LogoutToken(t.Context(), long(padding+1)); fresh.document.last() != nil {
		t.Errorf("the document was read for a token that is too large: %+v, %v", got, err)
	}
	if _, err := p.LogoutToken(t.Context(), long(padding)); err != nil || len(long(padding)) > MaxLogoutToken {
		t.Errorf("the largest token, %d bytes: %v", len(long(padding)), err)
	}
}

// A logout token is refused exactly from the instant on from which its replay may be forgotten, or before.
func TestB5_ReplaysAreRememberedLongEnough(t *testing.T) {
	for _, exp := range []time.Duration{0, time.Minute, 5 * time.Minute, time.Hour} {
		for _, fast := range []time.Duration{0, skew} {
			s := newScripted(t)
			p := s.provider(func(c *Config) { c.ClockSkew = skew })
			raw := s.logoutToken(func(c map[string]any) {
				c["iat"] = s.clock.in(fast)
				if c["exp"] = s.clock.in(exp); exp == 0 {
					delete(c, "exp")
				}
			})
			first, err := p.LogoutToken(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			for p.now().UnixMilli() < first.Until {
				s.clock.pass(250 * time.Millisecond)
			}
			if _, err = p.LogoutToken(t.Context(), raw); err == nil {
				t.Errorf("exp in %s, clock fast by %s: taken again when it may be forgotten", exp, fast)
			}
			s.clock.pass(-1250 * time.Millisecond)
			if _, err = p.LogoutToken(t.Context(), raw); err != nil {
				t.Errorf("exp in %s, clock fast by %s: refused too early: %v", exp, fast, err)
			}
		}
	}
}

// What somebody sends says nothing of the provider; that its keys cannot be had does.
func TestB5_StateAndFaults(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	for range 3 {
		got, err := p.LogoutToken(t.Context(), testKeys()[1].sign(t, s.logoutClaims(nil)))
		wantLogout(t, got, err, "signature")
	}
	if !p.State().Up {
		t.Errorf("state after a forged token: %+v", p.State())
	}
	s.onKeys(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	p = s.provider(nil)
	_, err := p.LogoutToken(t.Context(), s.logoutToken(nil))
	if want(t, err, Unreachable, CauseServerError); p.State().Up {
		t.Errorf("state without keys: %+v", p.State())
	}
}

func TestErrorsNameTheCheck(t *testing.T) {
	if text := (&LogoutError{Check: "iss"}).Error() + (&TokenError{Check: "aud"}).Error(); !strings.Contains(text, "iss") || !strings.Contains(text, "aud") {
		t.Error(text)
	}
	var bad *json.SyntaxError
	if err := fmt.Errorf("x: %w", check("iss")); errors.As(err, &bad) || !strings.Contains(err.Error(), "iss") {
		t.Error(err)
	}
}
