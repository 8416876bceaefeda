package admin

import (
	"maps"
	"slices"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Default in place of a length puts that setting back to its default.
const Default = "default"

// Edit is a change to a document: what it does not name stays. Values are texts as people write them, so that one place reads them.
type Edit struct {
	// Preset comes first (C4); PresetInactivity is the organisation's number where the preset asks for one.
	Preset           string `json:"preset,omitempty"`
	PresetInactivity string `json:"preset_inactivity,omitempty"`

	SessionTimeout    *string `json:"session_timeout,omitempty"`    // a length, provider, or default
	SessionWarning    *string `json:"session_warning,omitempty"`    // a length, or default
	InactivityTimeout *string `json:"inactivity_timeout,omitempty"` // a length, off, or default
	InactivityWarning *string `json:"inactivity_warning,omitempty"`
	AnyActivityStays  *bool   `json:"any_activity_stays,omitempty"`

	Switches map[string]string `json:"switches,omitempty"` // by name: on, off or inherit
	Clients  *settings.Clients `json:"clients,omitempty"`  // all of it
	Name     *string           `json:"name,omitempty"`
	Origins  *[]string         `json:"origins,omitempty"`
}

// values of a switch in an Edit.
const (
	switchOn      = "on"
	switchOff     = "off"
	switchInherit = "inherit"
)

// apply is the document with the edit, and every value that cannot be read.
func (e Edit) apply(to settings.Document, deployment bool) (settings.Document, settings.Problems) {
	to = to.Clone()
	var bad settings.Problems
	e.applyPreset(&to, &bad)
	defaults := policy.Defaults()
	length := func(field string, text *string, into *time.Duration, otherwise time.Duration, parse func(string) (time.Duration, error)) {
		switch {
		case text == nil:
		case *text == Default:
			*into = otherwise
		default:
			d, err := parse(*text)
			if err != nil {
				bad.Add(field, "%q %v", *text, err)
				return
			}
			*into = d
		}
	}
	set := &to.Settings
	length("session_timeout", e.SessionTimeout, &set.SessionTimeout, defaults.SessionTimeout, settings.ParseTimeout)
	length("session_warning", e.SessionWarning, &set.SessionWarning, defaults.SessionWarning, settings.ParseLength)
	length("inactivity_timeout", e.InactivityTimeout, &set.InactivityTimeout, defaults.InactivityTimeout, settings.ParseLength)
	length("inactivity_warning", e.InactivityWarning, &set.InactivityWarning, defaults.InactivityWarning, settings.ParseLength)
	if e.AnyActivityStays != nil {
		set.AnyActivityStays = *e.AnyActivityStays
	}
	e.applySwitches(&to, deployment, &bad)
	if e.Clients != nil {
		to.Clients = settings.Document{Clients: *e.Clients}.Clone().Clients
	}
	if e.Name != nil {
		to.Name = *e.Name
	}
	if e.Origins != nil {
		to.Origins = slices.Clone(*e.Origins)
		if len(to.Origins) == 0 {
			bad.Add("origins", "is empty; allowed: 1 to %d", settings.MaxOrigins)
		}
	}
	return to, bad
}

func (e Edit) applyPreset(to *settings.Document, bad *settings.Problems) {
	if e.Preset == "" {
		return
	}
	preset, ok := policy.PresetByID(e.Preset)
	if !ok {
		bad.Add("preset", "is %q; allowed: %s", e.Preset, presetIDs())
		return
	}
	var asked time.Duration
	if preset.AsksInactivity {
		var err error
		if asked, err = settings.ParseLength(e.PresetInactivity); err != nil || asked == 0 {
			bad.Add("preset_inactivity", "is %q; allowed: the inactivity timeout that your organisation has decided on, such as 15m, because %s gives no number", e.PresetInactivity, preset.Source)
			return
		}
	}
	to.Settings = settings.Times(preset.Apply(policy.Settings(to.Settings), asked))
}

func (e Edit) applySwitches(to *settings.Document, deployment bool, bad *settings.Problems) {
	for _, text := range slices.Sorted(maps.Keys(e.Switches)) {
		name, ok := policy.ParseSwitch(text)
		if !ok {
			bad.Add("switch", "is %q; allowed: %s", text, switchNames())
			continue
		}
		if to.Switches == nil {
			to.Switches = map[policy.Switch]bool{}
		}
		switch value := e.Switches[text]; {
		case value == switchOn, value == switchOff:
			to.Switches[name] = value == switchOn
		case value == switchInherit && !deployment:
			delete(to.Switches, name)
		case deployment:
			bad.Add(string(name), "is %q; allowed: on or off", value)
		default:
			bad.Add(string(name), "is %q; allowed: on, off or inherit", value)
		}
	}
	if len(to.Switches) == 0 {
		to.Switches = nil
	}
}
