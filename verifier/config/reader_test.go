package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What YAML offers to say things once is understood.
func TestYAML(t *testing.T) {
	c := parsed(t, `
environments:
  - &first
    id: a
    origin: "https://a.example"
    provider: &login {issuer: 'https://l.example', client_id: 007}
    policy_check: &times {interval: 30m, cap: 12h}
  - <<: *first
    id: b
    origin: https://b.example
    policy_check:
      cap: 10h
      <<: *times
  - id: c
    origin: https://c.example
    provider: {<<: *login, client_id: true, scopes: [profile, 1.5]}
    page:
      name: >-
        Nordlys
        Hospital
`)
	a, b, last := c.Environments[0], c.Environments[1], c.Environments[2]
	if a.Provider.ClientID != "007" || b.Provider.Issuer != "https://l.example" || b.ID != "b" || last.Provider.ClientID != "true" ||
		len(last.Provider.Scopes) != 2 || last.Provider.Scopes[1] != "1.5" || last.Page.Name != "Nordlys Hospital" {
		t.Errorf("%+v", c.Environments)
	}
	if check := b.InForce().Check; check.Interval != 30*time.Minute || check.Cap != 10*time.Hour {
		t.Errorf("merged %+v", check)
	}
	if check := a.InForce().Check; check.Cap != 12*time.Hour {
		t.Errorf("the block that was merged changed: %+v", check)
	}
}

// What is not a configuration is told with its place.
func TestBadYAMLIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"a":                                   "[1:1] the configuration must be a block of keys",
		"[a]":                                 "[1:1] the configuration must be a block of keys",
		"environments: {id: a}":               "[1:15] environments must be a list, such as [a, b]",
		"environments: [a]":                   "[1:16] environments[0] must be a block of keys",
		"environments:":                       "[1:15] environments has no value; leave it out, or give it one",
		"listen: ~":                           "[1:9] listen has no value",
		"listen: [a]":                         "[1:9] listen is a list or a block; allowed: a text",
		"policy_checks: {rate: {}}":           "[1:23] policy_checks.rate is a list or a block; allowed: a number",
		"audit: {stdout: []}":                 "[1:17] audit.stdout is a list or a block; allowed: true or false",
		"cookie_renewal: [5m]":                "[1:17] cookie_renewal is a list or a block; allowed: one value",
		"policy_checks: {rate: fast}":         `[1:23] policy_checks.rate: "fast" is not a number`,
		"policy_checks: {concurrency: 1.5}":   `[1:30] policy_checks.concurrency: "1.5" is not a whole number`,
		"listen: !!str a":                     "[1:9] tags such as !!str are not understood",
		"listen: *there":                      "[1:9] there is no anchor &there above",
		"keys: *a\nlisten: &a x":              "[1:7] there is no anchor &a above",
		"listen: a\nlisten: b":                `[2:1] mapping key "listen" already defined at [1:1]`,
		"listen: a\n---\nlisten: b":           "[3:1] a second document begins; allowed: one",
		"keys: &a x\n*a : b":                  "[2:1] a key of the configuration is no plain text",
		"audit: &a {<<: *a}":                  "the aliases never end",
		"audit: &a\n  <<: *a\n":               "the aliases never end",
		"limits: {<<: [{}, {}]}":              "[1:14] << must be followed by one alias of a block",
		"limits: {<<: x}":                     "[1:14] << must be followed by one alias of a block",
		"\tlisten: a":                         "[1:7] tab character",
		"listen: \"a":                         "[1:9] ",
		"switches: {1: true}":                 `[1:12] unknown field "1" in switches; allowed: AllowCustomSessionDuration`,
		"console: {page: {nme: x}, orgin: y}": "[1:18] unknown field \"nme\" in console.page; allowed: name, logo, frames, notify\n[1:27] unknown field \"orgin\" in console; allowed: origin",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) && !(strings.HasPrefix(want, "the aliases") && strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want\n%s", text, err, want)
		}
	}
}

// Aliases that stand for ever more of themselves are not followed to the end.
func TestManyAliasesAreRefused(t *testing.T) {
	var text strings.Builder
	text.WriteString("environments:\n  - id: e\n    provider: &p {scopes: [" + strings.Repeat("s, ", 999) + "s]}\n")
	for i := range 200 {
		fmt.Fprintf(&text, "  - {id: e%d, provider: *p}\n", i)
	}
	text.WriteString("  - {nobody: reads this}\n")
	_, err := Parse([]byte(text.String()))
	if err == nil || strings.Contains(err.Error(), "nobody") || strings.Count(err.Error(), "there are more than 100000 values, aliases included") != 1 {
		t.Errorf("%.300v", err)
	}
	// A chain of merges is as long as it is deep.
	text.Reset()
	text.WriteString("environments:\n  - &e0 {id: x}\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  - &e%d {<<: *e%d}\n", i+1, i)
	}
	if _, err := Parse([]byte(text.String())); err == nil || !strings.Contains(err.Error(), "the aliases never end") {
		t.Errorf("%.300v", err)
	}
}

// A file that is too large is not read at all.
func TestSizeIsBounded(t *testing.T) {
	padded := least + "#" + strings.Repeat("x", maxFile-len(least)-1)
	if _, err := Parse([]byte(padded)); err != nil {
		t.Errorf("%d bytes: %v", len(padded), err)
	}
	if _, err := Parse([]byte(padded + "x")); err == nil || err.Error() != "the file has more than 1048576 bytes" {
		t.Errorf("%d bytes: %v", len(padded)+1, err)
	}
}

// What is missing is told where it would have to be.
func TestPlaceOfWhatIsMissing(t *testing.T) {
	_, err := Parse([]byte("environments:\n  - id: a\n    provider: {issuer: \"https://l.example\"}\n"))
	want := `[2:5] environment a: origin is ""; allowed: https://host or https://host:port without a path, or http:// on localhost` + "\n" +
		"[3:15] environment a: provider.client_id is empty; allowed: the client registered at the provider"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	// Nothing is near.
	if _, err := Parse([]byte("listen: 127.0.0.1:1\n")); err == nil || !strings.HasPrefix(err.Error(), "environments is empty; allowed: one or more") {
		t.Errorf("%v", err)
	}
}
