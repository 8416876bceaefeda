package provider

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

var request1 = AuthRequest{State: "state-1", Nonce: "nonce-1", Verifier: code1.Verifier, RedirectURL: code1.RedirectURL}

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestAuthURL(t *testing.T) {
	s := newScripted(t)
	address, err := s.provider(nil).AuthURL(t.Context(), request1)
	if err != nil || !strings.HasPrefix(address, s.URL+"/authorize?") {
		t.Fatalf("%s, %v", address, err)
	}
	expected := url.Values{"response_type": {"code"}, "client_id": {"curfew"}, "redirect_uri": {code1.RedirectURL}, "scope": {"openid profile"}, "state": {"state-1"},
		"nonce": {"nonce-1"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(code1.Verifier)}, "code_challenge_method": {"S256"}}
	if got := query(t, address); got.Encode() != expected.Encode() {
		t.Errorf("query is %v", got)
	}
	s.set("authorization_endpoint", s.URL+"/authorize?policy=clinic")
	address, err = s.provider(nil).AuthURL(t.Context(), request1)
	if expected.Set("policy", "clinic"); err != nil || query(t, address).Encode() != expected.Encode() {
		t.Errorf("%s, %v", address, err)
	}
	for _, spoil := range []func(*AuthRequest){
		func(r *AuthRequest) { r.State = "" }, func(r *AuthRequest) { r.Nonce = "" }, func(r *AuthRequest) { r.Verifier = "" }, func(r *AuthRequest) { r.RedirectURL = "" },
	} {
		in := request1
		spoil(&in)
		_, err := s.provider(nil).AuthURL(t.Context(), in)
		want(t, err, Misconfigured, CauseInvalidRequest)
	}
}

// B1: the user is asked for credentials. A5: a refresh token is asked for where the provider gives one.
func TestPromptAndScope(t *testing.T) {
	for _, one := range []struct {
		what                          string
		credentials, offline, consent bool
		supported                     any
		scopes                        []string
		prompt, maxAge, scope         string
	}{
		{"B1", true, false, false, nil, nil, "login", "0", "openid"},
		{"A5", false, true, false, []string{"openid", "offline_access"}, nil, "", "", "openid offline_access"},
		{"not listed", false, true, true, []string{"openid"}, nil, "", "", "openid"},
		{"no list", false, true, true, nil, nil, "", "", "openid"},
		{"listed but not wanted", false, false, true, []string{"offline_access"}, nil, "", "", "openid"},
		{"consent", false, true, true, []string{"offline_access"}, nil, "consent", "", "openid offline_access"},
		{"consent and credentials", true, true, true, []string{"offline_access"}, nil, "login consent", "0", "openid offline_access"},
		{"named already", false, true, false, []string{"offline_access"}, []string{"offline_access", "email"}, "", "", "openid offline_access email"},
	} {
		s := newScripted(t)
		s.set("scopes_supported", one.supported)
		p := s.provider(func(c *Config) { c.Scopes, c.Offline, c.Consent = one.scopes, one.offline, one.consent })
		in := request1
		in.Credentials = one.credentials
		address, err := p.AuthURL(t.Context(), in)
		got := query(t, address)
		if err != nil || got.Get("prompt") != one.prompt || got.Has("prompt") != (one.prompt != "") || got.Get("max_age") != one.maxAge || got.Has("max_age") != one.credentials || got.Get("scope") != one.scope {
			t.Errorf("%s: %v, %v", one.what, got, err)
		}
	}
}

