package config

import (
	"net/url"
	"strings"
)

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
