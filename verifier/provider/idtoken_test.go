package provider

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/curfew-project/curfew/verifier/session"
)

const skew = 30 * time.Second

// unsoundTokens spoils a sound ID token in one way each; the check that must find it comes first.
var unsoundTokens = []struct {
	check, what string
	spoil       func(s *scripted, c map[string]any)
}{
	{"aud", "no audience", func(_ *scripted, c map[string]any) { delete(c, "aud") }},
	{"aud", "null audience", func(_ *scripted, c map[string]any) { c["aud"] = nil }},
	{"aud", "empty list", func(_ *scripted, c map[string]any) { c["aud"] = []string{} }},
	{"aud", "another client", func(_ *scripted, c map[string]any) { c["aud"] = "other" }},
	{"aud", "name that begins alike", func(_ *scripted, c map[string]any) { c["aud"] = c["aud"].(string) + "2" }},
	{"aud", "other clients", func(_ *scripted, c map[string]any) { c["aud"] = []string{"other", "third"} }},
	{"aud", "a list with null", func(_ *scripted, c map[string]any) { c["aud"] = []any{c["aud"], nil} }},
	{"aud", "a number", func(_ *scripted, c map[string]any) { c["aud"] = 5 }},
	{"azp", "another party", func(_ *scripted, c map[string]any) { c["azp"] = "other" }},
	{"azp", "null party", func(_ *scripted, c map[string]any) { c["azp"] = nil }},
	{"azp", "more audiences and no party", func(_ *scripted, c map[string]any) { c["aud"] = []any{c["aud"], "other"} }},
	{"azp", "more audiences and another party", func(_ *scripted, c map[string]any) { c["aud"], c["azp"] = []any{c["aud"], "other"}, "other" }},
	{"exp", "no exp", func(_ *scripted, c map[string]any) { delete(c, "exp") }},
	{"exp", "expired", func(s *scripted, c map[string]any) { c["exp"] = s.clock.in(-skew) }},
	{"exp", "a text", func(_ *scripted, c map[string]any) { c["exp"] = "1900000000" }},
	{"exp", "after the year 9999", func(_ *scripted, c map[string]any) { c["exp"] = int64(253402300800) }},
	{"iat", "no iat", func(_ *scripted, c map[string]any) { delete(c, "iat") }},
	{"iat", "in the future", func(s *scripted, c map[string]any) { c["iat"] = s.clock.in(ahead + 2*time.Second) }},
	{"iat", "negative", func(_ *scripted, c map[string]any) { c["iat"] = -5 }},
	{"iat", "true", func(_ *scripted, c map[string]any) { c["iat"] = true }},
	{"nbf", "not yet", func(s *scripted, c map[string]any) { c["nbf"] = s.clock.in(ahead + 2*time.Second) }},
	{"nbf", "null", func(_ *scripted, c map[string]any) { c["nbf"] = nil }},
	{"auth_time", "in the future", func(s *scripted, c map[string]any) { c["auth_time"] = s.clock.in(ahead + 2*time.Second) }},
	{"auth_time", "a text", func(s *scripted, c map[string]any) { c["auth_time"] = "1800000000" }},
	{"sub", "no sub", func(_ *scripted, c map[string]any) { delete(c, "sub") }},
	{"sub", "empty sub", func(_ *scripted, c map[string]any) { c["sub"] = "" }},
	{"sub", "a number", func(_ *scripted, c map[string]any) { c["sub"] = 7 }},
	{"sub", "too long", func(_ *scripted, c map[string]any) { c["sub"] = strings.Repeat("a", session.MaxSubject+1) }},
	{"sub", "a line break", func(_ *scripted, c map[string]any) { c["sub"] = "ama\nra" }},
	{"sub", "a character that is none", func(_ *scripted, c map[string]any) { c["sub"] = "amara\ufffd" }},
	{"sid", "empty sid", func(_ *scripted, c map[string]any) { c["sid"] = "" }},
	{"sid", "too long", func(_ *scripted, c map[string]any) { c["sid"] = strings.Repeat("a", session.MaxProvider+1) }},
	{"nonce", "a number", func(_ *scripted, c map[string]any) { c["nonce"] = 1 }},
	{"nonce", "null nonce", func(_ *scripted, c map[string]any) { c["nonce"] = nil }},
	{"nonce", "another nonce", func(_ *scripted, c map[string]any) { c["nonce"] = "nonce-2" }},
	{"nonce", "longer nonce", func(_ *scripted, c map[string]any) { c["nonce"] = "nonce-11" }},
	{"iss", "no issuer", func(_ *scripted, c map[string]any) { delete(c, "iss") }},
	{"iss", "a list", func(s *scripted, c map[string]any) { c["iss"] = []string{s.URL} }},
}

