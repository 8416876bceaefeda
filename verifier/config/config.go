// Package config reads the verifier's one YAML file and the environment variables that stand above it, strictly: an unknown key, a value
// without a unit or a setting out of range is an error that names the place, the value and what is allowed.
package config

import (
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Config is the whole configuration. See the README for each key.
type Config struct {
	Listen         string          `yaml:"listen"`
	OperatorListen string          `yaml:"operator_listen"`
	TLS            *PublicTLS      `yaml:"tls"`             // nil: listen is not encrypted
	OperatorTLS    *TLS            `yaml:"operator_tls"`    // nil: operator_listen is not
	TrustedProxies []string        `yaml:"trusted_proxies"` // addresses and ranges of them
	MaxConnections Whole           `yaml:"max_connections"` // of listen
	RateLimits     RateLimits      `yaml:"rate_limits"`
	StopTimeout    Length          `yaml:"stop_timeout"` // what is under way has it to finish
	Prefix         string          `yaml:"prefix"`
	Data           string          `yaml:"data"`
	Keys           string          `yaml:"keys"`
	KeyRotation    KeyRotation     `yaml:"key_rotation"`
	Store          Store           `yaml:"store"`
	Texts          string          `yaml:"texts"` // directory with the operator's own languages (C7); empty: none
	CookieRenewal  Length          `yaml:"cookie_renewal"`
	PolicyChecks   PolicyChecks    `yaml:"policy_checks"`
	Limits         Limits          `yaml:"limits"`
	Audit          Audit           `yaml:"audit"`
	Admin          Admin           `yaml:"admin"`
	Relay          *Relay          `yaml:"relay"`    // nil: there is none
	Console        *Console        `yaml:"console"`  // nil: there is none
	Switches       Switches        `yaml:"switches"` // nil: administrators decide
	Providers      []NamedProvider `yaml:"providers" by:"id"`
	Environments   []Environment   `yaml:"environments" by:"id"`

	places    places
	variables []Variable
	ignored   []string
	text      fingerprint // of the file
}

// PolicyChecks bounds what this process asks of one identity provider (A5).
type PolicyChecks struct {
	Rate        float64 `yaml:"rate"`        // a second
	Concurrency Whole   `yaml:"concurrency"` // at once
}

// Limits are policy.Limits as the file has them, and those of what the verifier alone knows. A missing value keeps its default.
type Limits struct {
	SessionTimeout    Range `yaml:"session_timeout"`
	InactivityTimeout Range `yaml:"inactivity_timeout"`
	InactivityWarning Floor `yaml:"inactivity_warning"`
	PolicyCheck       Floor `yaml:"policy_check"`
}

// Range is a floor and a ceiling.
type Range struct {
	Min *Length `yaml:"min"`
	Max *Length `yaml:"max"`
}

// Floor is only a floor.
type Floor struct {
	Min *Length `yaml:"min"`
}

// Default is the configuration that a file and variables change.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8480", OperatorListen: "127.0.0.1:8481", Prefix: "/.curfew/", Data: "curfew-data",
		TrustedProxies: []string{"127.0.0.0/8", "::1"}, MaxConnections: 20_000, StopTimeout: Length(20 * time.Second),
		RateLimits:    RateLimits{Address: 100, AddressBurst: 2000, Session: 20, SessionBurst: 400},
		KeyRotation:   KeyRotation{Overlap: Length(defaultOverlap)},
		CookieRenewal: Length(policy.MaxCookieRenewal), PolicyChecks: PolicyChecks{Rate: 20, Concurrency: 8},
		Audit: Audit{Retention: Length(defaultRetention)}, Admin: Admin{Socket: "curfew.sock"},
	}
}

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

// fromVariable reports whether the value of a path was read from a variable.
func (c Config) fromVariable(path string) bool {
	return strings.HasPrefix(c.places.of(path), variablePrefix)
}
