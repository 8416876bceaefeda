// Command nginx shows Curfew before an application that cannot be changed, behind Debian's nginx: curfew.conf is all that nginx needs.
package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/curfew-project/curfew/examples/proxied"
)

//go:embed curfew.conf
var configuration string

// around is what Debian's nginx.conf has around the files in conf.d, with everything that nginx writes kept in one directory.
const around = `
daemon off;
worker_processes 2;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include curfew.conf;
}
`

var nginx = proxied.Proxy{
	Name: "nginx", Port: 8420, Program: "nginx",
	Command: func(dir string, replace *strings.Replacer) ([]string, error) {
		main := around
		if os.Geteuid() == 0 {
			main = "user root;\n" + main // nobody else may use the directory
		}
		for name, text := range map[string]string{"nginx.conf": main, "curfew.conf": replace.Replace(configuration)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				return nil, err
			}
		}
		return []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr"}, nil
	},
}

func main() { proxied.Main(nginx) }
