package settings

import (
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Words that stand for no length.
const (
	Provider = "provider" // of a session timeout: left to the identity provider's own policy (A5)
	Off      = "off"      // of an inactivity timeout
)

var (
	errLength  = errors.New("is not a length of time: write a number and its unit, such as 90s, 20m or 24h")
	errTimeout = errors.New("is no session timeout: write a number and its unit, such as 12h, or provider to let the identity provider decide")
)

// ParseLength reads a length of time with its unit, such as 90s, 20m or 24h; 0 and off are none.
func ParseLength(text string) (time.Duration, error) {
	if text == "0" || text == Off {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errLength
	}
	return d, nil
}

// ParseTimeout reads a session timeout: a length, or provider, which is 0. Sessions cannot be without any end, so off is none.
func ParseTimeout(text string) (time.Duration, error) {
	if text == "0" || text == Provider {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errTimeout
	}
	return d, nil
}

// FormatTimeout writes a session timeout as ParseTimeout reads it.
func FormatTimeout(d time.Duration) string {
	if d == 0 {
		return Provider
	}
	return policy.Format(d)
}

// FormatInactivity writes an inactivity timeout as ParseLength reads it.
func FormatInactivity(d time.Duration) string {
	if d == 0 {
		return Off
	}
	return policy.Format(d)
}
