package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// managed has every block that administrators have to do with.
const managed = `
audit:
  retention: 720h
  stdout: true
admin:
  socket: run/admin.sock
  tokens:
    - {name: deploy, file: deploy.token, environments: [clinic, ward-7]}
    - {name: night-watch, file: night.token}
console:
  origin: https://admin.example
  provider: {use: staff}
  role_claim: realm_access.roles
  administrators: [Curfew Admin]
  environment_administrators:
    clinic: [clinic-admins, Matron]
  settings: {inactivity_timeout: 10m}
  page: {name: Times}
switches:
  AllowCustomInactivityDuration: true
  FCB.UCIInactivityTimeout: true
providers:
  - {id: staff, issuer: "https://login.example", client_id: staff, client_secret_file: staff.secret, stay_signed_in: {ask: true}}
environments:
  - id: clinic
    origin: https://clinic.example
    origins: [https://clinic.test, "http://localhost:8080"]
    provider: {use: staff}
    settings: {inactivity_timeout: 15m}
    clients:
      matchers:
        - {client: browser, user_agent: "*Trident*"}
        - {client: phone, client_id: mobile, user_agent: "*iPhone*"}
      enforced:
        phone: {session: true}
  - id: portal
    kind: portal
    origin: https://portal.example
    provider: {issuer: "https://people.example", client_id: portal}
    switches: {AllowCustomSessionDuration: true}
    settings: {session_timeout: 2h}
`

func parsed(t *testing.T, text string) Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// C1 C2 A9 A11: what the file says of environments, and which of it administrators cannot change.
func TestC1_Environments(t *testing.T) {
	c := parsed(t, managed)
	clinic, portal := c.Environments[0], c.Environments[1]
	if got := clinic.Provider; got.Use != "staff" || got.Issuer != "https://login.example" || got.ClientSecretFile != "staff.secret" || !got.StaySignedIn.Ask {
		t.Errorf("the clinic's provider: %+v", got)
	}
	doc, owned := clinic.Document()
	want := settings.New()
	want.Origins, want.Provider = []string{"https://clinic.example", "https://clinic.test", "http://localhost:8080"}, "staff"
	want.Settings.InactivityTimeout = 15 * time.Minute
	want.Clients = settings.Clients{
		Matchers: []settings.Matcher{{UserAgent: "*Trident*"}, {Client: policy.Phone, ClientID: "mobile", UserAgent: "*iPhone*"}},
		Enforced: map[policy.Client]settings.Enforced{policy.Phone: {Session: true}},
	}
	if !reflect.DeepEqual(doc, want) || owned != (Owned{Settings: true, Clients: true}) {
		t.Errorf("the clinic's document\n%+v, want\n%+v\nowned %+v", doc, want, owned)
	}
	deployment, ownedSwitches := c.DeploymentDocument()
	if !ownedSwitches || !deployment.Switches[policy.UCIInactivityTimeout] || deployment.Switches[policy.AllowCustomSessionDuration] {
		t.Errorf("deployment %+v, owned %t", deployment, ownedSwitches)
	}
	if err := doc.Validate(c.PolicyLimits(), doc.On(deployment)); err != nil {
		t.Errorf("administrators could not have written it: %v", err)
	}
	force := clinic.InForce()
	if force.Settings.InactivityTimeout != 15*time.Minute || !force.Switches.On(policy.AllowCustomInactivityDuration) || force.Switches.On(policy.AllowCustomSessionDuration) || len(force.Clients.Matchers) != 2 {
		t.Errorf("the clinic in force: %+v", force)
	}
	if force := portal.InForce(); force.Kind != settings.Portal || force.Settings.SessionTimeout != 2*time.Hour || force.Switches != (policy.Switches{}).With(policy.AllowCustomSessionDuration, true) {
		t.Errorf("the portal in force: %+v", force)
	}
	if doc, owned := portal.Document(); doc.Kind != settings.Portal || owned != (Owned{Settings: true, Switches: true}) {
		t.Errorf("the portal's document: %+v, owned %+v", doc, owned)
	}
}

// C1: where the file says nothing, administrators decide.
func TestC1_WhatTheFileDoesNotSayIsNotItsOwn(t *testing.T) {
	c := parsed(t, least)
	if _, owned := c.DeploymentDocument(); owned {
		t.Error("the deployment's switches are the file's")
	}
	doc, owned := c.Environments[0].Document()
	want := settings.New()
	want.Origins = []string{"https://a.example"}
	if !reflect.DeepEqual(doc, want) || owned != (Owned{}) {
		t.Errorf("%+v, owned %+v", doc, owned)
	}
	// An empty block is a decision.
	c = parsed(t, strings.TrimSuffix(least, "}\n")+", settings: {}, switches: {}, clients: {}, page: {name: A}}\n")
	if _, owned := c.Environments[0].Document(); owned != (Owned{true, true, true, true}) {
		t.Errorf("owned %+v", owned)
	}
}

