package oidctest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstalled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, module string
		missing      bool
	}{
		{"nothing", "", true},
		{"another version", `{"version":"2.0.0"}`, true},
		{"half a file", `{"version":`, true},
		{"that version", `{"version":"1.0.0"}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range map[string]string{"package.json": `{"dependencies":{"m":"1.0.0"}}`, "node_modules/m/package.json": test.module} {
				if text == "" {
					continue
				}
				file = filepath.Join(root, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			err := installed(root)
			if missing := (missingError{}); errors.As(err, &missing) != test.missing || !test.missing && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A process that ends must not leave a test waiting.
func TestProcessEnds(t *testing.T) {
	t.Parallel()
	Start(t, Options{}) // skips where there is no Node.js
	p, err := launch()
	if err != nil {
		t.Fatal(err)
	}
	own := &Provider{id: p.nextID(), process: p}
	own.do(t, "start", Options{}.args(), nil)
	if _, err := p.call(own.id, "no such thing", nil); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v", err)
	}
	waiting := make(chan reply, 1)
	held := fmt.Sprintf(`{"id":99,"provider":%d,"op":"held","args":{"endpoint":"token","n":1}}`, own.id)
	if err := p.send(99, []byte(held+"\n"), waiting); err != nil {
		t.Fatal(err)
	}
	if _, err := p.call(own.id, "requests", nil); err != nil {
		t.Fatal(err)
	}
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-waiting; r.Error == "" {
		t.Error("an answer of a process that has ended")
	}
	if _, err := p.call(own.id, "requests", nil); err == nil || !strings.Contains(err.Error(), "has ended") || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v", err)
	}
}

func TestUnusableClient(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	bad := Options{Clients: []Client{{ID: "c", RedirectURIs: []string{"https://app.test/#fragment"}}}}
	if _, err := p.process.call(p.process.nextID(), "start", bad.args()); err == nil || !strings.Contains(err.Error(), "redirect_uris") {
		t.Errorf("got %v", err)
	}
}