// Each way into the package runs every check (B2, A6): none is skipped on one of them.
func TestUnsoundIDTokensAreRefused(t *testing.T) {
	s := newScripted(t)
	p := s.provider(func(c *Config) { c.ClockSkew = skew })
	for _, one := range unsoundTokens {
		t.Run(one.check+"/"+one.what, func(t *testing.T) {
			raw := s.idToken(func(c map[string]any) { one.spoil(s, c) })
			s.answer(raw, "")
			_, err := p.Redeem(t.Context(), code1)
			if one.check == "nonce" && strings.HasSuffix(one.what, "er nonce") { // well formed, of another sign-in
				wantCheck(t, err, Refused, one.check)
			} else {
				wantCheck(t, err, Unreachable, one.check)
			}
			_, err = p.Refresh(t.Context(), s.refresh(), dontKeep(t))
			wantCheck(t, err, Unreachable, one.check)

			raw = s.idToken(func(c map[string]any) { c["aud"] = "app"; one.spoil(s, c) })
			_, err = p.HandedIn(t.Context(), raw, "nonce-1")
			wantCheck(t, err, Refused, one.check)
		})
	}
}

// A missing nonce is no nonce of ours at a sign-in; a refresh may leave it out (OpenID Connect Core section 12.2).
func TestMissingNonce(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	s.answer(s.idToken(func(c map[string]any) { delete(c, "nonce") }), "")
	_, err := p.Redeem(t.Context(), code1)
	wantCheck(t, err, Refused, "nonce")
	unbound := code1
	unbound.Nonce = ""
	_, err = p.Redeem(t.Context(), unbound)
	wantCheck(t, err, Refused, "nonce")
	if _, err = p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
		t.Errorf("a refresh without nonce: %v", err)
	}
	_, err = p.HandedIn(t.Context(), s.idToken(func(c map[string]any) { c["aud"] = "app"; delete(c, "nonce") }), "")
	wantCheck(t, err, Refused, "nonce")
	_, err = p.HandedIn(t.Context(), s.idToken(func(c map[string]any) { c["aud"] = "app" }), "")
	wantCheck(t, err, Refused, "nonce")
}

