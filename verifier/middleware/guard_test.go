package middleware

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
)

type checkerFunc func(*http.Request) Verdict

func (f checkerFunc) Check(r *http.Request) Verdict { return f(r) }

func TestGuard(t *testing.T) {
	ended := Verdict{Status: 401, Refusal: wire.Refusal{Error: wire.SessionEnded, Reason: wire.Inactivity, SignIn: "/.curfew/sign-in?return_to=%2Fa"}}
	stale := Verdict{Status: 401, Refusal: wire.Refusal{Error: wire.StaleCookie, Resume: "/.curfew/resume?return_to=%2Fa"}}
	down := Verdict{Status: 503, Refusal: wire.Refusal{Error: wire.Unavailable}}
	for name, c := range map[string]struct {
		verdict  Verdict
		header   [2]string
		status   int
		location string
	}{
		"navigation after the end":         {ended, [2]string{"Sec-Fetch-Mode", "navigate"}, 303, ended.Refusal.SignIn},
		"navigation with a stale cookie":   {stale, [2]string{"Sec-Fetch-Mode", "navigate"}, 303, stale.Refusal.Resume},
		"navigation of an older browser":   {ended, [2]string{"Accept", "text/html,*/*"}, 303, ended.Refusal.SignIn},
		"fetch":                            {ended, [2]string{"Sec-Fetch-Mode", "cors"}, 401, ""},
		"image":                            {ended, [2]string{"Sec-Fetch-Mode", "no-cors"}, 401, ""},
		"program":                          {ended, [2]string{"Accept", "application/json"}, 401, ""},
		"navigation while the store fails": {down, [2]string{"Sec-Fetch-Mode", "navigate"}, 503, ""},
		"a verdict without a status":       {Verdict{}, [2]string{"Sec-Fetch-Mode", "navigate"}, 401, ""},
	} {
		reached := false
		guard := Guard(checkerFunc(func(*http.Request) Verdict { return c.verdict }), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
		request := httptest.NewRequest(http.MethodGet, "/a", nil)
		request.Header.Set(c.header[0], c.header[1])
		answer := httptest.NewRecorder()
		guard.ServeHTTP(answer, request)
		if reached {
			t.Fatalf("%s: let through", name)
		}
		if answer.Code != c.status || answer.Header().Get("Location") != c.location || answer.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d to %q, %v", name, answer.Code, answer.Header().Get("Location"), answer.Header())
		}
		var refusal wire.Refusal
		if c.status != 303 && (json.Unmarshal(answer.Body.Bytes(), &refusal) != nil || refusal != c.verdict.Refusal) {
			t.Errorf("%s: answered %s", name, answer.Body)
		}
	}
}

func TestGuardTellsWhoIsThere(t *testing.T) {
	want := User{Issuer: "https://login.example", Subject: "amara", Name: "Dr Amara", Session: "s"}
	guard := Guard(checkerFunc(func(*http.Request) Verdict { return Verdict{Allowed: true, User: want} }),
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got, ok := UserOf(r.Context()); !ok || got != want {
				t.Errorf("%+v, %v", got, ok)
			}
		}))
	guard.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	if _, ok := UserOf(t.Context()); ok {
		t.Error("a request that passed no guard has a user")
	}
}
