package config

import (
	"strings"
	"testing"
	"time"
)

func TestKeyRotation(t *testing.T) {
	const rest = "environments: [{id: clinic, origin: 'https://clinic.example', provider: {issuer: 'https://login.example', client_id: clinic}}]\n"
	c, err := Parse([]byte(rest))
	if err != nil || c.KeyRotation.Every != 0 || time.Duration(c.KeyRotation.Overlap) != time.Hour || c.Environments[0].Base().Assertion {
		t.Errorf("%+v, %v", c.KeyRotation, err)
	}
	c, err = Parse([]byte("key_rotation: {every: 720h, overlap: 24h}\n" + strings.Replace(rest, "id: clinic,", "id: clinic, assertion: true,", 1)))
	if err != nil || time.Duration(c.KeyRotation.Every) != 720*time.Hour || time.Duration(c.KeyRotation.Overlap) != 24*time.Hour || !c.Environments[0].Base().Assertion {
		t.Errorf("%+v, %v", c.KeyRotation, err)
	}
	if c, err = Parse([]byte("key_rotation: {every: off}\n" + rest)); err != nil || c.KeyRotation.Every != 0 {
		t.Errorf("off: %+v, %v", c.KeyRotation, err)
	}
	for text, want := range map[string]string{
		"{every: 1h}":                 "key_rotation: every is 1h; allowed: 24h to 8760h, in whole seconds",
		"{overlap: 0}":                "key_rotation: overlap is 0s; allowed: 10m to 168h, in whole seconds",
		"{every: 24h, overlap: 30h}":  "key_rotation: overlap is 30h; allowed: less than every, which is 24h",
		"{every: 9000h, overlap: 1h}": "key_rotation: every is 9000h; allowed: 24h to 8760h",
	} {
		if _, err := Parse([]byte("key_rotation: " + text + "\n" + rest)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	// It counts from the next look on, without a restart.
	other := c
	other.KeyRotation = KeyRotation{Every: Length(48 * time.Hour), Overlap: Length(time.Hour)}
	if keys := NeedsRestart(c, other); len(keys) != 0 {
		t.Errorf("needs a restart: %v", keys)
	}
}
