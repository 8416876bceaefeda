//go:build js && wasm

// Command conformance exercises syscall/js, timers and goroutines and prints one line for each observation. The test of
// package host runs it under Node with Go's own JavaScript runtime and under this project's, and compares the lines.
//
// Lines go through console.log, which is synchronous in both, also from callbacks. Where the real time shows, only relations
// are printed.
package main

import (
	"fmt"
	"os"
	"syscall/js"
)

var global = js.Global()

// say prints one observation.
func say(format string, args ...any) {
	global.Get("console").Call("log", fmt.Sprintf(format, args...))
}

// attempt runs f and prints what it panics with.
func attempt(what string, f func()) {
	defer func() {
		switch r := recover().(type) {
		case nil:
			say("%s: no panic", what)
		case js.Error:
			say("%s: js.Error %q of %s", what, r.Error(), r.Value.Get("name").String())
		case error:
			say("%s: %T %v", what, r, r)
		default:
			say("%s: panic %v", what, r)
		}
	}()
	f()
}

// show describes a value by its type and, for primitives, its text.
func show(v js.Value) string { return v.Type().String() + " " + v.String() }

// fn makes a function that lives as long as the program.
func fn(f func(this js.Value, args []js.Value) any) js.Value { return js.FuncOf(f).Value }

func main() {
	values()
	numbers()
	texts()
	objects()
	arrays()
	bytes()
	exceptions()
	functions()
	data()
	dates()
	promises()
	timers()
	goroutines()
	system()
	fmt.Println("printed by fmt")
	fmt.Fprintln(os.Stdout, "args", len(os.Args) > 0)
	os.Exit(7)
}
