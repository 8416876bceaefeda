// Package npm gives tests three things of the npm registry, in the versions that package.json pins: the source of axe-core, the
// TypeScript compiler and the JOSE library. `make tools` installs them; without them a test fails, or is skipped (needs.Lack).
package npm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Axe is the source of axe-core, which a page evaluates before it calls axe.run.
func Axe(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(module(t, "axe-core"), "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// TypeErrors is what the compiler, in its strict mode and for a page's global names, says against TypeScript files (.ts and
// .d.ts, at least one); empty when it has nothing to say. Declaration files are checked too.
func TypeErrors(t testing.TB, files ...string) string {
	t.Helper()
	if len(files) == 0 {
		t.Fatal("no TypeScript file to check")
	}
	compiler := filepath.Join(module(t, "typescript"), "bin", "tsc")
	node, err := exec.LookPath("node")
	if err != nil {
		needs.Lack(t, errors.New("no Node.js is installed"), "run `make tools`")
	}
	args := []string{compiler, "--noEmit", "--strict", "--skipLibCheck", "false", "--types", "", "--lib", "es2022,dom",
		"--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler", "--pretty", "false"}
	var complaints, faults bytes.Buffer
	cmd := exec.Command(node, append(args, files...)...)
	cmd.Stdout, cmd.Stderr = &complaints, &faults
	if err = cmd.Run(); err != nil && complaints.Len() == 0 {
		t.Fatalf("the TypeScript compiler did not run: %v\n%s", err, faults.String())
	}
	return complaints.String()
}

// TypeCheck fails the test when the compiler says anything against the files; see TypeErrors.
func TypeCheck(t testing.TB, files ...string) {
	t.Helper()
	if complaints := TypeErrors(t, files...); complaints != "" {
		t.Errorf("the TypeScript compiler refuses %v:\n%s", files, complaints)
	}
}

// JOSE is the folder of the JOSE library, for Node.js to require.
func JOSE(t testing.TB) string {
	t.Helper()
	return module(t, "jose")
}

// module is the folder of an installed module. It fails or skips the test when the module is not there in the pinned version.
func module(t testing.TB, name string) string {
	t.Helper()
	root, err := folder()
	if err != nil {
		t.Fatal(err)
	}
	var pinned struct{ Dependencies map[string]string }
	if err := readJSON(filepath.Join(root, "package.json"), &pinned); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "node_modules", name)
	var found struct{ Version string }
	version := pinned.Dependencies[name]
	if err := readJSON(filepath.Join(dir, "package.json"), &found); err != nil || found.Version != version || version == "" {
		needs.Lack(t, fmt.Errorf("npm module %s %s is not installed", name, version), "run `make tools`")
	}
	return dir
}

// folder finds this package's folder from the working directory, which is that of the package under test.
func folder() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "wasm", "npm")
		if _, err := os.Stat(filepath.Join(found, "package.json")); err == nil {
			return found, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no wasm/npm in or above %s", start)
		}
	}
}

func readJSON(name string, value any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
