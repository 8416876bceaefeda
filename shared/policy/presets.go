package policy

import "time"

// Preset is a set of times that a standard or a product asks for (C4). It is data: what it leaves open stays as it was.
type Preset struct {
	ID     string
	Name   string
	Source string // the document and its section
	Note   string // what an administrator should know before choosing it, or empty

	Session    *time.Duration // session timeout; nil: left as it is; 0: the provider's own policy
	Inactivity *time.Duration // inactivity timeout; nil: left as it is; 0: off
	// Defaults puts the warnings back to their defaults too.
	Defaults bool
	// AsksInactivity means that the source has no number for the inactivity timeout: it is the organisation's to give.
	AsksInactivity bool
}

func minutes(n int) *time.Duration {
	d := time.Duration(n) * time.Minute
	return &d
}

// Presets lists every preset.
func Presets() []Preset {
	return []Preset{
		{ID: "defaults", Name: "Defaults of Power Platform", Source: "Power Platform, user session and access management",
			Note: "The identity provider's own session policy, and no inactivity timeout.", Session: minutes(0), Inactivity: minutes(0), Defaults: true},
		{ID: "nist-aal2", Name: "NIST AAL2", Source: "NIST SP 800-63B-4, section 2.2.3 (reauthentication)",
			Note: "Sign in again after 24 hours, or after an hour without activity.", Session: minutes(1440), Inactivity: minutes(60)},
		{ID: "nist-aal3", Name: "NIST AAL3", Source: "NIST SP 800-63B-4, section 2.3.3 (reauthentication)",
			Note: "Sign in again after 12 hours, or after 15 minutes without activity.", Session: minutes(720), Inactivity: minutes(15)},
		{ID: "pci-dss", Name: "PCI DSS", Source: "PCI DSS v4.0.1, requirement 8.2.8",
			Note: "Idle for more than 15 minutes: sign in again. It sets no longest session.", Inactivity: minutes(15)},
		{ID: "owasp-high", Name: "OWASP, high risk", Source: "OWASP Session Management Cheat Sheet, session expiration",
			Note: "Idle 2 to 5 minutes, and 4 hours at the longest.", Session: minutes(240), Inactivity: minutes(5)},
		{ID: "owasp-low", Name: "OWASP, low risk", Source: "OWASP Session Management Cheat Sheet, session expiration",
			Note: "Idle 15 to 30 minutes, and 8 hours at the longest.", Session: minutes(480), Inactivity: minutes(30)},
		{ID: "hipaa", Name: "HIPAA automatic logoff", Source: "45 CFR 164.312(a)(2)(iii)",
			Note: "The rule asks for “a predetermined time of inactivity” and gives no number: use the one of your organisation's risk analysis.", AsksInactivity: true},
	}
}

// PresetByID finds a preset; ok is false when there is none.
func PresetByID(id string) (p Preset, ok bool) {
	for _, p := range Presets() {
		if p.ID == id {
			return p, true
		}
	}
	return Preset{}, false
}

// Apply are the settings with the preset's times. asked is the organisation's number where the preset asks for one. A warning that
// would no longer be shorter than what it warns of becomes the default, or half of the timeout where that is too long as well.
func (p Preset) Apply(to Settings, asked time.Duration) Settings {
	defaults := Defaults()
	if p.Defaults {
		to.SessionWarning, to.InactivityWarning, to.AnyActivityStays = defaults.SessionWarning, defaults.InactivityWarning, defaults.AnyActivityStays
	}
	if p.Session != nil {
		to.SessionTimeout = *p.Session
	}
	if p.Inactivity != nil {
		to.InactivityTimeout = *p.Inactivity
	}
	if p.AsksInactivity {
		to.InactivityTimeout = asked
	}
	fit := func(warning *time.Duration, timeout, otherwise time.Duration) {
		if timeout <= 0 || *warning < timeout {
			return
		}
		if *warning = otherwise; *warning >= timeout {
			*warning = (timeout / 2).Truncate(Granularity)
		}
	}
	fit(&to.SessionWarning, to.SessionTimeout, defaults.SessionWarning)
	fit(&to.InactivityWarning, to.InactivityTimeout, defaults.InactivityWarning)
	return to
}
