package host

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestModulesOfOtherKindsAreRefused(t *testing.T) {
	unreachable := []byte{opUnreachable}
	for name, wasm := range map[string][]byte{
		"not WebAssembly":   []byte("#!/bin/sh"),
		"empty":             nil,
		"other import":      tinyModule{imports: []string{"runtime.format_disk"}, run: unreachable}.bytes(),
		"other module":      tinyModule{importModule: "env", imports: []string{callExit}, run: unreachable}.bytes(),
		"no memory":         tinyModule{noMemory: true, run: unreachable}.bytes(),
		"no resume":         tinyModule{noResume: true, run: unreachable}.bytes(),
		"run of other type": tinyModule{runResult: true, run: unreachable}.bytes(),
		"cut":               buildGuest(t, guestPackage)[:100_000],
	} {
		e, err := engine()
		if err != nil {
			t.Fatal(err)
		}
		var refused *ModuleError
		if m, err := e.Compile(t.Context(), wasm); !errors.As(err, &refused) || m != nil {
			t.Errorf("%s: compiled to %v with %v", name, m, err)
		}
	}
}

// runTiny runs a module that no Go compiler made.
func runTiny(t testing.TB, m tinyModule) *Guest {
	t.Helper()
	r := NewRealm(newLoop(), Config{Limits: Limits{CallsPerTask: 1000}})
	c := compile(t, m.bytes())
	defer c.compiled.Close(context.Background())
	g, err := c.Start(t.Context(), r, StartConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func importNames() []string {
	var names []string
	for _, i := range gojsImports() {
		names = append(names, i.name)
	}
	return names
}

// TestStackPointersOutOfRange gives every import stack pointers beyond the guest's memory.
func TestStackPointersOutOfRange(t *testing.T) {
	for i, name := range importNames() {
		if name == "debug" || name == "runtime.resetMemoryDataView" {
			continue // they read no memory
		}
		for _, sp := range []int32{65536, 65528, -16, -1, math.MinInt32} {
			g := runTiny(t, tinyModule{imports: importNames(), run: callImport(i, sp)})
			var memory *MemoryError
			if !errors.As(g.Err(), &memory) || memory.Call != name {
				t.Errorf("%s with SP %d: %v", name, sp, g.Err())
			}
		}
	}
}

// TestRandomFrames gives every import random memory to work on: references never given out, slices of any length,
// indices and delays of any size. Whatever the guest gets to, the host must not panic, and an end must be typed.
func TestRandomFrames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ends := map[string]int{}
	interesting := []uint64{0, 1, 2, 5, 7, 8, 64, 255, 65535, 65536, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 62, math.MaxUint64,
		math.Float64bits(math.NaN()), math.Float64bits(1.5)}
	for _, f := range []uint64{0, flagObject, flagString, flagFunction, 7} { // references to what is predefined, and beyond
		for id := range uint64(10) {
			interesting = append(interesting, (nanHead|f)<<32|id)
		}
	}
	for i, name := range importNames() {
		for range 60 {
			memory := make([]byte, 4096)
			for at := 0; at < len(memory); at += 8 {
				word := interesting[rng.IntN(len(interesting))]
				if rng.IntN(2) == 0 {
					word = uint64(rng.IntN(600))
				}
				binary.LittleEndian.PutUint64(memory[at:], word)
			}
			for at, s := range map[int]string{0: "global", 512: "Array", 520: "length", 528: "fs"} {
				copy(memory[at:], s)
			}
			var body []byte
			for range 1 + rng.IntN(4) { // several calls, so that what one stores another may load
				body = append(body, callImport(i, int32(rng.IntN(400)*8))...)
				body = append(body, callImport(slices.Index(importNames(), "syscall/js.stringVal"), int32(rng.IntN(400)*8))...)
			}
			g := runTiny(t, tinyModule{imports: importNames(), run: body, memory: memory})
			var bug runtime.Error
			if errors.As(g.Err(), &bug) {
				t.Fatalf("%s made the host panic: %v", name, g.Err())
			}
			ends[endKind(t, g.Err())]++
		}
	}
	t.Log(ends)
	if ends["alive"] == 0 || ends["memory"] == 0 || ends["uncaught"] == 0 {
		t.Errorf("the frames reach too little: %v", ends)
	}
}

func endKind(t *testing.T, err error) string {
	t.Helper()
	var memory *MemoryError
	var uncaught *UncaughtError
	var exit *ExitError
	switch {
	case err == nil:
		return "alive"
	case errors.As(err, &memory):
		return "memory"
	case errors.As(err, &uncaught):
		return "uncaught"
	case errors.As(err, &exit):
		return "exit"
	}
	t.Errorf("ended with %T: %v", err, err)
	return "other"
}

func TestTraps(t *testing.T) {
	g := runTiny(t, tinyModule{run: []byte{opUnreachable}})
	var trap *TrapError
	if !errors.As(g.Err(), &trap) {
		t.Errorf("unreachable: %v", g.Err())
	}
	if next, ok := g.Realm().Loop().Next(); ok {
		t.Errorf("something is queued for %d", next)
	}
}

// TestInterruptibleEngineStopsPureLoops: with a watched context even a loop without calls ends.
func TestInterruptibleEngineStopsPureLoops(t *testing.T) {
	e, err := NewEngine(t.Context(), EngineConfig{Interruptible: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	endless := append(callImport(0, 1024), opLoop, emptyBlock, opBranch, 0, opEnd)
	m, err := e.Compile(t.Context(), tinyModule{imports: []string{"runtime.nanotime1"}, run: endless}.bytes())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := NewRealm(newLoop(), Config{Hooks: Hooks{Trace: func(string) { cancel() }}})
	g, err := m.Start(ctx, r, StartConfig{})
	var interrupt *InterruptError
	if err != nil || !errors.As(g.Err(), &interrupt) || !errors.Is(interrupt, context.Canceled) {
		t.Errorf("started with %v, ended with %v", err, g.Err())
	}
}

func TestArgumentsThatDoNotFit(t *testing.T) {
	r := NewRealm(newLoop(), Config{})
	g, err := testModule(t, guestPackage).Start(t.Context(), r, StartConfig{Args: []string{string(make([]byte, 9000))}})
	if err == nil || g != nil {
		t.Errorf("9000 bytes of arguments: %v", err)
	}
	g, err = compile(t, tinyModule{run: []byte{opUnreachable}}.bytes()).Start(t.Context(), r, StartConfig{})
	if err != nil || g.Err() == nil {
		t.Errorf("tiny module: %v, %v", err, g.Err())
	}
}

// TestCacheDir: code compiled by one engine is found by the next.
func TestCacheDir(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		e, err := NewEngine(t.Context(), EngineConfig{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		m, err := e.Compile(t.Context(), tinyModule{run: []byte{opUnreachable}}.bytes())
		if err != nil {
			t.Fatal(err)
		}
		if g, err := m.Start(t.Context(), newRealm(), StartConfig{}); err != nil || g.Err() == nil {
			t.Errorf("cached module: %v, %v", err, g.Err())
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if files, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(files) == 0 {
			t.Errorf("nothing in the cache: %v", err)
		}
	}
	if _, err := NewEngine(t.Context(), EngineConfig{MemoryPages: 70_000}); err == nil {
		t.Error("more memory than there are addresses was accepted")
	}
}
