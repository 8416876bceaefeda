// Package admin administers a verifier: environments, settings, switches, clients, sessions and the audit. Each operation says who does
// it, is allowed or refused, validated, applied and recorded here and nowhere else, so that the console, the API and the command line
// cannot differ.
package admin

import "slices"

// Actor is who administers.
type Actor struct {
	Name string // for the history and the audit, such as "amara (console)" or "token deploy"
	// All lets the actor administer everything; otherwise only what belongs to Environments, which may be none.
	All          bool
	Environments []string
}

// May reports whether the actor may administer an environment. Only who may do everything may administer the deployment.
func (a Actor) May(environment string) bool {
	return a.All || environment != "" && slices.Contains(a.Environments, environment)
}

// Administers reports whether the actor may administer anything at all.
func (a Actor) Administers() bool { return a.All || len(a.Environments) > 0 }
