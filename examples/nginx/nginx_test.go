package main

import (
	"testing"

	"github.com/curfew-project/curfew/examples/proxied/proxiedtest"
)

func TestNginx(t *testing.T) {
	t.Parallel()
	proxiedtest.Suite(t, proxiedtest.Start(t, nginx, false))
}

func TestNginxInChromium(t *testing.T) {
	t.Parallel()
	proxiedtest.Browser(t, proxiedtest.Start(t, nginx, false))
}
