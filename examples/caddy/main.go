// Command caddy shows Curfew before an application behind Debian's Caddy: the Caddyfile is all that Caddy needs. Caddy as it is packaged
// cannot put the script into pages, so the application has it in the setting for what its pages' head is to have.
package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/curfew-project/curfew/examples/proxied"
)

//go:embed Caddyfile
var configuration string

// around is what a Caddyfile can begin with for all sites: nothing listens for changes, and nothing is put among the machine's certificates.
const around = `{
	admin off
	skip_install_trust
	log {
		level ERROR
	}
}
`

var caddy = proxied.Proxy{
	Name: "caddy", Port: 8420, Program: "caddy",
	Head: `<script src="/.curfew/agent.js" async></script>`,
	Command: func(dir string, replace *strings.Replacer) ([]string, error) {
		return command(dir, replace, func(file string) string { return file })
	},
}

// command writes the Caddyfile, changed in one more way than its addresses.
func command(dir string, replace *strings.Replacer, change func(file string) string) ([]string, error) {
	err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(around+change(replace.Replace(configuration))), 0o600)
	return []string{"run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile"}, err
}

func main() { proxied.Main(caddy) }
