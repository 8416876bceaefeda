package settings

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
)

// Deployment is what the document is called that holds for all environments. It has switches only.
const Deployment = "*"

// Document is what administrators decide about one environment. A store keeps every version of it.
type Document struct {
	Kind     Kind                   `json:"kind,omitempty"`
	Name     string                 `json:"name,omitempty"` // what people call it
	Origins  []string               `json:"origins,omitempty"`
	Provider string                 `json:"provider,omitempty"` // the file's provider that it uses; empty: its own, in the file
	Settings Times                  `json:"settings,omitzero"`
	Switches map[policy.Switch]bool `json:"switches,omitempty"` // a switch that is not there is as in the deployment
	Clients  Clients                `json:"clients,omitzero"`
	Removed  bool                   `json:"removed,omitempty"`
	// Born is the version at which the environment was made, or made again after it was removed. A sign-in that began before belongs to
	// another one.
	Born int64 `json:"born,omitempty"`
}

// Times are policy.Settings as people write them.
type Times policy.Settings

// timesText is the form of Times in JSON.
type timesText struct {
	SessionTimeout    string `json:"session_timeout"`
	SessionWarning    string `json:"session_warning"`
	InactivityTimeout string `json:"inactivity_timeout"`
	InactivityWarning string `json:"inactivity_warning"`
	AnyActivityStays  bool   `json:"any_activity_stays"`
}

// MarshalJSON writes lengths with their units.
func (t Times) MarshalJSON() ([]byte, error) {
	return json.Marshal(timesText{FormatTimeout(t.SessionTimeout), policy.Format(t.SessionWarning),
		FormatInactivity(t.InactivityTimeout), policy.Format(t.InactivityWarning), t.AnyActivityStays})
}

// UnmarshalJSON reads what MarshalJSON writes. Everything must be there.
func (t *Times) UnmarshalJSON(text []byte) error {
	var in timesText
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	out := Times{AnyActivityStays: in.AnyActivityStays}
	var err error
	if out.SessionTimeout, err = ParseTimeout(in.SessionTimeout); err != nil {
		return fmt.Errorf("session_timeout: %q %w", in.SessionTimeout, err)
	}
	if out.SessionWarning, err = ParseLength(in.SessionWarning); err != nil {
		return fmt.Errorf("session_warning: %q %w", in.SessionWarning, err)
	}
	if out.InactivityTimeout, err = ParseLength(in.InactivityTimeout); err != nil {
		return fmt.Errorf("inactivity_timeout: %q %w", in.InactivityTimeout, err)
	}
	if out.InactivityWarning, err = ParseLength(in.InactivityWarning); err != nil {
		return fmt.Errorf("inactivity_warning: %q %w", in.InactivityWarning, err)
	}
	*t = out
	return nil
}

// New is the document of an environment for which nobody has decided anything.
func New() Document { return Document{Kind: App, Settings: Times(policy.Defaults())} }

// Blank is what the first version of a document is compared with: nothing but the defaults.
func Blank() Document {
	blank := New()
	blank.Kind = ""
	return blank
}

// On are the switches in force in the environment: its own, and where it has none the deployment's; a portal has only its own (A11).
func (d Document) On(deployment Document) policy.Switches {
	var on policy.Switches
	for _, name := range policy.SwitchNames() {
		value, own := d.Switches[name]
		if !own && d.Kind != Portal {
			value = deployment.Switches[name]
		}
		on = on.With(name, value)
	}
	return on
}

// Clone is a document that shares nothing with d.
func (d Document) Clone() Document {
	d.Origins, d.Switches = slices.Clone(d.Origins), maps.Clone(d.Switches)
	d.Clients.Matchers, d.Clients.Enforced = slices.Clone(d.Clients.Matchers), maps.Clone(d.Clients.Enforced)
	return d
}

// Change is one value that differs between two versions of a document, as people write it.
type Change struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// String is the change in one line.
func (c Change) String() string {
	return fmt.Sprintf("%s: %s -> %s", c.Field, orNone(c.Old), orNone(c.New))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// Diff lists what differs between two versions, in the order in which people are shown it.
func Diff(before, after Document) []Change {
	deployment := after.Kind == "" // which inherits from nobody
	old, now := before.fields(deployment), after.fields(deployment)
	var all []Change
	for i := range now {
		if old[i].value != now[i].value {
			all = append(all, Change{now[i].name, old[i].value, now[i].value})
		}
	}
	return all
}

type field struct{ name, value string }

// fields are all values, always the same ones in the same order.
func (d Document) fields(deployment bool) []field {
	all := []field{
		{"removed", strconv.FormatBool(d.Removed)},
		{"kind", string(d.Kind)},
		{"name", d.Name},
		{"origins", strings.Join(d.Origins, " ")},
		{"provider", d.Provider},
		{"session_timeout", FormatTimeout(d.Settings.SessionTimeout)},
		{"session_warning", policy.Format(d.Settings.SessionWarning)},
		{"inactivity_timeout", FormatInactivity(d.Settings.InactivityTimeout)},
		{"inactivity_warning", policy.Format(d.Settings.InactivityWarning)},
		{"any_activity_stays", strconv.FormatBool(d.Settings.AnyActivityStays)},
	}
	for _, name := range policy.SwitchNames() {
		value, own := d.Switches[name]
		text := "inherit"
		if deployment {
			text = OnOff(false)
		}
		if own {
			text = OnOff(value)
		}
		all = append(all, field{"switch " + string(name), text})
	}
	for _, client := range policy.Clients() {
		of := d.Clients.Of(client)
		all = append(all, field{"client " + string(client), "session " + enforced(of.Session) + ", inactivity " + enforced(of.Inactivity)})
	}
	var matchers []string
	for _, m := range d.Clients.Matchers {
		matchers = append(matchers, m.String())
	}
	return append(all, field{"matchers", strings.Join(matchers, "; ")})
}

// OnOff is how a switch's value is written.
func OnOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func enforced(is bool) string {
	if is {
		return "enforced"
	}
	return "exempt"
}

// String is the matcher in one line.
func (m Matcher) String() string {
	var parts []string
	if m.ClientID != "" {
		parts = append(parts, "client_id "+strconv.Quote(m.ClientID))
	}
	if m.UserAgent != "" {
		parts = append(parts, "user_agent "+strconv.Quote(m.UserAgent))
	}
	return strings.Join(parts, " and ") + " is " + ClientName(m.Client)
}

// ClientName is how a kind of client is written: browser for policy.Browser.
func ClientName(c policy.Client) string {
	if c == policy.Browser {
		return "browser"
	}
	return string(c)
}

// ParseClient reads what ClientName writes.
func ParseClient(text string) (c policy.Client, ok bool) {
	if text == "browser" {
		return policy.Browser, true
	}
	c = policy.Client(text)
	return c, c != policy.Browser && c.Valid()
}
