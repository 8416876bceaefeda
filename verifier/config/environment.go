package config

import (
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Environment is one application.
type Environment struct {
	ID          string      `yaml:"id"`
	Origin      string      `yaml:"origin"`
	Provider    Provider    `yaml:"provider"`
	Settings    Settings    `yaml:"settings"`
	PolicyCheck PolicyCheck `yaml:"policy_check"`
	SignOut     SignOut     `yaml:"sign_out"`
	HandIn      *HandIn     `yaml:"hand_in"` // nil: the application cannot hand in sessions
	Page        Page        `yaml:"page"`
}

// Settings are policy.Settings as the file has them. A missing value keeps its default.
type Settings struct {
	SessionTimeout    *Timeout `yaml:"session_timeout"`
	SessionWarning    *Length  `yaml:"session_warning"`
	InactivityTimeout *Length  `yaml:"inactivity_timeout"`
	InactivityWarning *Length  `yaml:"inactivity_warning"`
	AnyActivityStays  bool     `yaml:"any_activity_stays"`
}

// PolicyCheck is settings.PolicyCheck as the file has it (A5 to A7). A missing value keeps its default.
type PolicyCheck struct {
	Bypass       bool    `yaml:"bypass"`
	Interval     *Length `yaml:"interval"`
	OutageBudget *Length `yaml:"outage_budget"`
	Cap          *Length `yaml:"cap"`
	Absence      *Length `yaml:"absence"`
}

// SignOut is settings.SignOut as the file has it (B4).
type SignOut struct {
	HereOnly      bool      `yaml:"here_only"`
	ClearSiteData *[]string `yaml:"clear_site_data"` // nil: the default; empty: nothing
}

// Bounds and defaults of a policy check (A5 to A7).
const (
	defaultInterval = 60 * time.Minute
	defaultFloor    = 5 * time.Minute  // of the interval
	leastFloor      = 10 * time.Second // of the interval, however far an operator lowers it
	mostInterval    = 24 * time.Hour
	defaultBudget   = 480 * time.Minute
	mostBudget      = 7 * 24 * time.Hour
	defaultAbsence  = 90 * 24 * time.Hour
	leastAbsence    = 24 * time.Hour
	mostAbsence     = 365 * 24 * time.Hour
)

// clearable are the directives of Clear-Site-Data, and cleared those that are sent by default: not cookies, which are the
// application's own affair. executionContexts would reload the page that is about to go on to the provider's sign-out.
var (
	clearable = []string{"cache", "cookies", "storage"}
	cleared   = []string{"cache", "storage"}
)

// PolicyLimits are the limits in force.
func (c Config) PolicyLimits() policy.Limits {
	limits := policy.DefaultLimits()
	limits.SessionTimeout.Min = orDefault(c.Limits.SessionTimeout.Min, limits.SessionTimeout.Min)
	limits.SessionTimeout.Max = orDefault(c.Limits.SessionTimeout.Max, limits.SessionTimeout.Max)
	limits.InactivityTimeout.Min = orDefault(c.Limits.InactivityTimeout.Min, limits.InactivityTimeout.Min)
	limits.InactivityTimeout.Max = orDefault(c.Limits.InactivityTimeout.Max, limits.InactivityTimeout.Max)
	limits.InactivityWarning = orDefault(c.Limits.InactivityWarning.Min, limits.InactivityWarning)
	return limits
}

// checkFloor is the least interval between two policy checks.
func (c Config) checkFloor() time.Duration { return orDefault(c.Limits.PolicyCheck.Min, defaultFloor) }

// PolicySettings are an environment's settings in force.
func (e Environment) PolicySettings() policy.Settings {
	s := policy.Defaults()
	s.SessionTimeout = orDefault(e.Settings.SessionTimeout, s.SessionTimeout)
	s.SessionWarning = orDefault(e.Settings.SessionWarning, s.SessionWarning)
	s.InactivityTimeout = orDefault(e.Settings.InactivityTimeout, s.InactivityTimeout)
	s.InactivityWarning = orDefault(e.Settings.InactivityWarning, s.InactivityWarning)
	s.AnyActivityStays = e.Settings.AnyActivityStays
	return s
}

// InForce is the environment as the verifier serves it.
func (e Environment) InForce() settings.Environment {
	clear := cleared
	if e.SignOut.ClearSiteData != nil {
		clear = *e.SignOut.ClearSiteData
	}
	return settings.Environment{
		ID: e.ID, Origin: e.Origin, Settings: e.PolicySettings(), ClockSkew: time.Duration(e.Provider.ClockSkew),
		Check: settings.PolicyCheck{
			Bypass:   e.PolicyCheck.Bypass,
			Interval: orDefault(e.PolicyCheck.Interval, defaultInterval),
			Budget:   orDefault(e.PolicyCheck.OutageBudget, defaultBudget),
			Cap:      orDefault(e.PolicyCheck.Cap, policy.Cap),
			Absence:  orDefault(e.PolicyCheck.Absence, defaultAbsence),
		},
		SignOut: settings.SignOut{HereOnly: e.SignOut.HereOnly, Clear: append([]string{}, clear...)},
		Page:    e.Page.inForce(),
	}
}
