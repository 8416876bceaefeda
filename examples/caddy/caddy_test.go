package main

import (
	"strings"
	"testing"

	"github.com/curfew-project/curfew/examples/proxied/proxiedtest"
)

// With TLS, and so over HTTP/2 and with the cookie's __Host- prefix.
func TestCaddy(t *testing.T) {
	t.Parallel()
	secure := caddy
	secure.Command = func(dir string, replace *strings.Replacer) ([]string, error) {
		return command(dir, replace, func(file string) string {
			return strings.Replace(file, "http://localhost", "https://localhost", 1)
		})
	}
	proxiedtest.Suite(t, proxiedtest.Start(t, secure, true))
}

func TestCaddyInChromium(t *testing.T) {
	t.Parallel()
	proxiedtest.Browser(t, proxiedtest.Start(t, caddy, false))
}
