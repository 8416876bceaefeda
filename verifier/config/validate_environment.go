package config

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// maxSkew is how wrong a provider's clock may be.
const maxSkew = time.Minute

func (e Environment) validateProvider(all *problems, at string) {
	p := e.Provider
	if problem := checkOrigin(issuerOrigin(p.Issuer)); problem != "" {
		all.add("%s: provider.issuer is %q; allowed: https://…, or http:// on localhost", at, p.Issuer)
	}
	if p.ClientID == "" {
		all.add("%s: provider.client_id is empty; allowed: the client registered at the provider", at)
	}
	for _, scope := range p.Scopes {
		if !scopeToken(scope) {
			all.add("%s: provider.scopes has %q; allowed: names of scopes, each an entry of its own", at, scope)
		}
	}
	all.within(at+": provider.clock_skew", time.Duration(p.ClockSkew), 0, maxSkew)
	if stay := p.StaySignedIn; (stay.Claim == "") != (stay.Value == "") {
		all.add("%s: provider.stay_signed_in has claim %q with value %q; allowed: both, or neither", at, stay.Claim, stay.Value)
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

func (e Environment) validateSignOut(all *problems, at string) {
	if e.SignOut.ClearSiteData == nil {
		return
	}
	for i, name := range *e.SignOut.ClearSiteData {
		if !slices.Contains(clearable, name) || slices.Contains((*e.SignOut.ClearSiteData)[:i], name) {
			all.add("%s: sign_out.clear_site_data has %q; allowed: each of %s once, or [] for nothing", at, name, strings.Join(clearable, ", "))
		}
	}
}

func (h HandIn) validate(all *problems, at, origin, prefix string) {
	if h.ClientID == "" {
		all.add("%s: hand_in.client_id is empty; allowed: the client of the application's own sign-in", at)
	}
	if h.SecretFile == "" {
		all.add("%s: hand_in.secret_file is empty; allowed: a file with a secret of %d characters or more", at, minSecret)
	}
	if !ownAddress(h.SignIn, origin, prefix) {
		all.add("%s: hand_in.sign_in is %q; allowed: a path such as /login, or an address at %s, and not below %s", at, h.SignIn, origin, prefix)
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
