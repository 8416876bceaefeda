package main

import (
	"testing"

	"github.com/curfew-project/curfew/examples/proxied/proxiedtest"
)

func TestHAProxy(t *testing.T) {
	t.Parallel()
	proxiedtest.Suite(t, proxiedtest.Start(t, haproxy, false))
}
