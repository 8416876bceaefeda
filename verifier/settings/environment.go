// Package settings holds the environments that a verifier serves, what administrators decide about them, and the contract of the
// stores that keep it.
package settings

import (
	"net/url"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Kind is what an environment is (C1).
type Kind string

const (
	App    Kind = "app"
	Portal Kind = "portal" // independent of what is set for all others: the deployment's switches do not apply to it (A11)
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{App, Portal} }

// Environment is one application as the verifier serves it, at one of its origins.
type Environment struct {
	ID   string
	Kind Kind
	// Origin is scheme://host[:port], without a slash at the end: what browsers call the application. An environment with several
	// origins is one Environment for each, which differ in nothing else.
	Origin string
	// Settings are the times in force: what is set, as far as the switches allow.
	Settings policy.Settings
	Switches policy.Switches
	Clients  Clients
	Check    PolicyCheck
	SignOut  SignOut
	Page     Page
	// Assertion lets check sign who the user is, for an application that does not want to trust its network.
	Assertion bool
	// ClockSkew is how much earlier than the last session's end auth_time may be by the provider's clock (B1); default 0.
	ClockSkew time.Duration
	// Version is that of the document that is in force, and Born the one at which the environment was made; 0 where administrators have
	// nothing to decide.
	Version, Born int64
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

// For are the settings in force for a session of the environment. In an exempt client a timeout is not enforced (A9); a bypassed
// session has the cap all the same, because nobody else would ever end it (A6).
func (e Environment) For(bypassed bool, client policy.Client) policy.Settings {
	set := e.Clients.apply(e.Settings, client)
	if bypassed || e.Check.Bypass {
		return set.Capped(e.Check.Cap)
	}
	return set
}

// Scope is what a token is bound to that is good in this environment at this origin only (P6).
func (e Environment) Scope() string { return e.ID + " " + e.Origin }

// Label is what administrators call the environment.
func (e Environment) Label() string {
	if e.Page.Name != "" {
		return e.Page.Name
	}
	return e.ID
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
