// Package settings holds the environments that a verifier serves and the settings in force in each.
package settings

import (
	"net/url"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Environment is one application with its own settings (C1).
type Environment struct {
	ID       string
	Origin   string // scheme://host[:port], without a slash at the end; what browsers call the application
	Settings policy.Settings
	Check    PolicyCheck
	SignOut  SignOut
	Page     Page
	// ClockSkew is how much earlier than the last session's end auth_time may be by the provider's clock (B1); default 0.
	ClockSkew time.Duration
}

// PolicyCheck is how the identity provider is asked whether a user may go on (A5 to A7). Whole seconds.
type PolicyCheck struct {
	// Bypass marks an environment whose provider cannot be asked: its sessions are capped instead (A6).
	Bypass   bool
	Interval time.Duration // between two checks of a session; default 1h, allowed 5m to 24h
	Budget   time.Duration // how long past the interval an outage may last for a user who chose to stay signed in; default 8h
	Cap      time.Duration // the longest bypassed session; default and at most 24h
	// Absence is how long a session is kept whose browser does not come back, so that the provider is not asked about it: default
	// 2160h, the 90 days after which a provider forgets it too (A5).
	Absence time.Duration
}

// SignOut is what a sign-out does besides ending the session here and at the provider (B4).
type SignOut struct {
	// HereOnly leaves the user's sessions in other browsers alone unless the person asks for all.
	HereOnly bool
	// Clear are the directives of Clear-Site-Data that the browser is sent.
	Clear []string
}

// Page is what the agent and the verifier's own pages know of the application besides its times.
type Page struct {
	// Name and Logo are what people know the application by: a short text, and a path of the origin or an https address. Or empty.
	Name, Logo string
	// Frames are the other origins whose frames may take part (A10).
	Frames []string
	// Notify lets the agent show a notification when a warning begins in a hidden tab, where the page has the permission already (A14).
	Notify bool
}

// For are the settings in force for a session of the environment: those of a bypassed one have the cap (A6).
func (e Environment) For(bypassed bool) policy.Settings {
	if bypassed || e.Check.Bypass {
		return e.Settings.Capped(e.Check.Cap)
	}
	return e.Settings
}

// Secure reports whether the origin is https. Only localhost may be otherwise.
func (e Environment) Secure() bool { return strings.HasPrefix(e.Origin, "https://") }

// Host is the origin's host and port as a Host header has it.
func (e Environment) Host() string {
	u, err := url.Parse(e.Origin)
	if err != nil {
		return ""
	}
	return u.Host
}
