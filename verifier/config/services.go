package config

import "github.com/curfew-project/curfew/verifier/settings"

// Service is an application or an API in another process that asks this verifier about the sessions of its environment (RFC 7662).
type Service struct {
	ID   string `yaml:"id"` // what it calls itself with HTTP Basic
	File string `yaml:"file"`
}

// maxServices is how many of them one environment can have.
const maxServices = 64

// Secret reads what the service authenticates with.
func (s Service) Secret() (string, error) { return readLong("file", s.File) }

func validateServices(b block, all []Service) {
	if len(all) > maxServices {
		b.add("services", "has %d entries; allowed: up to %d", len(all), maxServices)
	}
	ids := map[string]bool{}
	for i, service := range all {
		key := item("services", i)
		if allowed := settings.CheckID(service.ID); allowed != "" {
			b.add(key+".id", "is %q; allowed: %s", service.ID, allowed)
		} else if ids[service.ID] {
			b.add(key+".id", "is %q like another's; allowed: each id once", service.ID)
		}
		ids[service.ID] = true
		if service.File == "" {
			b.add(key+".file", "is empty; allowed: a file with a secret of %d characters or more", minSecret)
		}
	}
}
