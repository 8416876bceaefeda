package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `
listen: 127.0.0.1:8480
operator_listen: 127.0.0.1:8481
prefix: /.curfew/
data: state
cookie_renewal: 5m
environments:
  - id: clinic
    origin: https://records.example
    provider:
      issuer: https://login.example
      client_id: records
      client_secret_file: secret
      scopes: [profile]
    settings:
      session_timeout: 12h
      session_warning: 20m
      inactivity_timeout: 15m
      inactivity_warning: 2m
      any_activity_stays: true
`

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "curfew.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Environments[0].PolicySettings()
	if s.SessionTimeout != 12*time.Hour || s.InactivityTimeout != 15*time.Minute || !s.AnyActivityStays {
		t.Errorf("settings %+v", s)
	}
	if want := filepath.Join(filepath.Dir(path), "state"); c.Data != want {
		t.Errorf("data %s, want %s", c.Data, want)
	}
	if want := filepath.Join(filepath.Dir(path), "secret"); c.Environments[0].Provider.ClientSecretFile != want {
		t.Errorf("client_secret_file %s, want %s", c.Environments[0].Provider.ClientSecretFile, want)
	}
}

func TestWhatIsNotWrittenIsTheDefault(t *testing.T) {
	c, err := Parse([]byte("environments:\n  - {id: a, origin: https://a.example, provider: {issuer: https://l.example, client_id: c}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Environments[0].PolicySettings()
	if s.SessionTimeout != 24*time.Hour || s.SessionWarning != 20*time.Minute || s.InactivityOn() || s.InactivityWarning != 2*time.Minute {
		t.Errorf("A1 to A4 defaults: %+v", s)
	}
}

// Bad input: each names the key, the value and what is allowed.
func TestBadInputIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		want     []string
	}{
		"unknown key":          {"listen:", "lisen:", []string{"lisen", "[2:1]"}},
		"unknown nested key":   {"session_timeout:", "session_timout:", []string{"session_timout", "[16:7]"}},
		"key twice":            {"data: state", "data: state\ndata: other", []string{"data"}},
		"not YAML":             {"environments:", "environments: [", []string{"["}},
		"no unit":              {"inactivity_timeout: 15m", "inactivity_timeout: 15", []string{`"15"`, "20m"}},
		"no length":            {"inactivity_timeout: 15m", "inactivity_timeout: soon", []string{`"soon"`, "90s"}},
		"A1 out of range":      {"session_timeout: 12h", "session_timeout: 25h", []string{"environment clinic: settings.session_timeout is 25h; allowed: 1h to 24h (A1)"}},
		"A3 out of range":      {"inactivity_timeout: 15m", "inactivity_timeout: 4m59s", []string{"settings.inactivity_timeout is 4m59s; allowed: 0 (off), or 5m to 24h"}},
		"A4 out of range":      {"inactivity_warning: 2m", "inactivity_warning: 15m", []string{"settings.inactivity_warning is 15m; allowed: 1m or more, and less than inactivity_timeout (15m)"}},
		"listen":               {"listen: 127.0.0.1:8480", "listen: here", []string{`listen is "here"`, "host:port"}},
		"port":                 {"listen: 127.0.0.1:8480", "listen: 127.0.0.1:99999", []string{`listen is "127.0.0.1:99999"`}},
		"origin with a star":   {"origin: https://records.example", "origin: https://*.example", []string{`origin is "https://*.example"`}},
		"prefix":               {"prefix: /.curfew/", "prefix: curfew", []string{`prefix is "curfew"`, "/.curfew/"}},
		"id":                   {"id: clinic", "id: Clinic 1", []string{`environments[0].id is "Clinic 1"`}},
		"origin with a path":   {"origin: https://records.example", "origin: https://records.example/app", []string{`origin is "https://records.example/app"`}},
		"origin on plain http": {"origin: https://records.example", "origin: http://records.example", []string{"http:// on localhost"}},
		"issuer on plain http": {"issuer: https://login.example", "issuer: http://login.example", []string{`provider.issuer is "http://login.example"`}},
		"no client":            {"client_id: records", "client_id: ''", []string{"provider.client_id is empty"}},
		"origin's port":        {"origin: https://records.example", "origin: https://records.example:443", []string{"default port"}},
		"origin with ?":        {"origin: https://records.example", "origin: https://records.example?", []string{`origin is "https://records.example?"`}},
		"origin beyond ASCII":  {"origin: https://records.example", "origin: https://récords.example", []string{"origin is"}},
		"dots in the prefix":   {"prefix: /.curfew/", "prefix: /../", []string{`prefix is "/../"`}},
		"one listener":         {"operator_listen: 127.0.0.1:8481", "operator_listen: 127.0.0.1:8480", []string{"another address"}},
		"short renewal":        {"cookie_renewal: 5m", "cookie_renewal: 3s", []string{"cookie_renewal is 3s; allowed: 4s to 5m"}},
		"long renewal":         {"cookie_renewal: 5m", "cookie_renewal: 5m1s", []string{"cookie_renewal is 5m1s; allowed: 4s to 5m"}},
		"low limit":            {"cookie_renewal: 5m", "limits: {inactivity_warning: {min: 19s}}", []string{"limits.inactivity_warning.min is 19s; allowed: 20s or more (WCAG 2.2.1)"}},
	} {
		if !strings.Contains(good, c.from) {
			t.Fatalf("%s: nothing to spoil", name)
		}
		_, err := Parse([]byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error lacks %q:\n%v", name, want, err)
			}
		}
	}
}

func TestEverythingWrongIsReportedAtOnce(t *testing.T) {
	bad := strings.NewReplacer("session_timeout: 12h", "session_timeout: 1m", "id: clinic", "id: ''", "prefix: /.curfew/", "prefix: x").Replace(good)
	_, err := Parse([]byte(bad))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"prefix", "id", "session_timeout", "session_warning", "inactivity_timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in\n%v", want, err)
		}
	}
}

func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "environments") || strings.Contains(err.Error(), "listen") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("environments: []"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 {
			t.Skip("the library takes its time over large nonsense")
		}
		c, err := Parse(text)
		if err != nil {
			return
		}
		for _, env := range c.Environments {
			if err := env.PolicySettings().Validate(c.PolicyLimits()); err != nil {
				t.Errorf("accepted settings out of range: %v", err)
			}
		}
	})
}
