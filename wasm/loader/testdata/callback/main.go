//go:build js && wasm

// Command callback leaves a listener in Go that stores the time: what the loader's listeners spare every event.
package main

import (
	"time"

	"github.com/hack-pad/safejs"
)

func main() {
	last := new(time.Time)
	listener, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		*last = time.Now()
		return nil
	})
	if err != nil {
		panic(err)
	}
	if err := safejs.Global().Set("goListener", listener); err != nil {
		panic(err)
	}
	select {}
}