// A3: while its switch is off, nothing ends by inactivity, whatever is set.
func TestA3_NothingInForceWithoutTheSwitch(t *testing.T) {
	timeout := Length(15 * time.Minute)
	e := Environment{ID: "a", Origin: "https://a.example", Settings: &Settings{InactivityTimeout: &timeout}}
	if got := e.InForce().Settings; got != policy.Defaults() {
		t.Errorf("%+v", got)
	}
}

// C3: the console is an environment of its own, whose times need no switch.
func TestC3_Console(t *testing.T) {
	c := parsed(t, managed)
	if got := c.Console; got.RoleClaim != "realm_access.roles" || !reflect.DeepEqual(got.Administrators, []string{"Curfew Admin"}) ||
		!reflect.DeepEqual(got.EnvironmentAdministrators, map[string][]string{"clinic": {"clinic-admins", "Matron"}}) {
		t.Errorf("%+v", got)
	}
	env := c.Console.Environment()
	force := env.InForce()
	if force.ID != "console" || force.Origin != "https://admin.example" || env.Provider.Issuer != "https://login.example" || force.Page.Name != "Times" ||
		force.Settings != (policy.Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 10 * time.Minute, InactivityWarning: 2 * time.Minute}) {
		t.Errorf("in force %+v, provider %+v", force, env.Provider)
	}
	// Administrators create the environments; the claim has a default.
	c = parsed(t, "console: {origin: https://admin.example, provider: {issuer: https://l.example, client_id: c}, administrators: [a]}")
	if c.Console.RoleClaim != "roles" || c.Console.Environment().InForce().Settings.InactivityTimeout != 15*time.Minute || len(c.Environments) != 0 {
		t.Errorf("%+v", c.Console)
	}
	if c := parsed(t, least); c.Console != nil {
		t.Errorf("a console from nowhere: %+v", c.Console)
	}
}

