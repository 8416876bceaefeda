package main

import (
	"os"
	"regexp"
	"strings"
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

// What the README shows of nginx is in the file that is tested, line by line.
func TestReadmeShowsWhatIsTested(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n *```nginx\n(.*?)\n *```\n").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows nothing of nginx")
	}
	lines := func(text string) string { // whatever the indentation
		return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(strings.TrimRight(text, "\n"), "")
	}
	for _, block := range blocks {
		if shown := lines(block[1]); !strings.Contains(lines(configuration), shown) {
			t.Errorf("not in curfew.conf:\n%s", shown)
		}
	}
}
