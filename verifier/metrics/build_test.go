package metrics

import (
	"runtime/debug"
	"testing"
)

// Curfew is a program, or a part of another one.
func TestC6_TheVersionIsCurfews(t *testing.T) {
	other := &debug.Module{Path: "example.com/other", Version: "v9.9.9"}
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3":  {Main: debug.Module{Path: module, Version: "v1.2.3"}, Deps: []*debug.Module{other}},
		"v1.2.4":  {Main: *other, Deps: []*debug.Module{other, {Path: module, Version: "v1.2.4"}}},
		"v1.2.5":  {Main: *other, Deps: []*debug.Module{{Path: module, Version: "v1", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.2.5"}}}},
		"unknown": {Main: *other, Deps: []*debug.Module{other}},
	} {
		if got := moduleVersion(&info); got != want {
			t.Errorf("the version is %q; want %q", got, want)
		}
	}
}
