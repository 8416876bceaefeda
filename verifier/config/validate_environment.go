package config

import (
	"fmt"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/settings"
)

// maxSkew is how wrong a provider's clock may be.
const maxSkew = time.Minute

// validateOrigins checks the origins, and that no other environment has their hosts.
func (e Environment) validateOrigins(b block, hosts map[string]bool) {
	if !slices.Contains(settings.Kinds(), e.kind()) {
		b.add("kind", "is %q; allowed: app, portal", e.Kind)
	}
	if n := len(e.AllOrigins()); n > settings.MaxOrigins {
		b.add("origins", "has %d entries; allowed: up to %d besides origin", n-1, settings.MaxOrigins-1)
	}
	for i, origin := range e.AllOrigins() {
		key := "origin"
		if i > 0 {
			key = item("origins", i-1)
		}
		if problem := settings.CheckOrigin(origin); problem != "" {
			b.add(key, "is %q; allowed: %s", origin, problem)
		} else if host := hostOf(origin); hosts[host] {
			b.tell(key, fmt.Errorf("%s %s has the host of another; allowed: each host once", key, origin))
		} else {
			hosts[host] = true
		}
	}
}

// validateUse checks a provider that may be the name of another.
func (c Config) validateUse(b block, p Provider) {
	if p.Use == "" {
		p.validate(b, "provider.")
		return
	}
	if _, ok := c.Named(p.Use); !ok {
		ids := make([]string, len(c.Providers))
		for i, named := range c.Providers {
			ids[i] = named.ID
		}
		b.add("provider.use", "is %q; allowed: the id of one of providers: %s", p.Use, orNone(strings.Join(ids, ", ")))
	}
	alone := Provider{Use: p.Use}
	if !reflect.DeepEqual(p, alone) {
		b.add("provider", "has more than use; allowed: use alone, because the rest is of provider %s", p.Use)
	}
}

func orNone(text string) string {
	if text == "" {
		return "there are none"
	}
	return text
}

// validate checks a provider whose keys stand below prefix.
func (p Provider) validate(b block, prefix string) {
	if problem := settings.CheckOrigin(issuerOrigin(p.Issuer)); problem != "" {
		b.add(prefix+"issuer", "is %q; allowed: https://…, or http:// on localhost", p.Issuer)
	}
	if p.ClientID == "" {
		b.add(prefix+"client_id", "is empty; allowed: the client registered at the provider")
	}
	for i, scope := range p.Scopes {
		if !scopeToken(scope) {
			b.addItem(prefix+"scopes", i, "has %q; allowed: names of scopes, each an entry of its own", scope)
		}
	}
	b.within(prefix+"clock_skew", time.Duration(p.ClockSkew), 0, maxSkew)
	if stay := p.StaySignedIn; (stay.Claim == "") != (stay.Value == "") {
		b.add(prefix+"stay_signed_in", "has claim %q with value %q; allowed: both, or neither", stay.Claim, stay.Value)
	}
}

// scopeToken reports whether text is a scope-token of RFC 6749 section 3.3.
func scopeToken(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return text != ""
}

func (e Environment) validateSignOut(b block) {
	if e.SignOut.ClearSiteData == nil {
		return
	}
	for i, name := range *e.SignOut.ClearSiteData {
		if !slices.Contains(clearable, name) || slices.Contains((*e.SignOut.ClearSiteData)[:i], name) {
			b.addItem("sign_out.clear_site_data", i, "has %q; allowed: each of %s once, or [] for nothing", name, strings.Join(clearable, ", "))
		}
	}
}

func (h HandIn) validate(b block, origin, prefix string) {
	if h.ClientID == "" {
		b.add("hand_in.client_id", "is empty; allowed: the client of the application's own sign-in")
	}
	if h.SecretFile == "" {
		b.add("hand_in.secret_file", "is empty; allowed: a file with a secret of %d characters or more", minSecret)
	}
	if !ownAddress(h.SignIn, origin, prefix) {
		b.add("hand_in.sign_in", "is %q; allowed: a path such as /login, or an address at %s, and not below %s", h.SignIn, origin, prefix)
	}
}

// ownAddress reports whether text is a path of the application or an address at its origin. One of the verifier's own addresses
// would send people round in circles.
func ownAddress(text, origin, prefix string) bool {
	local := strings.TrimPrefix(text, origin)
	if !strings.HasPrefix(local, "/") || strings.HasPrefix(local, "//") || strings.ContainsAny(local, "\\#") {
		return false
	}
	for i := range len(local) {
		if c := local[i]; c <= ' ' || c > '~' {
			return false
		}
	}
	u, err := url.Parse(local)
	return err == nil && u.Host == "" && !u.IsAbs() && !strings.HasPrefix(path.Clean(u.Path)+"/", prefix)
}
