package config

import (
	"net/url"
	"strings"
)

// checkOrigin says what is allowed when text is no origin that can be served, or nothing.
func checkOrigin(text string) string {
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

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

func issuerOrigin(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	return u.Scheme + "://" + strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
