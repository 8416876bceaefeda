//go:build js && wasm

// Command guest does what its first argument names, for the tests of package host.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall/js"
	"time"
)

var global = js.Global()

func fn(f func(this js.Value, args []js.Value) any) js.Value { return js.FuncOf(f).Value }

func number(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

func main() {
	modes := map[string]func(){
		"hello": func() { fmt.Println("hello", os.Getenv("WHO")) },
		"exit":  func() { os.Exit(number(2)) },
		"panic": func() { panic("the guest has had enough") },
		"panic-in-callback": func() {
			global.Call("setTimeout", fn(func(js.Value, []js.Value) any { panic("inside a callback") }), 10)
			select {}
		},
		"exit-in-callback": func() {
			fn(func(js.Value, []js.Value) any { os.Exit(3); return nil }).Invoke()
			fmt.Println("must not be reached")
		},
		"spin":     spin,
		"loop":     func() { loop() },
		"eat":      eat,
		"recurse":  recurse,
		"reentry":  reentry,
		"ticker":   ticker,
		"timers":   timers,
		"serve":    serve,
		"calls":    calls,
		"draw":     draw,
		"get":      func() { global.Get("bomb") },
		"reject":   func() { global.Get("Promise").Call("reject", "nobody listens"); select {} },
		"idle":     func() { select {} },
		"clocks":   clocks,
		"page":     page,
		"storm":    storm,
		"forever":  func() { again() },
		"finalize": finalize,
	}
	mode := modes[os.Args[1]]
	if mode == nil {
		panic("no mode " + os.Args[1])
	}
	mode()
}

// spin waits for time to pass without letting it.
func spin() {
	for start := time.Now(); time.Since(start) < time.Second; {
	}
}

var sink int

//go:noinline
func loop() {
	for {
		sink++
	}
}

func eat() {
	var kept [][]byte
	for {
		kept = append(kept, make([]byte, 1<<20))
		kept[len(kept)-1][0] = 1
	}
}

// recurse calls itself through JavaScript until that throws.
func recurse() {
	deepest := 0
	var f js.Value
	f = fn(func(_ js.Value, args []js.Value) (result any) {
		defer func() {
			if e, ok := recover().(js.Error); ok {
				result = e.Error()
			}
		}()
		deepest = max(deepest, args[0].Int())
		return f.Invoke(args[0].Int() + 1)
	})
	fmt.Println(f.Invoke(1).String(), deepest)
}

// reentry prints from within callbacks, each print being a call from JavaScript of its own.
func reentry() {
	var f js.Value
	f = fn(func(_ js.Value, args []js.Value) any {
		n := args[0].Int()
		fmt.Println("down", n)
		if n < 5 {
			f.Invoke(n + 1)
		}
		fmt.Println("up", n)
		return n
	})
	f.Invoke(1)
	global.Call("setTimeout", f, 1, 4)
	time.Sleep(10 * time.Millisecond)
	fmt.Println("end")
}

// ticker ticks every so many milliseconds, so many times.
func ticker() {
	t := time.NewTicker(time.Duration(number(2)) * time.Millisecond)
	start := time.Now()
	for i := range number(3) {
		<-t.C
		global.Call("beat", i)
	}
	fmt.Println("ticked for", time.Since(start))
}

// timers starts thousands, in scrambled order, and reports what arrived out of order.
func timers() {
	n := number(2)
	fired := make(chan int, n)
	for i := range n {
		d := i * 7919 % n
		time.AfterFunc(time.Duration(d+1)*10*time.Millisecond, func() { fired <- d })
	}
	wrong := 0
	for i := range n {
		if <-fired != i {
			wrong++
		}
	}
	fmt.Println(n, "fired,", wrong, "out of order")
}

// serve defines functions that the test calls.
func serve() {
	global.Set("double", fn(func(_ js.Value, args []js.Value) any { return args[0].Int() * 2 }))
	global.Set("later", fn(func(_ js.Value, args []js.Value) any {
		promise := global.Get("Promise")
		return promise.New(fn(func(_ js.Value, settle []js.Value) any {
			go func() {
				time.Sleep(time.Duration(args[0].Int()) * time.Millisecond)
				settle[0].Invoke("done")
			}()
			return nil
		}))
	}))
	global.Set("quit", fn(func(js.Value, []js.Value) any { os.Exit(4); return nil }))
	global.Set("die", fn(func(js.Value, []js.Value) any { panic("told to die") }))
	global.Set("close", fn(func(js.Value, []js.Value) any { global.Call("killMe"); fmt.Println("survived"); return nil }))
	select {}
}

// calls makes so many host calls, for the benchmark.
func calls() {
	f := global.Get("nothing")
	for range number(2) {
		f.Invoke()
	}
}

// draw prints what depends on the seed: random bytes, map order, select order.
func draw() {
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	m := map[int]int{}
	for i := range 10 {
		m[i] = i
	}
	order := ""
	for k := range m {
		order += strconv.Itoa(k)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	done := make(chan int)
	for i := range 5 {
		go func() {
			select {
			case <-time.After(time.Duration(20+i%2) * time.Millisecond):
				done <- i
			case <-ctx.Done():
			}
		}()
	}
	for range 5 {
		order += " " + strconv.Itoa(<-done)
	}
	fmt.Printf("%x %s %v\n", b, order, global.Get("Math").Call("random").Float())
}

func clocks() {
	wall, mono := time.Now().Round(0), time.Now()
	global.Set("look", fn(func(js.Value, []js.Value) any {
		return fmt.Sprint(time.Now().Round(0).Sub(wall), " ", time.Since(mono))
	}))
	select {}
}

// storm keeps the present instant busy for ever, with tasks of the embedder.
func storm() {
	var f js.Value
	f = fn(func(js.Value, []js.Value) any { global.Call("post", f); return nil })
	f.Invoke()
	select {}
}

// again chains microtasks for ever.
func again() {
	var f js.Value
	f = fn(func(js.Value, []js.Value) any { global.Call("queueMicrotask", f); return nil })
	f.Invoke()
	select {}
}

// finalize makes garbage that names host objects, collects it and tells how much it made; finalizers give the names back.
func finalize() {
	for i := range number(2) {
		global.Get("Object").New().Set("some", "thing"+strconv.Itoa(i))
	}
	for range 3 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	fmt.Println("collected")
	select {}
}

// page is a small program of the kind that runs in pages: it listens for keys and asks a server.
func page() {
	keys := 0
	global.Get("document").Call("addEventListener", "keydown", fn(func(_ js.Value, args []js.Value) any {
		if args[0].Get("isTrusted").Bool() {
			keys++
		}
		return nil
	}))
	for range time.Tick(time.Minute) {
		answer := make(chan string)
		global.Call("fetch", "/beat?keys="+strconv.Itoa(keys)).Call("then", fn(func(_ js.Value, args []js.Value) any {
			return args[0].Call("text")
		})).Call("then", fn(func(_ js.Value, args []js.Value) any {
			answer <- args[0].String()
			return nil
		}), fn(func(_ js.Value, args []js.Value) any {
			answer <- js.Error{Value: args[0]}.Error()
			return nil
		}))
		start := time.Now()
		fmt.Println(<-answer, "after", time.Since(start))
	}
}