func TestCallback(t *testing.T) {
	s := newScripted(t)
	named := newScripted(t)
	named.set("authorization_response_iss_parameter_supported", true)
	for _, one := range []struct {
		what  string
		of    *scripted
		query url.Values
		kind  Kind
		cause Cause
	}{
		{"a code", s, url.Values{"code": {"c"}, "state": {"s"}}, "", ""},
		{"a code and the issuer", s, url.Values{"code": {"c"}, "iss": {s.URL}}, "", ""},
		{"a code and the issuer that it must have", named, url.Values{"code": {"c"}, "iss": {named.URL}}, "", ""},
		{"no code", s, url.Values{}, Refused, CauseInvalidGrant},
		{"a code with a line break", s, url.Values{"code": {"a\nb"}}, Refused, CauseInvalidGrant},
		{"two codes", s, url.Values{"code": {"c", "d"}}, Refused, CauseInvalidGrant},
		{"two issuers", s, url.Values{"code": {"c"}, "iss": {s.URL, "https://other.example"}}, Refused, CauseInvalidGrant},
		{"mixed up", s, url.Values{"code": {"c"}, "iss": {named.URL}}, Refused, CauseInvalidGrant},
		{"an empty issuer", s, url.Values{"code": {"c"}, "iss": {""}}, Refused, CauseInvalidGrant},
		{"mixed up, an error", s, url.Values{"error": {"server_error"}, "iss": {named.URL}}, Refused, CauseInvalidGrant},
		{"no issuer where it must be", named, url.Values{"code": {"c"}}, Refused, CauseInvalidGrant},
		{"refused", s, url.Values{"error": {"access_denied"}, "error_description": {"no"}}, Refused, CauseAccessDenied},
		{"login", s, url.Values{"error": {"login_required"}}, Refused, CauseLoginRequired},
		{"interaction", s, url.Values{"error": {"interaction_required"}}, Refused, CauseInteractionRequired},
		{"consent", s, url.Values{"error": {"consent_required"}}, Refused, CauseConsentRequired},
		{"account", s, url.Values{"error": {"account_selection_required"}}, Refused, CauseAccountSelectionRequired},
		{"an error and a code", s, url.Values{"error": {"access_denied"}, "code": {"c"}}, Refused, CauseAccessDenied},
		{"two errors", s, url.Values{"error": {"access_denied", "server_error"}}, Refused, CauseInvalidGrant},
		{"scope", s, url.Values{"error": {"invalid_scope"}}, Misconfigured, CauseInvalidScope},
		{"busy", s, url.Values{"error": {"temporarily_unavailable"}}, Unreachable, CauseServerError},
		{"unknown", s, url.Values{"error": {"bored"}}, Misconfigured, CauseClientError},
		{"empty", s, url.Values{"error": {""}}, Misconfigured, CauseClientError},
	} {
		p := one.of.provider(nil)
		code, err := p.Callback(t.Context(), one.query)
		if one.kind == "" {
			if err != nil || code != "c" {
				t.Errorf("%s: %q, %v", one.what, code, err)
			}
			continue
		}
		if want(t, err, one.kind, one.cause); code != "" || p.State().Kind != "" {
			t.Errorf("%s: %q, %+v", one.what, code, p.State())
		}
	}
}

// B4: the browser is led to the end of the provider's own session.
func TestB4_EndSession(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	address, ok, err := p.EndSession(t.Context(), EndSession{Hint: "a.b.c", Back: "https://app.example/.curfew/signed-out?x=1&y", State: "s t"})
	expected := url.Values{"client_id": {"curfew"}, "id_token_hint": {"a.b.c"}, "post_logout_redirect_uri": {"https://app.example/.curfew/signed-out?x=1&y"}, "state": {"s t"}}
	if err != nil || !ok || !strings.HasPrefix(address, s.URL+"/end?") || query(t, address).Encode() != expected.Encode() {
		t.Errorf("%s, %t, %v", address, ok, err)
	}
	address, ok, err = p.EndSession(t.Context(), EndSession{})
	if err != nil || !ok || address != s.URL+"/end?client_id=curfew" {
		t.Errorf("%s, %t, %v", address, ok, err)
	}

	s.set("end_session_endpoint", s.URL+"/end?policy=clinic&client_id=none")
	address, ok, err = s.provider(nil).EndSession(t.Context(), EndSession{State: "s"})
	if err != nil || !ok || query(t, address).Encode() != "client_id=curfew&policy=clinic&state=s" {
		t.Errorf("%s, %t, %v", address, ok, err)
	}

	s.set("end_session_endpoint", nil)
	if address, ok, err = s.provider(nil).EndSession(t.Context(), EndSession{}); err != nil || ok || address != "" {
		t.Errorf("without an address: %s, %t, %v", address, ok, err)
	}
	down := s.provider(nil)
	s.Close()
	_, ok, err = down.EndSession(t.Context(), EndSession{})
	if want(t, err, Unreachable, CauseConnection); ok {
		t.Error("ok with an error")
	}
}
