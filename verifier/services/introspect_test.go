package services_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// RFC 7662: what a service learns of a session by the cookie's value, and by an access token.
func TestIntrospect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.signIn(w.clinic, "amara")
	token := p.token()
	for name, c := range map[string]struct{ token, kind string }{"cookie": {p.cookie, ""}, "access token": {token.Token, "DPoP"}} {
		for how, header := range map[string]http.Header{"basic": basic("app", appSecret), "bearer": {"Authorization": {"Bearer " + appSecret}}} {
			status, body, h := w.post(w.clinic, "introspect", url.Values{"token": {c.token}, "token_type_hint": {"whatever"}}, header)
			var got map[string]any
			if err := json.Unmarshal(body, &got); err != nil || status != 200 {
				t.Fatalf("%s, %s: %d %s", name, how, status, body)
			}
			want := map[string]any{"active": true, "iss": "https://login.example", "sub": "amara", "client_id": "client-of-clinic", "aud": "https://records.example",
				"sid": p.session.ID.String(), "exp": float64(start/1000 + 300), "auth_time": float64(start/1000 - 60), "cnf": map[string]any{"jkt": p.session.Key.String()}}
			if c.kind != "" {
				want["token_type"] = c.kind
			}
			if text, _ := json.Marshal(want); string(text) != string(mustJSON(t, got)) {
				t.Errorf("%s, %s: %s, want %s", name, how, body, text)
			}
			if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
				t.Errorf("headers: %v", h)
			}
		}
	}
	// D6: exp never lies beyond the deadline, which is 14 minutes and some after the last activity.
	w.pass(15*time.Minute - 1500*time.Millisecond)
	fresh := w.renewed(p)
	_, body, _ := w.post(w.clinic, "introspect", url.Values{"token": {fresh}}, basic("app", appSecret))
	if !strings.Contains(string(body), `"exp":1800000900,`) {
		t.Errorf("near the deadline: %s", body)
	}
}

// What is not active is all the same to a service, and it is not told why.
func TestIntrospect_TellsNobodyWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, ended, theirs := w.signIn(w.clinic, "amara"), w.signIn(w.clinic, "wren"), w.signIn(w.bank, "amara")
	token := p.token().Token
	ended.end()
	inactive := func(name, token string) {
		t.Helper()
		status, body, _ := w.post(w.clinic, "introspect", url.Values{"token": {token}}, basic("app", appSecret))
		if status != 200 || strings.TrimSpace(string(body)) != `{"active":false}` {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	inactive("an ended session", ended.cookie)
	inactive("another environment's cookie", theirs.cookie)
	inactive("a forged one", p.cookie[:len(p.cookie)-4]+"AAAA")
	inactive("a session's ID", p.session.ID.String())
	inactive("an oversized one", strings.Repeat("a", 9000))
	w.pass(5 * time.Minute)
	inactive("an old cookie", p.cookie)
	inactive("an old access token", token)
}

// P6, P8: nobody but a service of the environment learns anything, and nobody can try secrets quickly.
func TestP6_OnlyServicesMayAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.signIn(w.clinic, "amara")
	form := url.Values{"token": {p.cookie}, "cookie": {p.cookie}}
	for name, header := range map[string]http.Header{
		"nobody":                        {},
		"another environment's service": basic("bank-app", bankSecret),
		"its secret with this name":     basic("app", bankSecret),
		"the secret with another name":  basic("bank-app", appSecret),
		"no secret":                     basic("app", ""),
		"a bearer of another":           {"Authorization": {"Bearer " + bankSecret}},
		"two at once":                   {"Authorization": {"Bearer " + appSecret, "Bearer " + appSecret}},
		"an unknown scheme":             {"Authorization": {"Digest " + appSecret}},
		"not encoded as RFC 6749 says":  {"Authorization": {"Basic YXBwOiUlJQ=="}}, // app:%%%
	} {
		for _, endpoint := range []string{"introspect", "verdict", "endings"} {
			status, body, h := w.post(w.clinic, endpoint, form, header.Clone())
			if status != 401 || strings.TrimSpace(string(body)) != `{"error":"invalid_client"}` || len(h.Values("WWW-Authenticate")) != 2 || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s at %s: %d %s %v", name, endpoint, status, body, h)
			}
		}
	}
	// From now on they are answered slowly and not recorded; a right secret is not held up.
	before := len(w.recorded())
	slowed := 0
	for range 60 {
		if status, _, h := w.post(w.clinic, "introspect", form, basic("app", "wrong")); status == http.StatusTooManyRequests && h.Get("Retry-After") != "" {
			slowed++
		}
	}
	if slowed < 30 || len(w.recorded())-before > 30 {
		t.Errorf("%d of 60 were slowed down, %d recorded", slowed, len(w.recorded())-before)
	}
	if status, _, _ := w.post(w.clinic, "introspect", form, basic("app", appSecret)); status != 200 {
		t.Errorf("the service itself: %d", status)
	}
}

// RFC 6749 section 5.2: what is malformed is refused as such.
func TestP8_MalformedQuestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	with := func(kind string) http.Header {
		h := basic("app", appSecret)
		h.Set("Content-Type", kind)
		return h
	}
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		endpoint string
		form     url.Values
		header   http.Header
	}{
		"no token":           {"introspect", url.Values{}, with(form)},
		"two tokens":         {"introspect", url.Values{"token": {"a", "b"}}, with(form)},
		"two hints":          {"introspect", url.Values{"token": {"a"}, "token_type_hint": {"a", "b"}}, with(form)},
		"JSON":               {"introspect", url.Values{"token": {"a"}}, with("application/json")},
		"in the address":     {"introspect?token=a", url.Values{}, with(form)},
		"too large":          {"introspect", url.Values{"token": {strings.Repeat("a", 64<<10)}}, with(form)},
		"nothing to judge":   {"verdict", url.Values{}, with(form)},
		"two things":         {"verdict", url.Values{"cookie": {"a"}, "access_token": {"a"}}, with(form)},
		"two cookies":        {"verdict", url.Values{"cookie": {"a", "b"}}, with(form)},
		"after is no number": {"endings", url.Values{"feed": {"a"}, "after": {"-1"}}, with(form)},
	} {
		status, body, h := w.post(w.clinic, c.endpoint, c.form, c.header)
		if status != 400 || !strings.Contains(string(body), `"error":"invalid_request"`) || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	h := basic("app", appSecret)
	h.Set("Origin", "https://evil.example")
	if status, _, _ := w.post(w.clinic, "introspect", url.Values{"token": {"a"}}, h); status != 403 {
		t.Errorf("from a page of another origin: %d", status)
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
