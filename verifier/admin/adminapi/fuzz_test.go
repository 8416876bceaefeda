package adminapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
)

// Whatever an environment's administrator asks: the verifier is never at fault, a refusal is typed, and nothing of another environment
// changes.
func FuzzAPI(f *testing.F) {
	w := newWorld(f)
	id := w.signIn("clinic", "zoe-4711").ID.String()
	w.signIn("bank", "noah-0815")
	for address, r := range requests(id) {
		path, query, _ := strings.Cut(r.path, "?")
		f.Add(address.Method, path, query, r.body, "1")
	}
	f.Add("PATCH", "environments/clinic", "dry_run=1", `{"preset":"hipaa","preset_inactivity":"15m","origins":["x"],"switches":{"AllowCustomSessionDuration":"on"}}`, "1")
	f.Add("GET", "audit", "environment=clinic&kind=ended,warned&from=24h+ago&limit=3&ascending=1", "", "")
	f.Fuzz(func(t *testing.T, method, path, query, body, tag string) {
		r, err := http.NewRequest(method, "http://localhost", strings.NewReader(body))
		if err != nil {
			return
		}
		r.URL = &url.URL{Scheme: "http", Host: "localhost", Path: adminapi.Prefix + path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+clinicToken)
		r.Header.Set("Content-Type", "application/json")
		if tag != "" {
			r.Header.Set("If-Match", `"`+tag+`"`)
		}
		before := w.everythingOf(t, "bank")
		got := httptest.NewRecorder()
		w.handler.ServeHTTP(got, r)
		if got.Code >= 500 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
		if got.Code >= 400 {
			var refused admin.Error
			status, known := 0, false
			if err := json.Unmarshal(got.Body.Bytes(), &refused); err == nil {
				status, known = adminapi.Status(refused.Code)
			}
			if !known || status != got.Code {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		}
		if strings.Contains(got.Body.String(), "noah-0815") {
			t.Errorf("it tells of another environment: %s", got.Body)
		}
		if after := w.everythingOf(t, "bank"); before != after {
			t.Errorf("another environment changed:\n%s\n%s", before, after)
		}
	})
}

// everythingOf is all that there is of one environment.
func (w *world) everythingOf(t *testing.T, id string) string {
	t.Helper()
	root := admin.Actor{Name: "test", All: true}
	environment, err := w.admin.Environment(t.Context(), root, id)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := w.admin.Sessions(t.Context(), root, admin.SessionQuery{Environment: id, State: admin.Any})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{environment, sessions})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
