package config

import (
	"fmt"
	"strings"
	"time"
)

// Length is a length of time with its unit, such as 90s, 20m or 24h; 0 and off are none.
type Length time.Duration

// UnmarshalYAML reads a length.
func (l *Length) UnmarshalYAML(text []byte) error {
	value := scalar(text)
	if value == "0" || value == "off" || value == "false" { // YAML reads off as false
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%q is not a length of time: write a number and its unit, such as 90s, 20m or 24h", value)
	}
	*l = Length(d)
	return nil
}

// Timeout is a session timeout: a Length, or provider, which leaves it to the identity provider's own policy (A5) and is 0.
type Timeout time.Duration

// UnmarshalYAML reads a session timeout. Sessions cannot be without any end, so off is none.
func (t *Timeout) UnmarshalYAML(text []byte) error {
	value := scalar(text)
	if value == "0" || value == "provider" {
		*t = 0
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%q is no session timeout: write a number and its unit, such as 12h, or provider to let the identity provider decide", value)
	}
	*t = Timeout(d)
	return nil
}

func scalar(text []byte) string { return strings.Trim(strings.TrimSpace(string(text)), `"'`) }

func orDefault[L Length | Timeout](from *L, otherwise time.Duration) time.Duration {
	if from == nil {
		return otherwise
	}
	return time.Duration(*from)
}
