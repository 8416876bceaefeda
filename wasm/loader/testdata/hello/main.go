//go:build js && wasm

// Command hello is the least that a page can do with safejs: it leaves a mark. The benchmarks compare the agent with it.
package main

import "github.com/hack-pad/safejs"

func main() {
	performance, err := safejs.Global().Get("performance")
	if err != nil {
		panic(err)
	}
	if _, err := performance.Call("mark", "hello"); err != nil {
		panic(err)
	}
	select {}
}
