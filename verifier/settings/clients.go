package settings

import (
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
)

// Bounds of an environment's matchers.
const (
	MaxMatchers    = 64
	MaxPattern     = 200 // bytes of a pattern
	MaxUserAgent   = 1 << 10
	wildcardInText = '*'
)

// Clients is how an environment recognises clients, and what is not enforced in them (A9). The zero value recognises nobody: the
// timeouts are enforced everywhere.
type Clients struct {
	// Matchers are tried in order; the first that fits decides.
	Matchers []Matcher `json:"matchers,omitempty"`
	// Enforced has the kinds for which a timeout is enforced after all. A kind that is not there is exempt from both.
	Enforced map[policy.Client]Enforced `json:"enforced,omitempty"`
}

// Enforced says which timeouts are enforced in a kind of client.
type Enforced struct {
	Session    bool `json:"session"`
	Inactivity bool `json:"inactivity"`
}

// Matcher recognises a client by its OAuth client, its user agent, or both. The server decides, never the page.
type Matcher struct {
	// Client is the kind that is recognised; policy.Browser ("") ends the search: the timeouts are enforced.
	Client policy.Client `json:"client"`
	// ClientID is the OAuth client that the sign-in was made for; empty: any.
	ClientID string `json:"client_id,omitempty"`
	// UserAgent is a pattern for the whole User-Agent header, whatever the case: * stands for any text; empty: any.
	UserAgent string `json:"user_agent,omitempty"`
}

// Match is the kind of client of a sign-in, and the place of the matcher that decided, from 0, or -1.
func (c Clients) Match(clientID, userAgent string) (policy.Client, int) {
	userAgent = userAgent[:min(len(userAgent), MaxUserAgent)]
	for i, m := range c.Matchers {
		if (m.ClientID == "" || m.ClientID == clientID) && (m.UserAgent == "" || wildcard(m.UserAgent, userAgent)) {
			return m.Client, i
		}
	}
	return policy.Browser, -1
}

// Of says which timeouts are enforced in a kind of client: both in a browser.
func (c Clients) Of(client policy.Client) Enforced {
	if client == policy.Browser {
		return Enforced{Session: true, Inactivity: true}
	}
	return c.Enforced[client]
}

func (c Clients) apply(to policy.Settings, client policy.Client) policy.Settings {
	enforced := c.Of(client)
	if !enforced.Session {
		to.SessionTimeout = 0
	}
	if !enforced.Inactivity {
		to.InactivityTimeout = 0
	}
	return to
}

// wildcard reports whether a pattern fits a whole text. It takes time in proportion to the product of both at most.
func wildcard(pattern, text string) bool {
	pattern, text = strings.ToLower(pattern), strings.ToLower(text)
	parts := strings.Split(pattern, string(wildcardInText))
	first, rest := parts[0], parts[1:]
	if len(rest) == 0 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	last := rest[len(rest)-1]
	for _, part := range rest[:len(rest)-1] {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return len(text) >= len(last) && strings.HasSuffix(text, last)
}