func TestSoundIDTokensAreTaken(t *testing.T) {
	s := newScripted(t)
	p := s.provider(func(c *Config) { c.ClockSkew = skew })
	for what, change := range map[string]func(map[string]any){
		"as it is":               nil,
		"for ages":               func(c map[string]any) { c["exp"] = int64(253402300799) },
		"sixteen levels":         func(c map[string]any) { c["x"] = json.RawMessage(strings.Repeat("[", 15) + strings.Repeat("]", 15)) },
		"several audiences":      func(c map[string]any) { c["aud"], c["azp"] = []string{"other", "curfew"}, "curfew" },
		"a list of one audience": func(c map[string]any) { c["aud"] = []string{"curfew"} },
		"just expired":           func(c map[string]any) { c["exp"] = s.clock.in(-skew + time.Second) },
		"issued by a fast clock": func(c map[string]any) {
			c["iat"], c["nbf"] = s.clock.in(ahead+time.Second), s.clock.in(ahead+time.Second)
		},
		"fractions":                func(c map[string]any) { c["iat"] = 1_799_999_990.75 },
		"no auth_time, sid, name":  func(c map[string]any) { delete(c, "auth_time"); delete(c, "sid"); delete(c, "name") },
		"the longest sub and sid":  func(c map[string]any) { c["sub"], c["sid"] = strings.Repeat("a", 255), strings.Repeat("b", 255) },
		"a claim nobody knows":     func(c map[string]any) { c["address"] = map[string]any{"street": []any{1, nil, "x"}} },
		"a claim of the same word": func(c map[string]any) { c["Nonce"], c["NONCE"] = "other", "third" },
	} {
		s.answer(s.idToken(change), "")
		if _, err := p.Redeem(t.Context(), code1); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// By the clock's own seconds: a token is good up to its exp and not at it, and one whose iat was rounded up is no prophecy.
func TestInstantsWithoutSkew(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	for _, one := range []struct {
		claim string
		in    time.Duration
		check string
	}{
		{"exp", time.Second, ""}, {"exp", 0, "exp"},
		{"iat", ahead + time.Second, ""}, {"iat", ahead + 2*time.Second, "iat"},
		{"auth_time", ahead + time.Second, ""}, {"auth_time", ahead + 2*time.Second, "auth_time"},
	} {
		s.answer(s.idToken(func(c map[string]any) { c[one.claim] = s.clock.in(one.in) }), "")
		_, err := p.Redeem(t.Context(), code1)
		if one.check == "" && err != nil {
			t.Errorf("%s in %s: %v", one.claim, one.in, err)
		} else if one.check != "" {
			wantCheck(t, err, Unreachable, one.check)
		}
	}
	s.clock.ms.Store(start / 1000 * 1000) // exactly at its exp
	s.answer(s.idToken(func(c map[string]any) { c["exp"] = s.clock.in(0) }), "")
	_, err := p.Redeem(t.Context(), code1)
	wantCheck(t, err, Unreachable, "exp")
}

// The outside of an ID token: form, header, signature.
func TestUnsoundFormsAreRefused(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	good := s.idToken(nil)
	parts := strings.Split(good, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	stranger := testKeys()[1]
	signed := func(header string) string { return s.key.signRaw(t, header, string(payload)) }
	for _, one := range []struct{ check, what, raw string }{
		{"form", "no dots", "token"},
		{"form", "two parts", parts[0] + "." + parts[1]},
		{"form", "four parts", good + "." + parts[2]},
		{"form", "no signature", parts[0] + "." + parts[1] + "."},
		{"form", "padding", parts[0] + "." + parts[1] + "." + parts[2] + "=="},
		{"form", "a line break", parts[0] + ".\n" + parts[1] + "." + parts[2]},
		{"form", "white space around", " " + good},
		{"form", "JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"header", "no JSON", signed(`alg`)},
		{"header", "a list", signed(`["RS256"]`)},
		{"header", "alg twice", signed(`{"alg":"RS256","alg":"RS256"}`)},
		{"header", "kid is no text", signed(`{"alg":"RS256","kid":5}`)},
		{"alg", "no alg", signed(`{"kid":"rsa-1"}`)},
		{"alg", "none", b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + b64([]byte("x"))},
		{"alg", "HS256, listed by the provider", signed(`{"alg":"HS256","kid":"rsa-1"}`)},
		{"alg", "PS256, not listed by the provider", signed(`{"alg":"PS256","kid":"rsa-1"}`)},
		{"alg", "in capitals", signed(`{"alg":"rs256","kid":"rsa-1"}`)},
		{"typ", "a logout token", signed(`{"alg":"RS256","kid":"rsa-1","typ":"logout+jwt"}`)},
		{"typ", "an access token", signed(`{"alg":"RS256","kid":"rsa-1","typ":"at+jwt"}`)},
		{"typ", "null", signed(`{"alg":"RS256","kid":"rsa-1","typ":null}`)},
		{"crit", "an extension", signed(`{"alg":"RS256","kid":"rsa-1","crit":["exp"],"exp":1}`)},
		{"crit", "b64", signed(`{"alg":"RS256","kid":"rsa-1","crit":["b64"],"b64":true}`)},
		{"signature", "another key", stranger.signRaw(t, `{"alg":"RS256","kid":"rsa-1"}`, string(payload))},
		{"signature", "another key with its own ID", stranger.signRaw(t, `{"alg":"RS256","kid":"rsa-2"}`, string(payload))},
		{"signature", "a key that it brings along", stranger.signRaw(t, `{"alg":"RS256","jwk":`+toJSON(t, stranger.public())+`}`, string(payload))},
		{"signature", "ES256 with an RSA key", testKeys()[2].signRaw(t, `{"alg":"ES256","kid":"rsa-1"}`, string(payload))},
		{"signature", "changed payload", parts[0] + "." + b64([]byte(strings.Replace(string(payload), "amara", "bjarn", 1))) + "." + parts[2]},
		{"claims", "no JSON", s.key.signRaw(t, `{"alg":"RS256"}`, "claims")},
		{"claims", "null", s.key.signRaw(t, `{"alg":"RS256"}`, "null")},
		{"claims", "two values", s.key.signRaw(t, `{"alg":"RS256"}`, string(payload)+"{}")},
		{"claims", "sub twice", s.key.signRaw(t, `{"alg":"RS256"}`, `{"sub":"bjarne",`+string(payload[1:]))},
		{"claims", "sub twice, once escaped", s.key.signRaw(t, `{"alg":"RS256"}`, `{"s\u0075b":"bjarne",`+string(payload[1:]))},
		{"claims", "twice further in", s.key.signRaw(t, `{"alg":"RS256"}`, `{"x":[{"a":1,"a":1}],`+string(payload[1:]))},
		{"claims", "deep", s.key.signRaw(t, `{"alg":"RS256"}`, `{"x":`+strings.Repeat("[", 16)+strings.Repeat("]", 16)+`,`+string(payload[1:]))},
		{"claims", "not UTF-8", s.key.signRaw(t, `{"alg":"RS256"}`, `{"x":"`+"\xff"+`",`+string(payload[1:]))},
	} {
		t.Run(one.check+"/"+one.what, func(t *testing.T) {
			s.clock.pass(time.Minute) // so that the keys may be fetched again each time
			s.answer(one.raw, "")
			_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
			wantCheck(t, err, Unreachable, one.check)
			_, err = p.HandedIn(t.Context(), one.raw, "nonce-1")
			wantCheck(t, err, Refused, one.check)
		})
	}
	for what, raw := range map[string]string{
		"no typ":             signed(`{"alg":"RS256","kid":"rsa-1"}`),
		"no kid":             signed(`{"alg":"RS256"}`),
		"typ in small":       signed(`{"alg":"RS256","kid":"rsa-1","typ":"jwt"}`),
		"typ application/…":  signed(`{"alg":"RS256","kid":"rsa-1","typ":"application/JWT"}`),
		"x5t and others too": signed(`{"alg":"RS256","kid":"rsa-1","x5t":"AAAA","foo":{"bar":1}}`),
	} {
		s.clock.ms.Store(start)
		s.answer(raw, "")
		if _, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	s := newScripted(t)
	raw := s.idToken(func(c map[string]any) {
		c["amr"] = []any{"pwd", 5, true, nil}
		c["preferred_username"] = "amara@clinic.example"
	})
	s.answer(raw, "")
	got, err := s.provider(func(c *Config) { c.StayClaim, c.StayValue = "amr", "pwd" }).Redeem(t.Context(), code1)
	expected := session.Identity{Issuer: s.URL, Subject: "amara", Name: "Dr Amara", AuthTime: s.clock.seconds() - 60, Provider: "provider-session", Stay: true, IDToken: raw}
	if err != nil || got.Identity != expected {
		t.Errorf("identity is %+v, %v\nwant %+v", got.Identity, err, expected)
	}

	long := strings.Repeat("é", session.MaxName)
	for _, one := range []struct {
		what           string
		name, username any
		expected       string
	}{
		{"no name", nil, "amara@clinic.example", "amara@clinic.example"},
		{"empty name", "", "amara@clinic.example", "amara@clinic.example"},
		{"a name that is none", 5, "amara@clinic.example", "amara@clinic.example"},
		{"a name with a line break", "Dr\r\nAmara", "amara@clinic.example", "amara@clinic.example"},
		{"neither", nil, nil, ""},
		{"the longest name", long[:session.MaxName], nil, long[:session.MaxName]},
		{"a long name", "x" + long, nil, "x" + long[:254]},
	} {
		s.answer(s.idToken(func(c map[string]any) { c["name"], c["preferred_username"] = one.name, one.username }), "")
		got, err := s.provider(nil).Redeem(t.Context(), code1)
		if err != nil || got.Name != one.expected || len(got.Name) > session.MaxName || !utf8.ValidString(got.Name) {
			t.Errorf("%s: %q, %v; want %q", one.what, got.Name, err, one.expected)
		}
	}
}

// A7: the provider may say that the user chose to stay signed in.
func TestStay(t *testing.T) {
	for _, one := range []struct {
		claim, value, said string
		stay               bool
	}{
		{"signin_state", "kmsi", `["dvc_mngd","kmsi"]`, true},
		{"signin_state", "kmsi", `["dvc_mngd"]`, false},
		{"signin_state", "kmsi", `"kmsi"`, true},
		{"signin_state", "kmsi", `"kmsi inknownntwk"`, false},
		{"signin_state", "kmsi", `{"kmsi":"kmsi"}`, false},
		{"signin_state", "kmsi", `[["kmsi"]]`, false},
		{"remember", "true", `true`, true},
		{"remember", "true", `"true"`, true},
		{"remember", "true", `false`, false},
		{"remember", "true", `[false, true]`, true},
		{"remember", "1", `1`, true},
		{"remember", "1", `11`, false},
		{"remember", "null", `null`, false},
		{"remember", "", `""`, false},
		{"", "kmsi", `"kmsi"`, false},
		{"other", "kmsi", `"kmsi"`, false},
	} {
		said := claims{}
		name := one.claim
		if name == "other" {
			name = "signin_state"
		}
		said[name] = []byte(one.said)
		if got := said.says(one.claim, one.value); got != one.stay {
			t.Errorf("%s = %q of %s: %t", one.claim, one.value, one.said, got)
		}
	}
}
