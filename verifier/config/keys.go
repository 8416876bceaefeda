package config

import (
	"fmt"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// KeyRotation is how the secrets of the key file are exchanged by schedule.
type KeyRotation struct {
	Every   Length `yaml:"every"`   // 0: on command only
	Overlap Length `yaml:"overlap"` // how long a new one is known before it is used
}

// Bounds and default of key_rotation. A key must be known to every verifier, and to everybody who caches jwks.json, before it is used.
const (
	leastRotation, mostRotation = 24 * time.Hour, 8760 * time.Hour
	leastOverlap, mostOverlap   = 10 * time.Minute, 168 * time.Hour
	defaultOverlap              = time.Hour
)

func (k KeyRotation) validate(b block) {
	every, overlap := time.Duration(k.Every), time.Duration(k.Overlap)
	if every != 0 {
		b.within("every", every, leastRotation, mostRotation)
	}
	b.within("overlap", overlap, leastOverlap, mostOverlap)
	if every >= leastRotation && overlap >= every {
		b.tell("overlap", fmt.Errorf("overlap is %s; allowed: less than every, which is %s", policy.Format(overlap), policy.Format(every)))
	}
}
