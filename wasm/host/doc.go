// Package host runs Go programs compiled with GOOS=js GOARCH=wasm under wazero, without a browser: deterministic, in virtual
// time, thousands in one process. It is the ground on which the exact bytes that browsers load are tested (mission row D3).
//
// # Parts
//
// An [Engine] compiles a program once to a [Module]. A [Clock] is the time of one simulated machine, a [Loop] the event loop
// of all its tabs, a [Realm] the JavaScript world of one page. [Module.Start] runs the program in a realm as a [Guest].
//
//	engine, err := host.NewEngine(ctx, host.EngineConfig{})
//	module, err := engine.Compile(ctx, wasm)
//	loop := host.NewLoop(host.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)))
//	realm := host.NewRealm(loop, host.Config{Stdout: os.Stdout, Stderr: os.Stderr})
//	guest, err := module.Start(ctx, realm, host.StartConfig{})
//	err = loop.Advance(ctx, 24*time.Hour)
//
// # JavaScript without a JavaScript engine
//
// No JavaScript source is ever run. The objects that the program sees are [Object] values, and their functions are Go
// ([Func]) or the program's own (js.FuncOf). A realm starts with the parts of the language and of the platform that Go's
// runtime and ordinary programs use: Object, Function, Array, Error and its kinds, Promise, Date, Math, JSON, Reflect, typed
// arrays, timers, console, performance, TextEncoder, TextDecoder, structuredClone, crypto.getRandomValues, fs, process, path.
// An embedder adds the rest: window, document, fetch. Where Go code behaves differently here than under Node with Go's own
// wasm_exec.js, that is a defect; the conformance program in the folder of that name compares the two line by line.
//
// Left out: symbols, BigInt, iterators, Map and Set, regular expressions, methods and wrapper objects of primitives, holes in
// arrays, unpaired surrogates (see [String]), setters of Date, subclassing of Promise.
//
// # Time and order
//
// Nothing reads the real time or draws from a real random source. The embedder moves the clock, and the loop runs what is due,
// each task to its end with all its microtasks, in the order of time and then of queueing. The clock stands still within a
// task. The wall clock and the monotonic clock are moved apart by [Clock.Sleep]. [Realm.Throttle], [Realm.Freeze] and
// [Realm.Kill] do to a page what browsers do to tabs. With the same program, seeds and steps, two runs make the same calls in
// the same order: [Hooks.Trace] shows them.
//
// # Guests that misbehave
//
// However a guest ends, [Guest.Err] says it with a type: [ExitError], [BudgetError], [MemoryError], [TrapError],
// [UncaughtError], [InterruptError], [ErrKilled]. No guest can make this package panic, read outside of its own memory or, with
// a budget on host calls, run forever; endless loops of pure WebAssembly need [EngineConfig.Interruptible] to be stopped.
// A guest's own memory is bounded by [EngineConfig.MemoryPages] and single JavaScript objects are bounded in size, but not how
// many of them a guest keeps.
package host
