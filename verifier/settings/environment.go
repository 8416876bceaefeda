// Package settings holds the environments that a verifier serves and the settings in force in each.
package settings

import (
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
)

// Environment is one application with its own settings (C1).
type Environment struct {
	ID       string
	Origin   string // scheme://host[:port], without a slash at the end; what browsers call the application
	Settings policy.Settings
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
