package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Clients is settings.Clients as the file has it (A9).
type Clients struct {
	Matchers []Matcher `yaml:"matchers"`
	Enforced Enforced  `yaml:"enforced"`
}

// Matcher is settings.Matcher as the file has it.
type Matcher struct {
	Client    string `yaml:"client"`
	ClientID  string `yaml:"client_id"`
	UserAgent string `yaml:"user_agent"`
}

// Enforced says what is enforced in kinds of clients after all.
type Enforced map[policy.Client]EnforcedIn

// EnforcedIn is settings.Enforced as the file has it.
type EnforcedIn struct {
	Session    bool `yaml:"session"`
	Inactivity bool `yaml:"inactivity"`
}

func (Enforced) names() []string {
	var all []string
	for _, client := range policy.Clients() {
		all = append(all, settings.ClientName(client))
	}
	return all
}

func (c Clients) inForce() settings.Clients {
	var out settings.Clients
	for _, m := range c.Matchers {
		client, _ := settings.ParseClient(m.Client)
		out.Matchers = append(out.Matchers, settings.Matcher{Client: client, ClientID: m.ClientID, UserAgent: m.UserAgent})
	}
	if c.Enforced != nil {
		out.Enforced = make(map[policy.Client]settings.Enforced, len(c.Enforced))
	}
	for client, is := range c.Enforced {
		out.Enforced[client] = settings.Enforced(is)
	}
	return out
}

func (c Clients) validate(b block) {
	if len(c.Matchers) > settings.MaxMatchers {
		b.add("clients.matchers", "has %d entries; allowed: up to %d", len(c.Matchers), settings.MaxMatchers)
	}
	for i, m := range c.Matchers {
		key := item("clients.matchers", i)
		if _, ok := settings.ParseClient(m.Client); !ok {
			b.add(key+".client", "is %q; allowed: %s, browser", m.Client, strings.Join(Enforced{}.names(), ", "))
		}
		if m.ClientID == "" && m.UserAgent == "" {
			b.add(key, "has neither client_id nor user_agent; allowed: one of them, or both")
		}
		for _, pattern := range []struct{ key, text string }{{"client_id", m.ClientID}, {"user_agent", m.UserAgent}} {
			if len(pattern.text) > settings.MaxPattern || strings.ContainsFunc(pattern.text, unicode.IsControl) || !utf8.ValidString(pattern.text) {
				b.add(key+"."+pattern.key, "is %q, %d bytes; allowed: up to %d in one line", pattern.text, len(pattern.text), settings.MaxPattern)
			}
		}
	}
}
