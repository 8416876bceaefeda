package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Every setting can come from a variable, above what the file says.
func TestVariables(t *testing.T) {
	c, err := read([]byte(managed), []string{
		"PATH=/bin", "CURFEW_LISTEN=:9000", "CURFEW_DATA=a: [b", "CURFEW_COOKIE_RENEWAL=30s", "CURFEW_POLICY_CHECKS__RATE=.5",
		"CURFEW_LIMITS__SESSION_TIMEOUT__MIN=30m", "CURFEW_AUDIT={retention: 48h}", "CURFEW_ADMIN__SOCKET=off",
		"CURFEW_ADMIN__TOKENS__NIGHT_WATCH__FILE=/run/night", "CURFEW_ADMIN__TOKENS__NEW_ONE={file: x, environments: [clinic]}",
		"CURFEW_CONSOLE__ENVIRONMENT_ADMINISTRATORS__CLINIC=[Sister]", "CURFEW_CONSOLE__ENVIRONMENT_ADMINISTRATORS__WARD_7=[Ward]", "CURFEW_CONSOLE__SETTINGS__ANY_ACTIVITY_STAYS=true",
		"CURFEW_SWITCHES__FCB_UCIINACTIVITYTIMEOUT=true", "CURFEW_SWITCHES__ALLOWCUSTOMSESSIONDURATION=true",
		"CURFEW_PROVIDERS__STAFF__CLIENT_ID=other", "CURFEW_PROVIDERS__GUESTS={issuer: 'https://guests.example', client_id: g}",
		"CURFEW_ENVIRONMENTS__CLINIC__SETTINGS__SESSION_TIMEOUT=6h", "CURFEW_ENVIRONMENTS__CLINIC__CLIENTS__ENFORCED__PHONE__INACTIVITY=true",
		"CURFEW_ENVIRONMENTS__CLINIC__CLIENTS__ENFORCED__LIVE_CHAT={session: true}", "CURFEW_ENVIRONMENTS__CLINIC__PAGE__NAME=Nordlys: the # hospital",
		"CURFEW_ENVIRONMENTS__PORTAL__SIGN_OUT__CLEAR_SITE_DATA=[cache]", "CURFEW_ENVIRONMENTS__PORTAL__HAND_IN__CLIENT_ID=app",
		"CURFEW_ENVIRONMENTS__PORTAL__HAND_IN={client_id: z, secret_file: s, sign_in: /login}",
		"CURFEW_ENVIRONMENTS__WARD_7__PROVIDER__USE=guests", "CURFEW_ENVIRONMENTS__WARD_7__ORIGIN=https://ward.example",
		"CURFEW_ENVIRONMENTS__ATRIUM={origin: 'https://atrium.example', provider: {use: guests}}",
		"CURFEW_PORT=tcp://10.0.0.1:80", "CURFEW_SERVICE_HOST=10.0.0.1", "CURFEW_ADMIN_SERVICE_HOST=10.0.0.1", "CURFEW_LISTEN_TCP=x", "CURFEW_=x", "CURFEW__LISTEN=x",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":9000" || c.Data != "a: [b" || c.CookieRenewal != Length(30*time.Second) || c.PolicyChecks != (PolicyChecks{Rate: .5, Concurrency: 8}) ||
		time.Duration(*c.Limits.SessionTimeout.Min) != 30*time.Minute || c.Audit != (Audit{Retention: Length(48 * time.Hour)}) || c.Admin.Socket != "off" {
		t.Errorf("%+v", c)
	}
	if want := []Token{{"deploy", "deploy.token", []string{"clinic", "ward-7"}}, {"night-watch", "/run/night", nil}, {"new-one", "x", []string{"clinic"}}}; !reflect.DeepEqual(c.Admin.Tokens, want) {
		t.Errorf("tokens %+v", c.Admin.Tokens)
	}
	if want := map[string][]string{"clinic": {"Sister"}, "ward-7": {"Ward"}}; !reflect.DeepEqual(c.Console.EnvironmentAdministrators, want) || !c.Console.Settings.AnyActivityStays ||
		time.Duration(*c.Console.Settings.InactivityTimeout) != 10*time.Minute || c.Console.RoleClaim != "realm_access.roles" {
		t.Errorf("console %+v", c.Console)
	}
	if want := (Switches{policy.AllowCustomSessionDuration: true, policy.AllowCustomInactivityDuration: true, policy.UCIInactivityTimeout: true}); !reflect.DeepEqual(c.Switches, want) {
		t.Errorf("switches %+v", c.Switches)
	}
	if len(c.Providers) != 2 || c.Providers[0].ClientID != "other" || c.Providers[0].Issuer != "https://login.example" || c.Providers[1].ID != "guests" || c.Providers[1].ClientID != "g" {
		t.Errorf("providers %+v", c.Providers)
	}
	var ids []string
	for _, env := range c.Environments {
		ids = append(ids, env.ID)
	}
	if !slices.Equal(ids, []string{"clinic", "portal", "atrium", "ward-7"}) {
		t.Fatalf("environments %v", ids)
	}
	clinic, portal, ward := c.Environments[0], c.Environments[1], c.Environments[3]
	if set := clinic.PolicySettings(); set.SessionTimeout != 6*time.Hour || set.InactivityTimeout != 15*time.Minute || clinic.Page.Name != "Nordlys: the # hospital" {
		t.Errorf("clinic %+v", clinic)
	}
	if want := (Enforced{policy.Phone: {true, true}, policy.LiveChat: {Session: true}}); !reflect.DeepEqual(clinic.Clients.Enforced, want) || len(clinic.Clients.Matchers) != 2 {
		t.Errorf("clients %+v", clinic.Clients)
	}
	if portal.HandIn == nil || portal.HandIn.ClientID != "app" || portal.HandIn.SignIn != "/login" || !slices.Equal(*portal.SignOut.ClearSiteData, []string{"cache"}) {
		t.Errorf("portal %+v %+v", portal, portal.HandIn)
	}
	if ward.Provider.Use != "guests" || ward.Origin != "https://ward.example" || ward.Settings != nil {
		t.Errorf("ward %+v", ward)
	}
	names := c.Variables()
	if len(names) != 26 || names[0] != (Variable{"CURFEW_ADMIN__SOCKET", "admin.socket"}) || !slices.Contains(names, Variable{"CURFEW_ENVIRONMENTS__WARD_7__ORIGIN", "environments[3].origin"}) {
		t.Errorf("%d variables: %v", len(names), names)
	}
}

// What is no setting is told, because it may have been meant as one.
func TestIgnoredVariables(t *testing.T) {
	c, err := read([]byte(least), []string{"CURFEW_PORT=1", "CURFEW_ENVIROMENTS__A__KIND=portal", "CURFEWISH=1", "CURFEW_LISTEN=:1"})
	if want := []string{"CURFEW_ENVIROMENTS__A__KIND", "CURFEW_PORT"}; err != nil || !slices.Equal(c.IgnoredVariables(), want) {
		t.Errorf("%v, %v", c.IgnoredVariables(), err)
	}
}

// A whole list in a variable replaces the file's, and parts of it can be in others.
func TestVariablesReplaceWholes(t *testing.T) {
	c, err := read([]byte(managed), []string{
		"CURFEW_ENVIRONMENTS__A__ORIGIN=https://b.example",
		"CURFEW_ENVIRONMENTS=[{id: a, origin: 'https://a.example', provider: {issuer: 'https://l.example', client_id: c}}]",
		"CURFEW_SWITCHES={}", "CURFEW_POLICY_CHECKS={concurrency: 3}",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Environments) != 1 || c.Environments[0].Origin != "https://b.example" || len(c.Switches) != 0 || c.Switches == nil || c.PolicyChecks != (PolicyChecks{20, 3}) {
		t.Errorf("%+v", c)
	}
}

// An id with two hyphens in a row looks like two levels; the longest id that fits is meant.
func TestVariablesOfOddIDs(t *testing.T) {
	text := "environments:\n  - {id: a, origin: https://a.example, provider: {issuer: https://l.example, client_id: c}}\n" +
		"  - {id: a--page, origin: https://b.example, provider: {issuer: https://l.example, client_id: c}}\n"
	c, err := read([]byte(text), []string{"CURFEW_ENVIRONMENTS__A__PAGE__PAGE__NAME=B", "CURFEW_ENVIRONMENTS__A__KIND=portal"})
	if err != nil || c.Environments[1].Page.Name != "B" || c.Environments[0].Kind != "portal" {
		t.Errorf("%+v, %v", c.Environments, err)
	}
}

// What is wrong in a variable is named by it, whatever the file has there.
func TestBadVariablesAreNamed(t *testing.T) {
	for variable, want := range map[string]string{
		"CURFEW_ENVIRONMENTS__CLINIC__SETTINGS__INACTIVITY_TIMEOUT=4m": "CURFEW_ENVIRONMENTS__CLINIC__SETTINGS__INACTIVITY_TIMEOUT: environment clinic: settings.inactivity_timeout is 4m; allowed: 0 (off), or 5m to 24h (A3)",
		"CURFEW_ENVIRONMENTS__CLINIC__SETTINGS={session_warning: 5s}":  "CURFEW_ENVIRONMENTS__CLINIC__SETTINGS: environment clinic: settings.session_warning is 5s; allowed: 20s or more",
		"CURFEW_PROVIDERS__STAFF={issuer: 'https://login.example'}":    "CURFEW_PROVIDERS__STAFF: provider staff: client_id is empty",
		"CURFEW_COOKIE_RENEWAL=soon":                                   `CURFEW_COOKIE_RENEWAL: cookie_renewal: "soon" is not a length of time: write a number and its unit`,
		"CURFEW_COOKIE_RENEWAL=":                                       `CURFEW_COOKIE_RENEWAL: cookie_renewal: "" is not a length of time`,
		"CURFEW_POLICY_CHECKS__RATE=NaN":                               "CURFEW_POLICY_CHECKS__RATE: policy_checks.rate is NaN; allowed: 0.1 to 10000 a second",
		"CURFEW_POLICY_CHECKS__RATIO=1":                                "CURFEW_POLICY_CHECKS__RATIO: policy_checks has no setting \"RATIO\"; allowed: RATE, CONCURRENCY",
		"CURFEW_SWITCHES__FCB__UCIINACTIVITYTIMEOUT=true":              "CURFEW_SWITCHES__FCB__UCIINACTIVITYTIMEOUT: switches has no setting \"FCB__UCIINACTIVITYTIMEOUT\"; allowed: ALLOWCUSTOMSESSIONDURATION",
		"CURFEW_SWITCHES__WSFEDNONCECOOKIEENABLED=1":                   `CURFEW_SWITCHES__WSFEDNONCECOOKIEENABLED: switches.WSFedNonceCookieEnabled: "1" is not true or false`,
		"CURFEW_ENVIRONMENTS__CLINIC__ORIGINS=https://x.example":       "CURFEW_ENVIRONMENTS__CLINIC__ORIGINS: environments[0].origins must be a list, such as [a, b]",
		"CURFEW_ENVIRONMENTS__CLINIC__ORIGINS__0=https://x.example":    "CURFEW_ENVIRONMENTS__CLINIC__ORIGINS__0: environments[0].origins has nothing below it; set it as a whole",
		"CURFEW_ENVIRONMENTS__CLINIC__ORIGIN__X=y":                     "CURFEW_ENVIRONMENTS__CLINIC__ORIGIN__X: environments[0].origin has nothing below it",
		"CURFEW_ENVIRONMENTS__CLINIC__ORIGIN=":                         `CURFEW_ENVIRONMENTS__CLINIC__ORIGIN: environment clinic: origin is ""; allowed: https://host`,
		"CURFEW_ENVIRONMENTS=[":                                        "CURFEW_ENVIRONMENTS: [1:1] ",
		"CURFEW_ENVIRONMENTS=":                                         "CURFEW_ENVIRONMENTS: environments has no value",
		"CURFEW_ENVIRONMENTS=null":                                     "CURFEW_ENVIRONMENTS: environments has no value",
		"CURFEW_ENVIRONMENTS=[{idd: x}]":                               `CURFEW_ENVIRONMENTS: unknown field "idd" in environments[0]; allowed: id, kind`,
		"CURFEW_ENVIRONMENTS__CLINIC={id: ward}":                       `CURFEW_ENVIRONMENTS__CLINIC: environments[0].id is "ward"; allowed: clinic, as the name of the variable says`,
		"CURFEW_ENVIRONMENTS__NEW__ID=old":                             `CURFEW_ENVIRONMENTS__NEW__ID: environments[2].id is "old"; allowed: new, as the name of the variable says`,
		"CURFEW_ENVIRONMENTS__NEW__KIND=app":                           `CURFEW_ENVIRONMENTS__NEW__KIND: environment new: origin is ""; allowed: https://host`,
		"CURFEW_ENVIRONMENTS__=x":                                      "CURFEW_ENVIRONMENTS__",
		"CURFEW_ENVIRONMENTS__CLINIC__=x":                              "CURFEW_ENVIRONMENTS__CLINIC__",
		"CURFEW_CONSOLE__PAGE__FRAMES=[https://x.example]":             "CURFEW_CONSOLE__PAGE__FRAMES: console: page.frames has 1 origins; allowed: none",
		"CURFEW_DATA=" + strings.Repeat("x", maxFile+1):                "CURFEW_DATA: it has more than 1048576 bytes",
	} {
		_, err := read([]byte(managed), []string{variable})
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("%.100s: %v, want\n%s", variable, err, want)
		}
	}
}

// The file may be missing where nobody named it and variables say everything.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curfew.yaml")
	all := []string{"CURFEW_ENVIRONMENTS__A={origin: https://a.example, provider: {issuer: https://l.example, client_id: c, client_secret_file: s}}"}
	if _, err := (Source{Path: path, Environ: all}).Load(); !os.IsNotExist(err) {
		t.Errorf("a file that was named is missing: %v", err)
	}
	c, err := Source{Path: path, Optional: true, Environ: all}.Load()
	if err != nil || c.Environments[0].ID != "a" {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := (Source{Path: path, Optional: true, Environ: []string{"CURFEW_PORT=x"}}).Load(); err == nil || !strings.Contains(err.Error(), "curfew.yaml: the file is missing, and no variable") {
		t.Errorf("nothing at all: %v", err)
	}
	if _, err := (Source{Path: path, Optional: true, Environ: []string{"CURFEW_LISTEN=:1"}}).Load(); err == nil || !strings.Contains(err.Error(), "environments is empty") {
		t.Errorf("no environments: %v", err)
	}
	// The file is named where it has to do with it.
	if err := os.WriteFile(path, []byte("listen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for variable, want := range map[string]string{"CURFEW_LISTEN=y": `CURFEW_LISTEN: listen is "y"`, "CURFEW_PREFIX=y": path + `: [1:9] listen is "x"`} {
		if _, err := (Source{Path: path, Environ: append(all, variable)}).Load(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", variable, err)
		}
	}
	// Paths in the file are beside it; those in variables are where the process is.
	if err := os.WriteFile(path, []byte("data: state\ntexts: t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = Source{Path: path, Environ: append(all, "CURFEW_TEXTS=words")}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != filepath.Join(dir, "state") || c.Texts != "words" || c.Environments[0].Provider.ClientSecretFile != "s" ||
		c.Keys != filepath.Join(dir, "state", "keys") || c.Admin.Socket != filepath.Join(dir, "state", "curfew.sock") {
		t.Errorf("%+v", c)
	}
	c, err = Source{Path: path, Environ: append(all, "CURFEW_DATA=here")}.Load()
	if err != nil || c.Data != "here" || c.Keys != "here/keys" || c.Admin.Socket != "here/curfew.sock" {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzVariables(f *testing.F) {
	f.Add("CURFEW_ENVIRONMENTS__CLINIC__SETTINGS__INACTIVITY_TIMEOUT", "15m")
	f.Add("CURFEW_ENVIRONMENTS", "[{id: a, origin: https://a.example, provider: {use: staff}}]")
	f.Add("CURFEW_SWITCHES__FCB_UCIINACTIVITYTIMEOUT", "false")
	f.Add("CURFEW_CONSOLE__ENVIRONMENT_ADMINISTRATORS__WARD_7", "[Ward]")
	f.Add("CURFEW_ADMIN__TOKENS__NIGHT_WATCH__FILE", "/run/night")
	f.Add("CURFEW_LIMITS", "{session_timeout: {min: 1m, max: 2h}}")
	f.Fuzz(func(t *testing.T, name, value string) {
		if len(value) > 4<<10 || len(name) > 4<<10 {
			t.Skip("the library takes its time over large nonsense")
		}
		before := parsed(t, managed)
		c, err := read([]byte(managed), []string{name + "=" + value})
		if err != nil {
			return
		}
		if len(c.variables) == 0 {
			c.places, before.places, c.ignored = nil, nil, nil
			c.resolve("")
			if !reflect.DeepEqual(c, before) {
				t.Errorf("a variable that counts for nothing changed the configuration:\n%+v\n%+v", c, before)
			}
		}
		sound(t, c)
	})
}
