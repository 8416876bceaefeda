package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Services are read from the file and from variables, their secrets relative to the file, and a wrong one is named.
func TestServices(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("app.secret", "a secret of the application, of 32 characters or more\n")
	write("short.secret", "short")
	const env = "environments:\n  - id: clinic\n    origin: https://clinic.example\n    provider: {issuer: https://login.example, client_id: c}\n    services:\n"
	read := func(text string, variables ...string) (Config, error) {
		return Source{Path: write("curfew.yaml", text), Environ: variables}.Load()
	}
	c, err := read(env+"      - {id: app, file: app.secret}\n", "CURFEW_ENVIRONMENTS__CLINIC__SERVICES__LAB_API__FILE="+filepath.Join(dir, "app.secret"))
	if err != nil {
		t.Fatal(err)
	}
	all := c.Environments[0].Services
	if len(all) != 2 || all[0].ID != "app" || all[1].ID != "lab-api" {
		t.Fatalf("%+v", all)
	}
	for _, one := range all {
		if secret, err := one.Secret(); err != nil || !strings.HasPrefix(secret, "a secret") {
			t.Errorf("%s: %q, %v", one.ID, secret, err)
		}
	}
	if err := c.Readable(); err != nil {
		t.Error(err)
	}
	if later := NeedsRestart(c, Config{}); strings.Contains(strings.Join(later, " "), "services") {
		t.Error("services need a restart")
	}
	many := strings.Builder{}
	for n := range maxServices + 1 {
		fmt.Fprintf(&many, "      - {id: s%d, file: app.secret}\n", n)
	}
	for want, text := range map[string]string{
		`services[0].id is "App"; allowed: `:              "      - {id: App, file: app.secret}\n",
		`services[1].id is "app" like another's; allowed`: "      - {id: app, file: app.secret}\n      - {id: app, file: app.secret}\n",
		`services[0].file is empty; allowed: a file`:      "      - {id: app}\n",
		`services has 65 entries; allowed: up to 64`:      many.String(),
	} {
		if _, err := read(env + text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c, err = read(env + "      - {id: app, file: short.secret}\n      - {id: other, file: none}\n")
	if err != nil {
		t.Fatal(err)
	}
	var problems Problems
	if err := c.Readable(); !errors.As(err, &problems) || len(problems) != 2 || !strings.Contains(err.Error(), "holds 5 characters; allowed: 32 or more") {
		t.Errorf("unreadable secrets: %v", err)
	}
}
