package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// module is the smallest module with one page of memory and these data segments, each an address and bytes.
func module(segments ...any) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00" + "\x05\x03\x01\x00\x01" + "\x07\x07\x01\x03mem\x02\x00")
	data := []byte{byte(len(segments) / 2)}
	for i := 0; i < len(segments); i += 2 {
		text := segments[i+1].(string)
		data = append(data, 0, 0x41)
		data = appendSigned(data, int64(segments[i].(int)))
		data = append(data, 0x0b, byte(len(text)))
		data = append(data, text...)
	}
	return append(append(out, sectionData, byte(len(data))), data...)
}

// memoryOf is what a real runtime has in memory after instantiating.
func memoryOf(t *testing.T, code []byte) []byte {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	compiled, err := runtime.CompileModule(ctx, code)
	if err != nil {
		t.Fatalf("compiling: %v", err)
	}
	imports := runtime.NewHostModuleBuilder("gojs") // none is called before a program runs
	for _, f := range compiled.ImportedFunctions() {
		_, name, _ := f.Import()
		imports.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) { t.Error(name, "is called") }), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	if _, err := imports.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := runtime.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatalf("instantiating: %v", err)
	}
	view, _ := m.Memory().Read(0, m.Memory().Size())
	return bytes.Clone(view)
}

func TestJoinedSegmentsGiveTheSameMemory(t *testing.T) {
	for name, code := range map[string][]byte{
		"near":            module(10, "ab", 20, "cd", 30, "ef"),
		"far":             module(0, "start", 5000, "end"),
		"high address":    module(64, "x", 8191, "y", 8192, "z", 60000, "w"),
		"zeros inside":    module(100, "a\x00\x00\x00b\x00\x00"),
		"nothing at all":  module(),
		"only zero bytes": module(7, "\x00\x00"),
		"out of order":    module(500, "second", 20, "first", 502, "over"),
		"exact gap":       module(0, "a", gap, "b", 2*gap+1, "c", 3*gap+3, "d"),
	} {
		t.Run(name, func(t *testing.T) {
			joined, err := joinSegments(code)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(memoryOf(t, joined), memoryOf(t, code)) {
				t.Error("the memory differs")
			}
			again, err := joinSegments(joined)
			if err != nil || !bytes.Equal(again, joined) {
				t.Errorf("joining twice changed something: %v", err)
			}
		})
	}
}

func TestJoinSegmentsRefusesWhatItDoesNotKnow(t *testing.T) {
	good := module(10, "ab", 2000, "cd")
	for n := range good {
		if n == 8 || n == 13 || n == 22 {
			continue // after a whole section: a shorter module, but a module
		}
		if _, err := joinSegments(good[:n]); err == nil {
			t.Errorf("a module cut off after %d of %d bytes was accepted", n, len(good))
		}
	}
}

// The agent that is built now went through this, and through countAtStart.
func TestBuiltModuleIsInFewSegments(t *testing.T) {
	found, err := filepath.Glob("../build/agent.*.wasm")
	if err != nil || len(found) != 1 {
		t.Fatalf("run `make wasm` first: found %v, %v", found, err)
	}
	built, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	again, err := joinSegments(built)
	if err != nil || !bytes.Equal(again, built) {
		t.Errorf("the built module is not as joinSegments leaves it: %v", err)
	}
	if _, err := countAtStart(built); !errors.Is(err, errFunctab) {
		t.Errorf("the built module has its table of functions: %v", err)
	}
}
