package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// toolchain is the Go that compiles, and the module that it compiles.
type toolchain struct {
	root    string // GOROOT
	version string
	module  string // the module's folder
}

// flags make the same bytes from the same source anywhere. Without inlining the module is larger raw and smaller compressed, and
// the download is what counts.
var flags = []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-gcflags=all=-l"}

func findToolchain() (*toolchain, error) {
	out, err := command("", nil, "go", "env", "-json", "GOROOT", "GOVERSION", "GOMOD")
	if err != nil {
		return nil, err
	}
	var env struct{ GOROOT, GOVERSION, GOMOD string }
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	if filepath.Base(env.GOMOD) != "go.mod" {
		return nil, fmt.Errorf("run it inside the module: GOMOD is %q", env.GOMOD)
	}
	return &toolchain{root: env.GOROOT, version: env.GOVERSION, module: filepath.Dir(env.GOMOD)}, nil
}

// wasmEnv also fixes what the user's environment could change of the output.
func wasmEnv() []string {
	return append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOWASM=", "GOEXPERIMENT=", "GOFLAGS=", "CGO_ENABLED=0")
}

// compile returns the module.
func (t *toolchain) compile() ([]byte, error) {
	dir, err := os.MkdirTemp("", "curfew-wasm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "agent.wasm")
	args := append([]string{"build", "-o", out}, flags...)
	if _, err := command(t.module, wasmEnv(), "go", append(args, "./wasm")...); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// wasmExec is the JavaScript half of Go's runtime. It belongs to one version of the compiler, so it comes from there.
func (t *toolchain) wasmExec() string { return filepath.Join(t.root, "lib", "wasm", "wasm_exec.js") }

// inputs is a hash of all that the build is made of: every Go file of the module and its dependencies outside the standard
// library, the loader, this program, and the compiler's version.
func (t *toolchain) inputs() (string, error) {
	const list = `{{if not .Standard}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`
	out, err := command(t.module, wasmEnv(), "go", "list", "-deps", "-f", list, "./wasm")
	if err != nil {
		return "", err
	}
	files := strings.Fields(string(out))
	for _, pattern := range []string{"wasm/loader/*.js", "wasm/loader/*.css", "wasm/dist/make/*.go", "wasm/dist/dist.go"} {
		found, err := filepath.Glob(filepath.Join(t.module, pattern))
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	files = append(files, t.wasmExec())
	slices.Sort(files)

	var all bytes.Buffer
	fmt.Fprintln(&all, t.version, flags)
	for _, file := range slices.Compact(files) {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&all, filepath.Base(file), hash(data))
	}
	return hash(all.Bytes()), nil
}

func command(dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, problems.String())
	}
	_, _ = io.Copy(os.Stderr, &problems)
	return out.Bytes(), nil
}
