package console

import (
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// How things are called on the pages. What has no entry is shown by its own name.

// count is a number of things that are called by an English noun.
func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	if stem, ok := strings.CutSuffix(of, "y"); ok && !strings.HasSuffix(stem, "a") {
		return grouped(n) + " " + stem + "ies"
	}
	return grouped(n) + " " + of + "s"
}

// grouped writes a number with a thin space between thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

var fieldWords = map[string]string{
	"removed": "Removed", "kind": "Kind", "name": "Name", "origins": "Origins", "provider": "Identity provider",
	"session_timeout": "Session timeout", "session_warning": "Session warning", "inactivity_timeout": "Inactivity timeout",
	"inactivity_warning": "Inactivity warning", "any_activity_stays": "Any activity stays", "matchers": "Matchers", "preset": "Preset",
	"preset_inactivity": "Your organisation's number",
}

// fieldName is what a settings.Change is about.
func fieldName(field string) string {
	if word, ok := fieldWords[field]; ok {
		return word
	}
	if name, ok := strings.CutPrefix(field, "switch "); ok {
		return "Switch " + name
	}
	if name, ok := strings.CutPrefix(field, "client "); ok {
		return "Client: " + clientName(policy.Client(name))
	}
	return field
}

// fieldValue is a value of a settings.Change.
func fieldValue(field, value string) string {
	switch {
	case value == "":
		return "none"
	case field == "session_timeout" && value == settings.Provider:
		return "identity provider’s policy"
	case field == "any_activity_stays" || field == "removed":
		return map[string]string{"true": "yes", "false": "no"}[value]
	case value == "inherit":
		return "as the deployment"
	}
	return value
}

var clientWords = map[policy.Client]string{
	policy.Browser: "Browser", policy.OutlookAddIn: "Outlook add-in", policy.Phone: "Phone", policy.Tablet: "Tablet",
	policy.DesktopAgentShell: "Desktop agent shell", policy.LiveChat: "Live chat", policy.CanvasApp: "Canvas app",
}

func clientName(c policy.Client) string {
	if word, ok := clientWords[c]; ok {
		return word
	}
	return string(c)
}

// clientText is clientName for a client as settings.ClientName writes it.
func clientText(text string) string {
	if c, ok := settings.ParseClient(text); ok {
		return clientName(c)
	}
	return text
}

var reasonWords = map[wire.Reason]string{
	wire.SessionTimeout: "Session timeout", wire.Inactivity: "Inactivity", wire.SignedOut: "Signed out",
	wire.SignedOutElsewhere: "Signed out elsewhere", wire.EndedByAdmin: "Ended by an administrator",
	wire.EndedByProvider: "Ended by the provider", wire.ProviderRefused: "Refused by the provider",
	wire.PolicyCheckOverdue: "Provider silent for too long", wire.UserMismatch: "Another user", wire.KeyMismatch: "Another browser",
	wire.AgentSilent: "No heartbeat",
}

func reasonName(r wire.Reason) string {
	if word, ok := reasonWords[r]; ok {
		return word
	}
	return string(r)
}

var phaseWords = map[wire.Phase]string{wire.Active: "Active", wire.Warned: "Warned", wire.Ended: "Ended"}

func phaseName(p wire.Phase) string {
	if word, ok := phaseWords[p]; ok {
		return word
	}
	return string(p)
}

var stateWords = map[admin.State]string{admin.Living: "Living", admin.WarnedNow: "Being warned now", admin.Over: "Ended", admin.Any: "Any"}

// switchWords say what each switch does when it is on.
var switchWords = map[policy.Switch]string{
	policy.AllowCustomSessionDuration:    "Lets the environment have a session timeout of its own instead of the identity provider’s policy, and another session warning than the default.",
	policy.AllowCustomInactivityDuration: "Lets the environment choose its inactivity timeout and the warning before it.",
	policy.WSFedNonceCookieEnabled:       "Binds a sign-in to the browser’s user agent as well. That it ends in the browser that began it holds in any case.",
	policy.UCIInactivityTimeout:          "Enforces the inactivity timeout. While it is off, no session ends by inactivity, whatever is set.",
}

// kindGroups are the kinds of the audit, as people look for them.
var kindGroups = []struct {
	Name  string
	Kinds []audit.Kind
}{
	{"Sessions", []audit.Kind{audit.SignIn, audit.Warned, audit.Extended, audit.Ended, audit.Refused}},
	{"Identity provider", []audit.Kind{audit.Checked, audit.CheckFailed, audit.ProviderUp, audit.ProviderDown}},
	{"Administration", []audit.Kind{audit.SettingsChanged, audit.SwitchChanged, audit.ClientsChanged, audit.EnvironmentCreated,
		audit.EnvironmentRenamed, audit.EnvironmentRemoved, audit.AdminRefused}},
	{"Verifier", []audit.Kind{audit.ConfigLoaded, audit.ConfigRefused, audit.KeysChanged, audit.Restored, audit.Trimmed, audit.Lost}},
}

var kindWords = map[audit.Kind]string{
	audit.SignIn: "Sign-in", audit.Extended: "Stayed signed in", audit.Warned: "Warned", audit.Ended: "Ended", audit.Refused: "Refused",
	audit.Checked: "Provider confirmed", audit.CheckFailed: "Provider not asked", audit.ProviderUp: "Provider answers",
	audit.ProviderDown: "Provider does not answer", audit.EnvironmentCreated: "Environment created", audit.EnvironmentRenamed: "Environment renamed",
	audit.EnvironmentRemoved: "Environment removed", audit.SettingsChanged: "Settings changed", audit.SwitchChanged: "Switches changed",
	audit.ClientsChanged: "Clients changed", audit.AdminRefused: "Administration refused", audit.ConfigLoaded: "Configuration loaded",
	audit.ConfigRefused: "Configuration refused", audit.KeysChanged: "Keys changed", audit.Restored: "Restored from a backup",
	audit.Trimmed: "Old entries dropped", audit.Lost: "Entries lost",
}

func kindName(k audit.Kind) string {
	if word, ok := kindWords[k]; ok {
		return word
	}
	return string(k)
}

var environmentKinds = map[settings.Kind]string{settings.App: "Application", settings.Portal: "Portal"}

func environmentKind(k settings.Kind) string {
	if word, ok := environmentKinds[k]; ok {
		return word
	}
	return string(k)
}
