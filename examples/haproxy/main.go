// Command haproxy shows Curfew before an application behind Debian's HAProxy, which has no directive that asks somebody about a request:
// curfew.lua does. HAProxy cannot put the script into pages, so the application has it in the setting for what its pages' head is to have.
package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/curfew-project/curfew/examples/proxied"
)

//go:embed haproxy.cfg
var configuration string

//go:embed curfew.lua
var lua string

var haproxy = proxied.Proxy{
	Name: "haproxy", Port: 8420, Program: "haproxy",
	Head: `<script src="/.curfew/agent.js" async></script>`,
	Command: func(dir string, replace *strings.Replacer) ([]string, error) {
		for name, text := range map[string]string{"haproxy.cfg": configuration, "curfew.lua": lua} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(replace.Replace(text)), 0o600); err != nil {
				return nil, err
			}
		}
		return []string{"-q", "-f", "haproxy.cfg"}, nil
	},
}

func main() { proxied.Main(haproxy) }
