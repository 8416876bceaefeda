package npm_test

import (
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/npm"
)

// The compiler is only worth something if it takes what is right and refuses what is wrong, in a declaration file too.
func TestTypeCheck(t *testing.T) {
	npm.TypeCheck(t, "testdata/right.ts", "testdata/right.d.ts")
	for file, complaint := range map[string]string{
		"testdata/wrong.ts":   "Type 'number' is not assignable to type 'string'",
		"testdata/wrong.d.ts": "Cannot find name 'Nothing'",
	} {
		if said := npm.TypeErrors(t, file, "testdata/right.d.ts"); !strings.Contains(said, complaint) {
			t.Errorf("%s: the compiler said %q, want %q", file, said, complaint)
		}
	}
}

func TestAxeIsThere(t *testing.T) {
	if source := npm.Axe(t); !strings.Contains(source[:min(len(source), 200)], "axe v") || len(source) < 100_000 {
		t.Errorf("%d bytes that are not axe-core", len(source))
	}
}
