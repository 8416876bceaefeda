package host

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// engine is shared: compiling is most of a test's time. Guests get 64 MiB.
var engine = sync.OnceValues(func() (*Engine, error) {
	return NewEngine(context.Background(), EngineConfig{MemoryPages: 1024})
})

var built sync.Map // package path -> func() (builtGuest, error)

type builtGuest struct {
	wasm   []byte
	module *Module
}

// buildGuest compiles a Go program of this folder as the shipped one is compiled.
func buildGuest(t testing.TB, pkg string) []byte {
	t.Helper()
	return guestOfPackage(t, pkg).wasm
}

// ModuleForExample is the test program for tests outside of the package.
func ModuleForExample() (*Module, error) {
	g, err := buildOnce(guestPackage)
	return g.module, err
}

// testModule builds and compiles the program once for all tests.
func testModule(t testing.TB, pkg string) *Module {
	t.Helper()
	return guestOfPackage(t, pkg).module
}

func guestOfPackage(t testing.TB, pkg string) builtGuest {
	t.Helper()
	g, err := buildOnce(pkg)
	if err != nil {
		t.Fatalf("building %s: %v", pkg, err)
	}
	return g
}

func buildOnce(pkg string) (builtGuest, error) {
	once, _ := built.LoadOrStore(pkg, sync.OnceValues(func() (builtGuest, error) {
		dir, err := os.MkdirTemp("", "curfew-host")
		if err != nil {
			return builtGuest{}, err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "guest.wasm")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-gcflags=all=-l", "-o", file, pkg)
		cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return builtGuest{}, &ModuleError{Reason: string(out), Err: err}
		}
		wasm, err := os.ReadFile(file)
		if err != nil {
			return builtGuest{}, err
		}
		e, err := engine()
		if err != nil {
			return builtGuest{}, err
		}
		m, err := e.Compile(context.Background(), wasm)
		return builtGuest{wasm, m}, err
	}))
	return once.(func() (builtGuest, error))()
}

func compile(t testing.TB, wasm []byte) *Module {
	t.Helper()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func start(t testing.TB, m *Module, r *Realm, args ...string) *Guest {
	t.Helper()
	g, err := m.Start(t.Context(), r, StartConfig{Args: append([]string{"guest"}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newLoop() *Loop { return NewLoop(NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))) }