// C5 C6: the audit, the socket and the tokens.
func TestC6_Admin(t *testing.T) {
	c := parsed(t, managed)
	if want := []Token{{"deploy", "deploy.token", []string{"clinic", "ward-7"}}, {"night-watch", "night.token", nil}}; !reflect.DeepEqual(c.Admin.Tokens, want) {
		t.Errorf("tokens %+v", c.Admin.Tokens)
	}
	if c.Admin.Socket != filepath.Join("curfew-data", "run", "admin.sock") || c.Audit != (Audit{Retention: Length(720 * time.Hour), Stdout: true}) {
		t.Errorf("socket %s, audit %+v", c.Admin.Socket, c.Audit)
	}
	for text, want := range map[string]string{"": "state/curfew.sock", "admin: {socket: off}\n": "", "admin: {socket: /run/curfew}\n": "/run/curfew"} {
		if got := parsed(t, least+"data: state\n"+text).Admin.Socket; got != want {
			t.Errorf("%q: socket %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]time.Duration{"": 8760 * time.Hour, "audit: {stdout: false}": 8760 * time.Hour, "audit: {retention: 0}": 0, "audit: {retention: 24h}": 24 * time.Hour, "audit: {retention: 87600h}": 87600 * time.Hour} {
		if got := time.Duration(parsed(t, least+text).Audit.Retention); got != want {
			t.Errorf("%q: retention %s", text, got)
		}
	}
}

// Bad input in the blocks that administrators have to do with: each names its place, the key, the value and what is allowed.
func TestC6_BadBlocksAreNamed(t *testing.T) {
	long := strings.Repeat("x", 201)
	for name, c := range map[string]struct{ from, to, want string }{
		"short retention":     {"retention: 720h", "retention: 23h59m59s", "[3:14] audit: retention is 23h59m59s; allowed: 24h to 87600h, in whole seconds"},
		"long retention":      {"retention: 720h", "retention: 87600h1s", "[3:14] audit: retention is 87600h0m1s; allowed: 24h to 87600h"},
		"no socket":           {"socket: run/admin.sock", "socket: ''", "[6:11] admin: socket is empty; allowed: a path, or off"},
		"token's name":        {"name: deploy", "name: De ploy", `[8:14] admin: tokens[0].name is "De ploy"; allowed: 1 to 64 lower-case letters`},
		"token twice":         {"name: night-watch", "name: deploy", `[9:14] admin: tokens[1].name is "deploy" like another's`},
		"token without file":  {"file: night.token", "file: ''", "admin: tokens[1].file is empty; allowed: a file with a secret of 32 characters or more"},
		"token's environment": {"ward-7]", "Ward 7]", `admin: tokens[0].environments has "Ward 7"; allowed: ids of environments`},
		"no administrators":   {"administrators: [Curfew Admin]\n  environment_administrators:\n    clinic: [clinic-admins, Matron]", "role_claim_: x", "unknown field \"role_claim_\" in console"},
		"empty role":          {"[Curfew Admin]", "['']", `[14:20] console: administrators has ""; allowed: each value once, of 1 to 200 bytes`},
		"role twice":          {"[clinic-admins, Matron]", "[Matron, Matron]", `[16:22] console: environment_administrators.clinic has "Matron"; allowed: each value once`},
		"nobody's role":       {"[clinic-admins, Matron]", "[]", "[16:13] console: environment_administrators.clinic is empty"},
		"role of the console": {"    clinic: [clinic-", "    console: [clinic-", `console: environment_administrators.console is for "console"; allowed: another name`},
		"empty claim":         {"role_claim: realm_access.roles", "role_claim: ''", `[13:15] console: role_claim is ""; allowed: the name of a claim`},
		"console's host":      {"https://admin.example", "https://clinic.example", "[26:13] environment clinic: origin https://clinic.example has the host of another; allowed: each host once"},
		"console's frames":    {"page: {name: Times}", "page: {frames: [https://x.example]}", "console: page.frames has 1 origins; allowed: none"},
		"console's times":     {"inactivity_timeout: 10m", "inactivity_timeout: 4m", "[17:34] console: settings.inactivity_timeout is 4m; allowed: 0 (off), or 5m to 24h"},
		"C2 unknown switch":   {"  FCB.UCIInactivityTimeout", "  UCIInactivityTimeout", `[21:3] unknown field "UCIInactivityTimeout" in switches; allowed: AllowCustomSessionDuration, AllowCustomInactivityDuration, WSFedNonceCookieEnabled, FCB.UCIInactivityTimeout`},
		"C2 no value":         {"FCB.UCIInactivityTimeout: true", "FCB.UCIInactivityTimeout: yes", `[21:29] switches.FCB.UCIInactivityTimeout: "yes" is not true or false`},
		"C2 switch off":       {"  FCB.UCIInactivityTimeout: true\n", "", "environment clinic: settings.inactivity_timeout is 15m; allowed: 0 (off), while the switch FCB.UCIInactivityTimeout is off (A3)"},
		"A11 deployment's":    {"switches: {AllowCustomSessionDuration: true}", "switches: {}", "environment portal: settings.session_timeout is 2h; allowed: provider, while the switch AllowCustomSessionDuration is off (A1)"},
		"provider's id":       {"id: staff", "id: Staff", `[23:10] providers[0].id is "Staff"`},
		"provider's use":      {"id: staff", "id: staff, use: staff", `unknown field "use" in providers[0]; allowed: id, issuer, client_id`},
		"provider's issuer":   {`issuer: "https://login.example"`, "issuer: ldap", `[23:25] provider staff: issuer is "ldap"; allowed: https://`},
		"unknown provider":    {"    provider: {use: staff}", "    provider: {use: stuff}", `[28:21] environment clinic: provider.use is "stuff"; allowed: the id of one of providers: staff`},
		"use and more":        {"    provider: {use: staff}", "    provider: {use: staff, consent: true}", "environment clinic: provider has more than use; allowed: use alone"},
		"kind":                {"kind: portal", "kind: page", `[37:11] environment portal: kind is "page"; allowed: app, portal`},
		"origins":             {"https://clinic.test", "clinic.test", `[27:15] environment clinic: origins[0] is "clinic.test"; allowed: https://host`},
		"host twice":          {"https://clinic.test", "https://portal.example", "[38:13] environment portal: origin https://portal.example has the host of another"},
		"own host twice":      {"https://clinic.test", "https://clinic.example", "[27:15] environment clinic: origins[0] https://clinic.example has the host of another"},
		"A9 client":           {"client: phone", "client: telephone", `[33:20] environment clinic: clients.matchers[1].client is "telephone"; allowed: outlook_add_in, phone, tablet, desktop_agent_shell, live_chat, canvas_app, browser`},
		"A9 no client":        {"client: phone, ", "", `environment clinic: clients.matchers[1].client is ""; allowed: outlook_add_in`},
		"A9 nothing to match": {`, client_id: mobile, user_agent: "*iPhone*"`, "", "environment clinic: clients.matchers[1] has neither client_id nor user_agent; allowed: one of them, or both"},
		"A9 long pattern":     {"*iPhone*", long, fmt.Sprintf("clients.matchers[1].user_agent is %q, 201 bytes; allowed: up to 200", long)},
		"A9 enforced":         {"        phone:", "        browser:", `[35:9] unknown field "browser" in environments[0].clients.enforced; allowed: outlook_add_in`},
		"reserved id":         {"id: clinic", "id: console", `[25:9] environments[0].id is "console"; allowed: another name, because the console has this one`},
	} {
		if !strings.Contains(managed, c.from) {
			t.Fatalf("%s: nothing to spoil", name)
		}
		_, err := Parse([]byte(strings.Replace(managed, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want\n%s", name, err, c.want)
		}
	}
}

// Bounds of the lists.
func TestListsAreBounded(t *testing.T) {
	several := func(n int, form string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(form, i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	own := strings.TrimSuffix(least, "}\n")
	for name, c := range map[string]struct {
		most int
		text func(n int) string
		want string
	}{
		"origins": {15, func(n int) string { return own + ", origins: " + several(n, "https://a%d.example") + "}" }, "[2:102] environment a: origins has 16 entries; allowed: up to 15 besides origin"},
		"tokens":  {64, func(n int) string { return least + "admin: {tokens: " + several(n, "{name: t%d, file: f}") + "}" }, "[3:17] admin: tokens has 65 entries; allowed: up to 64"},
		"administrators": {64, func(n int) string {
			return least + "console: {origin: https://c.example, provider: {issuer: https://l.example, client_id: c}, administrators: " + several(n, "a%d") + "}"
		}, "console: administrators has 65 values; allowed: up to 64"},
		"matchers": {64, func(n int) string {
			return own + ", clients: {matchers: " + several(n, "{client: tablet, client_id: c%d}") + "}}"
		}, "environment a: clients.matchers has 65 entries; allowed: up to 64"},
	} {
		if _, err := Parse([]byte(c.text(c.most))); err != nil {
			t.Errorf("%s, %d: %v", name, c.most, err)
		}
		if _, err := Parse([]byte(c.text(c.most + 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %d: %v", name, c.most+1, err)
		}
	}
}

// A9: the file takes the matchers that the page takes, and no others.
func TestA9_MatchersAsElsewhere(t *testing.T) {
	for _, m := range []Matcher{
		{"phone", "", strings.Repeat("x", settings.MaxPattern)}, {"phone", strings.Repeat("x", settings.MaxPattern), ""}, {"browser", "a", "b"},
		{"phone", "", ""}, {"phone", "", strings.Repeat("x", settings.MaxPattern+1)}, {"phone", strings.Repeat("x", settings.MaxPattern+1), ""}, {"phone", "a\nb", ""}, {"phone", "", "\xff"},
	} {
		var all Problems
		c := Clients{Matchers: []Matcher{m}}
		c.validate(block{all: &all})
		if here, there := len(all) == 0, c.inForce().Validate() == nil; here != there {
			t.Errorf("%+v: the file takes it: %t, the page: %t", m, here, there)
		}
	}
}

// Who asks can tell which setting it was and what it is.
func TestProblemsAreTyped(t *testing.T) {
	_, err := Parse([]byte(strings.Replace(managed, "session_timeout: 2h", "session_timeout: 59m", 1)))
	var problems Problems
	var v policy.Violation
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Path != "environments[1].settings.session_timeout" || problems[0].Place != "[41:33]" {
		t.Fatalf("%+v", err)
	}
	if !errors.As(err, &v) || v.Setting != "session_timeout" || v.Value != 59*time.Minute {
		t.Errorf("%+v", v)
	}
}

// Secrets are read from files. Each that cannot be had is told with the place that names it, all at once, and none is shown.
func TestSecretsAreReadable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curfew.yaml")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("curfew.yaml", managed+"    hand_in: {client_id: app, secret_file: hand-in, sign_in: /login}\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	write("deploy.token", "guess")
	write("staff.secret", "\n")
	err = c.Readable()
	for _, want := range []string{
		"[23:88] provider staff: client_secret_file " + dir + "/staff.secret is empty",
		"[42:44] environment portal: hand_in.secret_file: open " + dir + "/hand-in: no such file",
		"[8:28] admin token deploy: file " + dir + "/deploy.token holds 5 characters; allowed: 32 or more, at random",
		"[9:33] admin token night-watch: file: open " + dir + "/night.token: no such file",
	} {
		if err == nil || strings.Count("\n"+err.Error(), "\n"+want) != 1 || strings.Contains(err.Error(), "guess") {
			t.Errorf("%v, want\n%s", err, want)
		}
	}
	for _, name := range []string{"deploy.token", "night.token", "hand-in", "staff.secret"} {
		write(name, strings.Repeat("s", 32)+"\n")
	}
	if err := c.Readable(); err != nil {
		t.Error(err)
	}
	if secret, err := c.Admin.Tokens[1].Secret(); err != nil || secret != strings.Repeat("s", 32) {
		t.Errorf("%q, %v", secret, err)
	}
	if n := len(c.AllProviders()); n != 2 {
		t.Errorf("%d providers", n)
	}
}
