package settings

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/curfew-project/curfew/shared/policy"
)

// Bounds of a document.
const (
	MaxName    = 80 // characters
	MaxOrigins = 16
)

// ReservedID is the environment that the console itself is guarded as.
const ReservedID = "console"

var idPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// CheckID says what is allowed when text is no environment's ID, or nothing.
func CheckID(text string) string {
	switch {
	case !idPattern.MatchString(text):
		return "1 to 64 lower-case letters, digits and hyphens"
	case text == ReservedID:
		return "another name, because the console has this one"
	}
	return ""
}

// CheckName says what is allowed when text is no name for people, or nothing.
func CheckName(text string) string {
	if n := utf8.RuneCountInString(text); n > MaxName || text != strings.TrimSpace(text) || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
		return "up to 80 characters in one line, without spaces around it"
	}
	return ""
}

// CheckOrigin says what is allowed when text is no origin that can be served, or nothing.
func CheckOrigin(text string) string {
	const allowed = "https://host or https://host:port without a path, or http:// on localhost"
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || len(u.Hostname()) > 253 || text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) {
		return allowed
	}
	for i := range len(text) {
		// Browsers send the punycode of other letters, every origin is one host, and no other mark may end up in a header.
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:/[]", rune(c)) {
			return allowed
		}
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return allowed + "; leave out the default port, as browsers do"
	}
	if u.Scheme == "https" || u.Scheme == "http" && Local(u.Hostname()) {
		return ""
	}
	return allowed
}

// Local reports whether browsers treat a host as this machine, and so as a secure context without TLS.
func Local(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "::1" || host == "127.0.0.1"
}

// Validate reports everything about a document that is not allowed, as Problems, or nil: A1 to A4 against the limits, and every custom
// value against the switches that are on.
func (d Document) Validate(limits policy.Limits, on policy.Switches) error {
	var all Problems
	if !slices.Contains(Kinds(), d.Kind) {
		all.Add("kind", "is %q; allowed: app or portal", d.Kind)
	}
	if allowed := CheckName(d.Name); allowed != "" {
		all.Add("name", "is %q, %d characters; allowed: %s", d.Name, utf8.RuneCountInString(d.Name), allowed)
	}
	if len(d.Origins) > MaxOrigins {
		all.Add("origins", "has %d entries; allowed: 1 to %d", len(d.Origins), MaxOrigins)
	}
	for i, origin := range d.Origins {
		if allowed := CheckOrigin(origin); allowed != "" {
			all.Add("origins", "has %q; allowed: %s", origin, allowed)
		} else if slices.Contains(d.Origins[:i], origin) {
			all.Add("origins", "has %q twice; allowed: each once", origin)
		}
	}
	all.Join("", policy.Settings(d.Settings).Validate(limits))
	all.Join("", policy.Settings(d.Settings).Gate(on))
	for name := range d.Switches {
		if known, ok := policy.ParseSwitch(string(name)); !ok || known != name {
			all.Add("switch", "is %q; allowed: %s", name, joinSwitches())
		}
	}
	all.Join("clients", d.Clients.Validate())
	return all.OrNil()
}

func joinSwitches() string {
	var names []string
	for _, name := range policy.SwitchNames() {
		names = append(names, string(name))
	}
	return strings.Join(names, ", ")
}

// Validate reports everything about the matchers that is not allowed, as Problems, or nil (A9).
func (c Clients) Validate() error {
	var all Problems
	if len(c.Matchers) > MaxMatchers {
		all.Add("matchers", "has %d entries; allowed: up to %d", len(c.Matchers), MaxMatchers)
	}
	for i, m := range c.Matchers {
		if !m.Client.Valid() {
			all.Add("matchers", "has client %q in place %d; allowed: %s", m.Client, i+1, joinClients())
		}
		if m.ClientID == "" && m.UserAgent == "" {
			all.Add("matchers", "has neither client_id nor user_agent in place %d; allowed: one of them or both", i+1)
		}
		for _, text := range []string{m.ClientID, m.UserAgent} {
			if len(text) > MaxPattern || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
				all.Add("matchers", "has %q in place %d; allowed: up to %d bytes in one line", clipText(text), i+1, MaxPattern)
			}
		}
	}
	for client := range c.Enforced {
		if client == policy.Browser || !client.Valid() {
			all.Add("enforced", "has client %q; allowed: %s", client, joinClients())
		}
	}
	return all.OrNil()
}

func clipText(text string) string { return text[:min(len(text), 100)] }

func joinClients() string {
	names := []string{ClientName(policy.Browser)}
	for _, client := range policy.Clients() {
		names = append(names, string(client))
	}
	return strings.Join(names, ", ")
}
