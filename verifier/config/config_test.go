package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

const good = `
listen: 127.0.0.1:8480
operator_listen: 127.0.0.1:8481
prefix: /.curfew/
data: state
keys: keyfile
cookie_renewal: 5m
policy_checks:
  rate: 5
  concurrency: 4
switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
environments:
  - id: clinic
    origin: https://records.example
    provider:
      issuer: https://login.example
      client_id: records
      client_secret_file: secret
      scopes: [profile]
      consent: true
      clock_skew: 30s
      stay_signed_in:
        ask: true
        claim: signin_state
        value: kmsi
    policy_check:
      bypass: false
      interval: 30m
      outage_budget: 4h
      cap: 12h
      absence: 720h
    sign_out:
      here_only: true
      clear_site_data: [storage]
    hand_in:
      client_id: records-app
      secret_file: hand-in-secret
      sign_in: /login
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
	env := c.Environments[0]
	if got, want := env.InForce(), (settings.Environment{
		ID: "clinic", Kind: settings.App, Origin: "https://records.example", ClockSkew: 30 * time.Second,
		Switches: policy.AllOn().With(policy.WSFedNonceCookieEnabled, false),
		Settings: policy.Settings{SessionTimeout: 12 * time.Hour, SessionWarning: 20 * time.Minute,
			InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute, AnyActivityStays: true},
		Check:   settings.PolicyCheck{Interval: 30 * time.Minute, Budget: 4 * time.Hour, Cap: 12 * time.Hour, Absence: 720 * time.Hour},
		SignOut: settings.SignOut{HereOnly: true, Clear: []string{"storage"}},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("in force\n%+v, want\n%+v", got, want)
	}
	if c.PolicyChecks != (PolicyChecks{Rate: 5, Concurrency: 4}) {
		t.Errorf("policy checks %+v", c.PolicyChecks)
	}
	if p := env.Provider; !p.Consent || p.StaySignedIn != (StaySignedIn{Ask: true, Claim: "signin_state", Value: "kmsi"}) {
		t.Errorf("provider %+v", p)
	}
	base := filepath.Dir(path)
	for _, file := range []struct{ key, got, want string }{
		{"data", c.Data, "state"}, {"keys", c.Keys, "keyfile"}, {"client_secret_file", env.Provider.ClientSecretFile, "secret"},
		{"hand_in.secret_file", env.HandIn.SecretFile, "hand-in-secret"},
	} {
		if file.got != filepath.Join(base, file.want) {
			t.Errorf("%s is %s, which is not beside the file", file.key, file.got)
		}
	}
}

// A1 to A7: what nobody chose is what the mission says.
func TestWhatIsNotWrittenIsTheDefault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "curfew.yaml")
	if err := os.WriteFile(path, []byte(least), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Environments[0].InForce(), (settings.Environment{
		ID: "a", Kind: settings.App, Origin: "https://a.example",
		Settings: policy.Settings{SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute},
		Check:    settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: 24 * time.Hour, Absence: 2160 * time.Hour},
		SignOut:  settings.SignOut{Clear: []string{"cache", "storage"}},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("in force\n%+v, want\n%+v", got, want)
	}
	if c.PolicyChecks != (PolicyChecks{Rate: 20, Concurrency: 8}) || c.Environments[0].HandIn != nil {
		t.Errorf("policy checks %+v, hand-in %+v", c.PolicyChecks, c.Environments[0].HandIn)
	}
	if want := filepath.Join(filepath.Dir(path), "curfew-data", "keys"); c.Keys != want {
		t.Errorf("keys %s, want %s", c.Keys, want)
	}
}

const least = "environments:\n  - {id: a, origin: https://a.example, provider: {issuer: https://l.example, client_id: c}}\n"

// A5, A8: a session timeout is either a length or the provider's affair.
func TestA5A8_SessionTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{"12h": 12 * time.Hour, "provider": 0, "0": 0, `"provider"`: 0, "1h": time.Hour} {
		c, err := Parse([]byte(strings.Replace(good, "session_timeout: 12h", "session_timeout: "+text, 1)))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := c.Environments[0].PolicySettings().SessionTimeout; got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// A3: off can be said in every way in which tools write it.
func TestA3_Off(t *testing.T) {
	for _, text := range []string{"off", "0", "false", `"off"`, "0s"} {
		c, err := Parse([]byte(strings.Replace(good, "inactivity_timeout: 15m", "inactivity_timeout: "+text, 1)))
		if err != nil || c.Environments[0].PolicySettings().InactivityOn() {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPartOfAGroupKeepsTheOtherDefaults(t *testing.T) {
	c, err := Parse([]byte(least + "policy_checks: {rate: 0.5}\n"))
	if err != nil || c.PolicyChecks != (PolicyChecks{Rate: 0.5, Concurrency: 8}) {
		t.Errorf("%+v, %v", c.PolicyChecks, err)
	}
	c, err = Parse([]byte(strings.Replace(good, "clear_site_data: [storage]", "clear_site_data: []", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if clear := c.Environments[0].InForce().SignOut.Clear; len(clear) != 0 {
		t.Errorf("clear_site_data: [] clears %v", clear)
	}
}

// Bad input: each names the key, the value and what is allowed.
func TestBadInputIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		want     []string
	}{
		"unknown key":          {"listen:", "lisen:", []string{`[2:1] unknown field "lisen"; allowed: listen, operator_listen`}},
		"unknown nested key":   {"session_timeout:", "session_timout:", []string{`[40:7] unknown field "session_timout" in environments[0].settings; allowed: session_timeout, session_warning`}},
		"key twice":            {"data: state", "data: state\ndata: other", []string{"data"}},
		"not YAML":             {"environments:", "environments: [", []string{"["}},
		"no unit":              {"inactivity_timeout: 15m", "inactivity_timeout: 15", []string{`"15"`, "20m"}},
		"no length":            {"inactivity_timeout: 15m", "inactivity_timeout: soon", []string{`"soon"`, "90s"}},
		"A1 out of range":      {"session_timeout: 12h", "session_timeout: 25h", []string{"environment clinic: settings.session_timeout is 25h; allowed: provider (its own policy rules, A5), or 1h to 24h (A1)"}},
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
		"half a second":        {"cookie_renewal: 5m", "cookie_renewal: 4500ms", []string{"cookie_renewal is 4.5s; allowed: 4s to 5m, in whole seconds"}},
		"limit in half a s":    {"cookie_renewal: 5m", "limits: {session_timeout: {min: 90500ms}}", []string{"limits.session_timeout.min is 1m30.5s; allowed: whole seconds"}},
		"rate":                 {"rate: 5", "rate: 0.09", []string{"policy_checks.rate is 0.09; allowed: 0.1 to 10000 a second"}},
		"high rate":            {"rate: 5", "rate: 10001", []string{"policy_checks.rate is 10001; allowed: 0.1 to 10000"}},
		"no rate":              {"rate: 5", "rate: .nan", []string{`[9:9] policy_checks.rate: ".nan" is not a number`}},
		"concurrency":          {"concurrency: 4", "concurrency: 0", []string{"policy_checks.concurrency is 0; allowed: 1 to 256"}},
		"high concurrency":     {"concurrency: 4", "concurrency: 257", []string{"policy_checks.concurrency is 257; allowed: 1 to 256"}},
		"skew":                 {"clock_skew: 30s", "clock_skew: 61s", []string{"environment clinic: provider.clock_skew is 1m1s; allowed: 0s to 1m"}},
		"negative skew":        {"clock_skew: 30s", "clock_skew: -1s", []string{"provider.clock_skew is -1s; allowed: 0s to 1m"}},
		"claim without value":  {"value: kmsi", "value: ''", []string{`provider.stay_signed_in has claim "signin_state" with value ""; allowed: both, or neither`}},
		"value without claim":  {"claim: signin_state", "claim: ''", []string{`provider.stay_signed_in has claim "" with value "kmsi"`}},
		"scopes in one":        {"scopes: [profile]", "scopes: [profile email]", []string{`provider.scopes has "profile email"`}},
		"A5 short interval":    {"interval: 30m", "interval: 4m59s", []string{"environment clinic: policy_check.interval is 4m59s; allowed: 5m to 24h"}},
		"A5 long interval":     {"interval: 30m", "interval: 24h1s", []string{"policy_check.interval is 24h0m1s; allowed: 5m to 24h"}},
		"A5 interval, half s":  {"interval: 30m", "interval: 600500ms", []string{"policy_check.interval is 10m0.5s; allowed: 5m to 24h, in whole seconds"}},
		"A5 low floor":         {"cookie_renewal: 5m", "limits: {policy_check: {min: 9s}}", []string{"limits.policy_check.min is 9s; allowed: 10s to 24h"}},
		"A5 raised floor":      {"cookie_renewal: 5m", "limits: {policy_check: {min: 31m}}", []string{"policy_check.interval is 30m; allowed: 31m to 24h"}},
		"A7 budget":            {"outage_budget: 4h", "outage_budget: 169h", []string{"policy_check.outage_budget is 169h; allowed: 0s to 168h"}},
		"A7 negative budget":   {"outage_budget: 4h", "outage_budget: -1s", []string{"policy_check.outage_budget is -1s; allowed: 0s to 168h"}},
		"A6 short cap":         {"cap: 12h", "cap: 20m", []string{"policy_check.cap is 20m; allowed: more than session_warning (20m), and at most limits.session_timeout.max (24h)"}},
		"A6 long cap":          {"cap: 12h", "cap: 24h1s", []string{"policy_check.cap is 24h0m1s; allowed: more than session_warning (20m), and at most limits.session_timeout.max (24h)"}},
		"A6 half a second":     {"cap: 12h", "cap: 3600500ms", []string{"policy_check.cap is 1h0m0.5s", "whole seconds"}},
		"A5 no word":           {"session_timeout: 12h", "session_timeout: off", []string{`"off" is no session timeout`, "12h", "provider"}},
		"B4 directive":         {"clear_site_data: [storage]", "clear_site_data: [everything]", []string{`sign_out.clear_site_data has "everything"; allowed: each of cache, cookies, storage once, or []`}},
		"B4 directive twice":   {"clear_site_data: [storage]", "clear_site_data: [cache, cache]", []string{`sign_out.clear_site_data has "cache"`}},
		"A6 no client":         {"client_id: records-app", "client_id: ''", []string{"hand_in.client_id is empty"}},
		"A6 no secret":         {"secret_file: hand-in-secret", "secret_file: ''", []string{"hand_in.secret_file is empty"}},
		"bare number":          {"interval: 30m", "interval: 30", []string{"[28:17] environments[0].policy_check.interval: \"30\" is not a length of time"}},
		"days":                 {"absence: 720h", "absence: 30d", []string{"environments[0].policy_check.absence: \"30d\""}},
		"no timeout":           {"session_timeout: 12h", "session_timeout: Provider", []string{"environments[0].settings.session_timeout: \"Provider\" is no session timeout"}},
		"yes":                  {"bypass: false", "bypass: yes", []string{`environments[0].policy_check.bypass: "yes" is not true or false`}},
		"D5 short absence":     {"absence: 720h", "absence: 23h", []string{"policy_check.absence is 23h; allowed: 24h to 8760h"}},
		"D5 long absence":      {"absence: 720h", "absence: 8761h", []string{"policy_check.absence is 8761h"}},
		"A6 no sign-in":        {"sign_in: /login", "sign_in: ''", []string{`hand_in.sign_in is ""`}},
		"A6 sign-in elsewhere": {"sign_in: /login", "sign_in: https://other.example/login", []string{`hand_in.sign_in is "https://other.example/login"`, "https://records.example"}},
		"A6 sign-in here":      {"sign_in: /login", "sign_in: /.curfew/sign-in", []string{`hand_in.sign_in is "/.curfew/sign-in"`}},
		"A6 hidden host":       {"sign_in: /login", "sign_in: //other.example/", []string{`hand_in.sign_in is "//other.example/"`}},
		"A6 longer host":       {"sign_in: /login", "sign_in: https://records.example.other/", []string{"hand_in.sign_in is"}},
		"A6 dots":              {"sign_in: /login", "sign_in: /a/../.curfew/sign-in", []string{"hand_in.sign_in is"}},
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
	f.Add([]byte(managed))
	f.Add([]byte(least))
	f.Add([]byte("environments: [&a {id: a, <<: *a}]"))
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
		sound(t, c)
	})
}

// sound is what holds for every configuration that is accepted.
func sound(t *testing.T, c Config) {
	t.Helper()
	if rate := c.PolicyChecks.Rate; !(rate >= 0.1 && rate <= 10_000) {
		t.Errorf("accepted a rate of %g", rate)
	}
	deployment, _ := c.DeploymentDocument()
	for _, env := range c.Environments {
		if check := env.InForce().Check; check.Interval < 10*time.Second || check.Cap <= env.PolicySettings().SessionWarning || check.Budget < 0 {
			t.Errorf("accepted %+v", check)
		}
		if allowed := settings.CheckID(env.ID); allowed != "" {
			t.Errorf("accepted the id %q", env.ID)
		}
		doc, _ := env.Document()
		if err := doc.Validate(c.PolicyLimits(), doc.On(deployment)); err != nil {
			t.Errorf("accepted what administrators cannot set: %v", err)
		}
	}
	if c.Console != nil {
		if err := c.Console.Environment().PolicySettings().Validate(c.PolicyLimits()); err != nil {
			t.Errorf("accepted times of the console: %v", err)
		}
	} else if len(c.Environments) == 0 {
		t.Error("accepted a configuration that nobody can use")
	}
}

// A6: who knows the secret can begin sessions, so it is none that can be guessed.
func TestA6_HandInSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]bool{strings.Repeat("s", 32) + "\n": true, strings.Repeat("s", 31) + "\n": false, "": false, "\n": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		secret, err := HandIn{SecretFile: path}.Secret()
		if (err == nil) != want || want != (secret == strings.Repeat("s", 32)) {
			t.Errorf("%q: %q, %v", text, secret, err)
		}
		if err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "sss")) {
			t.Errorf("the error lacks the file or has the secret: %v", err)
		}
	}
}

// A6: the application's own sign-in is at its own origin.
func TestA6_SignInAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"/login": true, "/": true, "/login?next=/": true, "https://records.example/login": true, "/.curfewish": true,
		"login": false, "https://records.example": false, "http://records.example/": false, "javascript:alert(1)": false,
		"/\\other": false, "/a b": false, "/.curfew": false, "/.curfew/": false, "///other": false, "/%2ecurfew/x": false, "/a#b": false, "https://records.example//other": false,
	} {
		if got := ownAddress(text, "https://records.example", "/.curfew/"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
