package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/needs"
)

// guest compiles the program of testdata as the agent is compiled.
func guest(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.wasm")
	args := append([]string{"build", "-o", file}, flags...)
	if _, err := command("testdata/guest", wasmEnv(), "go", append(args, ".")...); err != nil {
		t.Fatal(err)
	}
	compiled, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// A program without lines, and with its table of functions counted at the start, does what it did before, to the last panic: only
// the lines in the panic's trace are gone.
func TestChangedProgramDoesTheSame(t *testing.T) {
	node := needs.Program(t, "install nodejs", "node")
	tools, err := findToolchain()
	if err != nil {
		t.Fatal(err)
	}
	compiled, file := guest(t), filepath.Join(t.TempDir(), "guest.wasm")
	run := func(module []byte) (string, string) {
		if err := os.WriteFile(file, module, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(node, filepath.Join(tools.root, "lib", "wasm", "wasm_exec_node.js"), file)
		var out, problems bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problems
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Fatalf("it ended with %v, want the exit code of a panic\n%s", err, problems.String())
		}
		return out.String(), problems.String()
	}
	stripped, err := changeMemory(compiled, stripLines)
	if err != nil {
		t.Fatal(err)
	}
	if stripped, err = countAtStart(stripped); err != nil {
		t.Fatal(err)
	}
	wantOut, wantTrace := run(compiled)
	gotOut, gotTrace := run(stripped)
	if gotOut != wantOut || !strings.Contains(wantOut, "main.names main.main runtime.main") {
		t.Errorf("it printed\n%s\nwant\n%s", gotOut, wantOut)
	}
	if !strings.Contains(wantTrace, "main.go:") {
		t.Fatalf("there were no lines to strip:\n%s", wantTrace)
	}
	if strings.Contains(gotTrace, ".go:") {
		t.Errorf("lines are left:\n%s", gotTrace)
	}
	place := regexp.MustCompile(`(?m)^\t\S+:\d+`)
	address := regexp.MustCompile(`0x[0-9a-f]+`)
	plain := func(trace string) string {
		return address.ReplaceAllString(place.ReplaceAllString(trace, "\t"), "0x")
	}
	if plain(gotTrace) != plain(wantTrace) {
		t.Errorf("the trace is\n%s\nwant, but for lines,\n%s", gotTrace, wantTrace)
	}
}

func TestStripLinesRefusesWhatItDoesNotKnow(t *testing.T) {
	header := append([]byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}, bytes.Repeat([]byte{0xff}, 200)...)
	for name, memory := range map[string][]byte{
		"nothing":        nil,
		"zeros":          make([]byte, 4096),
		"only a magic":   {0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8},
		"wild offsets":   header,
		"another layout": append([]byte{0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8}, make([]byte, 200)...),
	} {
		if err := stripLines(memory); !errors.Is(err, errTable) {
			t.Errorf("%s: %v, want errTable", name, err)
		}
	}
}
