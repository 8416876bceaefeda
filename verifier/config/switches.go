package config

import (
	"maps"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Switches are feature switches that the file sets (C2). A switch that is not there is as in the deployment, or off.
type Switches map[policy.Switch]bool

func (Switches) names() []string {
	var all []string
	for _, name := range policy.SwitchNames() {
		all = append(all, string(name))
	}
	return all
}

// DeploymentDocument is what the file says for all environments, and whether administrators cannot change it.
func (c Config) DeploymentDocument() (doc settings.Document, ownedSwitches bool) {
	return settings.Document{Switches: maps.Clone(map[policy.Switch]bool(c.Switches))}, c.Switches != nil
}
