package config

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// ConsoleID is the console as an environment. No other may have it.
const ConsoleID = settings.ReservedID

// Console is where administrators work (C3). It is an environment of its own.
type Console struct {
	Origin   string   `yaml:"origin"`
	Provider Provider `yaml:"provider"`
	// RoleClaim is the claim of the ID token that has a person's roles: its name, or where there is none of that name, names with dots
	// between them that lead into it, such as realm_access.roles.
	RoleClaim string `yaml:"role_claim"`
	// Administrators are the values of that claim, compared as they are, that make an administrator of everything.
	Administrators []string `yaml:"administrators"`
	// EnvironmentAdministrators are those that make an administrator of one environment.
	EnvironmentAdministrators map[string][]string `yaml:"environment_administrators"`
	Settings                  *Settings           `yaml:"settings"`
	Page                      Page                `yaml:"page"`
}

// initial is what a console has that says nothing else.
func (c *Console) initial() { c.RoleClaim = "roles" }

// Bounds of the console's values.
const (
	maxRoles = 64  // of one list
	maxRole  = 200 // bytes
)

// consoleSettings are the console's times where the file has none: a working day, and little patience.
func consoleSettings() policy.Settings {
	return policy.Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}
}

// Environment is the console as an environment. Its times depend on no switch.
func (c Console) Environment() Environment {
	var set Settings
	if c.Settings != nil {
		set = *c.Settings
	}
	defaults, on := consoleSettings(), Switches{}
	keep := func(to **Length, value time.Duration) {
		if *to == nil {
			length := Length(value)
			*to = &length
		}
	}
	if set.SessionTimeout == nil {
		timeout := Timeout(defaults.SessionTimeout)
		set.SessionTimeout = &timeout
	}
	keep(&set.SessionWarning, defaults.SessionWarning)
	keep(&set.InactivityTimeout, defaults.InactivityTimeout)
	keep(&set.InactivityWarning, defaults.InactivityWarning)
	for _, name := range policy.SwitchNames() {
		on[name] = true
	}
	return Environment{ID: settings.ReservedID, Origin: c.Origin, Provider: c.Provider, Settings: &set, Switches: on, Page: c.Page}
}

func (c Console) validate(b block) {
	if len(c.Administrators) == 0 && len(c.EnvironmentAdministrators) == 0 {
		b.add("administrators", "is empty; allowed: one value or more, here or in environment_administrators")
	}
	if !roleText(c.RoleClaim) {
		b.add("role_claim", "is %q; allowed: the name of a claim, up to %d bytes", c.RoleClaim, maxRole)
	}
	roles := func(key string, values []string) {
		if len(values) > maxRoles {
			b.add(key, "has %d values; allowed: up to %d", len(values), maxRoles)
		}
		for i, role := range values {
			if !roleText(role) || slices.Contains(values[:i], role) {
				b.addItem(key, i, "has %q; allowed: each value once, of 1 to %d bytes", role, maxRole)
			}
		}
	}
	roles("administrators", c.Administrators)
	for _, id := range sorted(c.EnvironmentAdministrators) {
		key := "environment_administrators." + id
		if allowed := settings.CheckID(id); allowed != "" {
			b.add(key, "is for %q; allowed: %s", id, allowed)
		}
		if values := c.EnvironmentAdministrators[id]; len(values) == 0 {
			b.add(key, "is empty; allowed: one value or more")
		} else {
			roles(key, values)
		}
	}
	if len(c.Page.Frames) > 0 {
		b.add("page.frames", "has %d origins; allowed: none, because nobody may frame the console", len(c.Page.Frames))
	}
}

func roleText(text string) bool {
	return text != "" && len(text) <= maxRole && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
