package config

import (
	"maps"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Environment is one application.
type Environment struct {
	ID          string      `yaml:"id"`
	Kind        string      `yaml:"kind"` // of settings.Kinds; empty: app
	Origin      string      `yaml:"origin"`
	Origins     []string    `yaml:"origins"` // besides origin
	Provider    Provider    `yaml:"provider"`
	Settings    *Settings   `yaml:"settings"` // nil: administrators decide
	Switches    Switches    `yaml:"switches"` // nil: administrators decide
	Clients     *Clients    `yaml:"clients"`  // nil: administrators decide
	PolicyCheck PolicyCheck `yaml:"policy_check"`
	SignOut     SignOut     `yaml:"sign_out"`
	HandIn      *HandIn     `yaml:"hand_in"` // nil: the application cannot hand in sessions
	Services    []Service   `yaml:"services" by:"id"`
	Page        Page        `yaml:"page"`
	Assertion   bool        `yaml:"assertion"` // check signs who the user is

	deployment Switches // those of the file, for all environments
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

// PolicySettings are the times that the file has for an environment, whatever the switches are.
func (e Environment) PolicySettings() policy.Settings {
	s := policy.Defaults()
	if from := e.Settings; from != nil {
		s.SessionTimeout = orDefault(from.SessionTimeout, s.SessionTimeout)
		s.SessionWarning = orDefault(from.SessionWarning, s.SessionWarning)
		s.InactivityTimeout = orDefault(from.InactivityTimeout, s.InactivityTimeout)
		s.InactivityWarning = orDefault(from.InactivityWarning, s.InactivityWarning)
		s.AnyActivityStays = from.AnyActivityStays
	}
	return s
}

// Owned says which parts of an environment the file fixes. Administrators cannot change those.
type Owned struct{ Settings, Switches, Clients, Name bool }

// Document is what the file says of what administrators could decide otherwise, and which of it they cannot. The rest is the defaults.
// Origins and kind are always the file's.
func (e Environment) Document() (settings.Document, Owned) {
	doc := settings.New()
	doc.Kind, doc.Name, doc.Origins, doc.Provider = e.kind(), e.Page.Name, e.AllOrigins(), e.Provider.Use
	doc.Settings, doc.Switches = settings.Times(e.PolicySettings()), maps.Clone(map[policy.Switch]bool(e.Switches))
	if e.Clients != nil {
		doc.Clients = e.Clients.inForce()
	}
	return doc, Owned{Settings: e.Settings != nil, Switches: e.Switches != nil, Clients: e.Clients != nil, Name: e.Page.Name != ""}
}

// Base is what the file alone says of an environment, at its first origin: everything but times, switches and clients.
func (e Environment) Base() settings.Environment {
	clear := cleared
	if e.SignOut.ClearSiteData != nil {
		clear = *e.SignOut.ClearSiteData
	}
	return settings.Environment{
		ID: e.ID, Kind: e.kind(), Origin: e.Origin, ClockSkew: time.Duration(e.Provider.ClockSkew),
		Check: settings.PolicyCheck{
			Bypass:   e.PolicyCheck.Bypass,
			Interval: orDefault(e.PolicyCheck.Interval, defaultInterval),
			Budget:   orDefault(e.PolicyCheck.OutageBudget, defaultBudget),
			Cap:      orDefault(e.PolicyCheck.Cap, policy.Cap),
			Absence:  orDefault(e.PolicyCheck.Absence, defaultAbsence),
		},
		SignOut: settings.SignOut{HereOnly: e.SignOut.HereOnly, Clear: append([]string{}, clear...)},
		Page:    e.Page.inForce(), Assertion: e.Assertion,
	}
}

// InForce is the environment, at its first origin, as the verifier serves it where administrators have decided nothing.
func (e Environment) InForce() settings.Environment {
	doc, _ := e.Document()
	env := e.Base()
	env.Switches, env.Clients = doc.On(settings.Document{Switches: e.deployment}), doc.Clients
	env.Settings = policy.Settings(doc.Settings).Switched(env.Switches)
	return env
}

// AllOrigins are the environment's origins, the first of them first.
func (e Environment) AllOrigins() []string { return append([]string{e.Origin}, e.Origins...) }

func (e Environment) kind() settings.Kind {
	if e.Kind == "" {
		return settings.App
	}
	return settings.Kind(e.Kind)
}
