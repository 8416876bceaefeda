package clinic

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2031, time.March, 4, 9, 30, 0, 0, time.UTC)

func testConfig() Config {
	return Config{
		AgentSrc: "/.curfew/agent.js", SignInPath: "/.curfew/sign-in", SignOutPath: "/.curfew/sign-out",
		User: func(r *http.Request) (string, bool) {
			name := r.Header.Get("Test-User")
			return name, name != ""
		},
		Now:          func() time.Time { return testNow },
		Notice:       "The timeout is one minute.",
		Accounts:     []Account{{"amara", "fern-and-moss", "Physician"}, {"wren", "quiet-harbour", "Nurse"}},
		AccountsPage: "https://id.example.test/admin?a=1&b=2", CheckWithin: "a minute or so",
	}
}

func newClinic(t *testing.T) http.Handler {
	t.Helper()
	h, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, path, user string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "https://clinic.example.test"+path, nil)
	if user != "" {
		r.Header.Set("Test-User", user)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// postNote sends a note as the record's form does, with more headers.
func postNote(h http.Handler, id, user, note string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "https://clinic.example.test/patients/"+id+"/notes", strings.NewReader(url.Values{"note": {note}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		r.Header.Set("Test-User", user)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestConfigIsChecked(t *testing.T) {
	tests := map[string]func(*Config){
		"no user":               func(c *Config) { c.User = nil },
		"no clock":              func(c *Config) { c.Now = nil },
		"no agent":              func(c *Config) { c.AgentSrc = "" },
		"agent elsewhere":       func(c *Config) { c.AgentSrc = "https://cdn.example.test/agent.js" },
		"agent on another host": func(c *Config) { c.AgentSrc = "//cdn.example.test/agent.js" },
		"relative sign-in":      func(c *Config) { c.SignInPath = "sign-in" },
		"no sign-out":           func(c *Config) { c.SignOutPath = "" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			change(&c)
			if h, err := New(c); h != nil || !errors.Is(err, ErrConfig) {
				t.Errorf("New gave %v, %v; want an ErrConfig", h, err)
			}
		})
	}
}
