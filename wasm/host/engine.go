package host

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// EngineConfig configures an [Engine]. The zero value works.
type EngineConfig struct {
	// CacheDir keeps compiled code between processes when it is not empty.
	CacheDir string
	// MemoryPages bounds each guest's memory, in pages of 64 KiB; by default 4096 (256 MiB).
	MemoryPages uint32
	// Interruptible makes a done context stop guest code that calls nothing at all, such as an empty endless loop. It costs
	// several times the speed; without it a context is noticed at host calls and between tasks.
	Interruptible bool
}

// Engine compiles modules and holds what their instances share. Its methods may be called concurrently.
type Engine struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
}

// NewEngine makes an engine. Close it to free the code and the memory of everything made with it.
func NewEngine(ctx context.Context, config EngineConfig) (*Engine, error) {
	rc := wazero.NewRuntimeConfig().WithCloseOnContextDone(config.Interruptible)
	if config.MemoryPages == 0 {
		config.MemoryPages = 4096
	}
	if config.MemoryPages > 65536 {
		return nil, fmt.Errorf("host: EngineConfig.MemoryPages is %d, at most 65536 are addressable", config.MemoryPages)
	}
	rc = rc.WithMemoryLimitPages(config.MemoryPages)
	e := &Engine{}
	if config.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(config.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("host: compilation cache: %w", err)
		}
		e.cache = cache
		rc = rc.WithCompilationCache(cache)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, rc)
	if err := e.exportImports(ctx); err != nil {
		return nil, fmt.Errorf("host: imports: %w", firstError(err, e.Close(ctx)))
	}
	return e, nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Close frees the engine and ends everything that still runs in it.
func (e *Engine) Close(ctx context.Context) error {
	err := e.runtime.Close(ctx)
	if e.cache != nil {
		err = firstError(err, e.cache.Close(ctx))
	}
	return err
}

// Module is a compiled GOOS=js program, ready to be started any number of times, concurrently on different loops.
type Module struct {
	engine   *Engine
	compiled wazero.CompiledModule
}

// Compile checks and compiles a program made with GOOS=js GOARCH=wasm. A module that is something else is refused with a
// [*ModuleError]. It takes seconds for large modules unless the engine has a cache that knows them.
func (e *Engine) Compile(ctx context.Context, wasm []byte) (*Module, error) {
	compiled, err := e.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, &ModuleError{Reason: "does not compile", Err: err}
	}
	if err := check(compiled); err != nil {
		return nil, firstError(err, compiled.Close(ctx))
	}
	return &Module{engine: e, compiled: compiled}, nil
}

// check compares what the module wants and offers with what Go's linker makes for GOOS=js.
func check(m wazero.CompiledModule) error {
	known := make(map[string]bool)
	for _, i := range gojsImports() {
		known[i.name] = true
	}
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != importModule || !known[name] {
			return &ModuleError{Reason: fmt.Sprintf("imports %s.%s, which is not part of the GOOS=js interface", module, name)}
		}
	}
	i32 := api.ValueTypeI32
	for name, want := range map[string][2][]api.ValueType{
		"run": {{i32, i32}, nil}, "resume": {nil, nil}, "getsp": {nil, {i32}},
	} {
		f := m.ExportedFunctions()[name]
		if f == nil {
			return &ModuleError{Reason: "exports no function " + name}
		}
		if string(f.ParamTypes()) != string(want[0]) || string(f.ResultTypes()) != string(want[1]) {
			return &ModuleError{Reason: "exports function " + name + " with another type"}
		}
	}
	if m.ExportedMemories()["mem"] == nil {
		return &ModuleError{Reason: "exports no memory mem"}
	}
	return nil
}
