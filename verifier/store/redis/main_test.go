package redis_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the models of storetest take fewer random histories than its default of 100, each on real servers; -rapid.checks sets
// another number.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		flag.Set("rapid.checks", "10")
	}
	os.Exit(m.Run())
}
