package redis_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the models of storetest take fewer random histories than their default of 100, each on real servers, and more tests run
// at once than there are processors, because most wait for Redis. The flags themselves win.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "10", "test.parallel": "4"} {
		if !given[name] {
			flag.Set(name, value)
		}
	}
	os.Exit(m.Run())
}
