package provider

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestConfigIsChecked(t *testing.T) {
	good := func() Config {
		return Config{
			Issuer:  "https://id.example.test/idp",
			Clients: []Client{{ID: "app", Secret: "x", RedirectURIs: []string{"https://app.example.test/cb"}}},
			Users:   []User{{Name: "a", Password: "b"}},
			Now:     time.Now,
		}
	}
	if _, err := New(good()); err != nil {
		t.Fatalf("a good configuration is refused: %v", err)
	}
	tests := []struct {
		name, want string
		change     func(*Config)
	}{
		{"no clock", "Now", func(c *Config) { c.Now = nil }},
		{"no users", "user", func(c *Config) { c.Users = nil }},
		{"no clients", "client", func(c *Config) { c.Clients = nil }},
		{"no issuer", "issuer", func(c *Config) { c.Issuer = "" }},
		{"plain http issuer", "https", func(c *Config) { c.Issuer = "http://id.example.test" }},
		{"issuer with a query", "query", func(c *Config) { c.Issuer += "?a=b" }},
		{"issuer with a fragment", "fragment", func(c *Config) { c.Issuer += "#x" }},
		{"plain http redirect", "https", func(c *Config) { c.Clients[0].RedirectURIs[0] = "http://app.example.test/cb" }},
		{"relative redirect", "absolute", func(c *Config) { c.Clients[0].RedirectURIs[0] = "/cb" }},
		{"script redirect", "absolute", func(c *Config) { c.Clients[0].PostLogoutRedirectURIs = []string{"javascript:alert(1)"} }},
		{"no redirect", "redirect", func(c *Config) { c.Clients[0].RedirectURIs = nil }},
		{"script as logout address", "absolute", func(c *Config) { c.Clients[0].BackchannelLogoutURI = "javascript:alert(1)" }},
		{"plain http logout address", "https", func(c *Config) { c.Clients[0].BackchannelLogoutURI = "http://app.example.test/out" }},
		{"admin page for everybody", "loopback", func(c *Config) { c.Admin = true }},
		{"client twice", `client "app"`, func(c *Config) { c.Clients = append(c.Clients, c.Clients[0]) }},
		{"user twice", `user " A"`, func(c *Config) { c.Users = append(c.Users, User{Name: " A", Password: "c"}) }},
		{"empty password", `user "a"`, func(c *Config) { c.Users[0].Password = "" }},
		{"no randomness", "randomness", func(c *Config) { c.Rand = strings.NewReader("short") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			p, err := New(c)
			if err == nil || p != nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, %v; want an error that names %q", p, err, tt.want)
			}
			if tt.want != "randomness" && !errors.Is(err, ErrConfig) {
				t.Errorf("%v is not an ErrConfig", err)
			}
		})
	}
}

// Forgetting is allowed, growing without bound is not.
func TestMakeRoom(t *testing.T) {
	m := map[int]int{}
	for i := range 100 {
		makeRoom(m, 10, func(v int) bool { return v%2 == 0 })
		m[i] = i
	}
	if len(m) != 10 {
		t.Errorf("%d entries, want 10", len(m))
	}
	if _, ok := m[99]; !ok {
		t.Error("the newest entry is gone")
	}
}

// Over https the cookies never travel in clear text.
func TestCookiesAreGuarded(t *testing.T) {
	p, err := New(Config{
		Issuer:  "https://id.example.test/idp",
		Clients: []Client{{ID: "app", RedirectURIs: []string{"https://app.example.test/cb"}}},
		Users:   []User{{Name: "a", Password: "b"}},
		Now:     time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, httptest.NewRequest("GET", "https://id.example.test/idp/login?id=x", nil))
	cookies := answer.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want the browser's mark", len(cookies))
	}
	if c := cookies[0]; !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/idp/" {
		t.Errorf("cookie is %v", c)
	}
}
