package host

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConformance runs one program under Node with Go's own JavaScript runtime and under this package, and compares what
// it prints (D3: what is tested here is what runs in browsers).
func TestConformance(t *testing.T) {
	wasm := buildGuest(t, "./conformance")
	want, wantCode := underNode(t, wasm)
	if len(want) < 950 {
		t.Fatalf("Node printed %d lines only; the last: %q", len(want), want[max(0, len(want)-3):])
	}

	var out bytes.Buffer
	loop := NewLoop(NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)))
	realm := NewRealm(loop, Config{Stdout: &out, Stderr: &out, Hooks: Hooks{
		Rejection: func(r Rejection) { t.Errorf("unhandled rejection: %s", Describe(r.Reason)) },
	}})
	guest := start(t, compile(t, wasm), realm)
	if err := loop.Advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	code := 0
	if exit, ok := guest.Err().(*ExitError); ok {
		code = exit.Code
	} else {
		t.Errorf("guest ended with %v, want an exit code", guest.Err())
	}
	if code != wantCode {
		t.Errorf("exit code %d, under Node %d", code, wantCode)
	}
	got := strings.Split(out.String(), "\n")
	differences := 0
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			if differences++; differences <= 40 {
				t.Errorf("line %d:\n here %s\n Node %s", i+1, g, w)
			}
		}
	}
	t.Logf("%d lines compared, %d differ", len(want), differences)
}

// underNode runs the program with the files that come with the Go compiler and returns its lines and exit code.
func underNode(t *testing.T, wasm []byte) ([]string, int) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CURFEW_SKIP_MISSING") == "1" {
			t.Skip("node is not installed: the comparison with Go's own JavaScript runtime is skipped, as CURFEW_SKIP_MISSING=1 asks")
		}
		t.Fatal("node is not installed; it is needed to compare with Go's own JavaScript runtime (CURFEW_SKIP_MISSING=1 skips this)")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "conformance.wasm")
	if err := os.WriteFile(file, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec_node.js"), file)
	cmd.Env = []string{"TZ=UTC", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return strings.Split(string(out), "\n"), cmd.ProcessState.ExitCode()
}

// TestImportsAreThoseOfGo compares the imports with the ones that the installed Go's JavaScript runtime offers.
func TestImportsAreThoseOfGo(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`"((?:runtime|syscall/js)\.\w+|debug)": \(`).FindAllSubmatch(source, -1) {
		want = append(want, string(m[1]))
	}
	got := importNames()
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 20 || !slices.Equal(got, want) {
		t.Errorf("here %q\n Go %q", got, want)
	}
}
