//go:build js && wasm

package main

import (
	"os"
	"sync"
	"syscall/js"
	"time"
)

func timers() {
	var log []string
	done := make(chan struct{})
	at := func(ms int, what string, args ...any) js.Value {
		return global.Call("setTimeout", append([]any{fn(func(_ js.Value, args []js.Value) any {
			for _, a := range args {
				what += " " + a.String()
			}
			log = append(log, what)
			return nil
		}), ms}, args...)...)
	}
	at(60, "sixty")
	at(20, "twenty")
	at(20, "twenty again", "with", "args")
	at(0, "zero")
	at(1, "one")
	at(-5, "negative")
	gone := at(30, "cleared")
	global.Call("clearTimeout", gone)
	global.Call("clearTimeout", 123456)
	global.Call("clearTimeout")
	var interval js.Value
	ticks := 0
	interval = global.Call("setInterval", fn(func(js.Value, []js.Value) any {
		ticks++
		log = append(log, "tick")
		if ticks == 3 {
			global.Call("clearInterval", interval)
		}
		return nil
	}), 100)
	at(40, "nested outer")
	global.Call("setTimeout", fn(func(js.Value, []js.Value) any {
		at(10, "nested inner")
		global.Call("queueMicrotask", fn(func(js.Value, []js.Value) any { log = append(log, "micro after timer"); return nil }))
		log = append(log, "timer before micro")
		return nil
	}), 130)
	global.Call("setTimeout", fn(func(js.Value, []js.Value) any { close(done); return nil }), 400)
	<-done
	for _, line := range log {
		say("timer %s", line)
	}

	start := time.Now()
	time.Sleep(25 * time.Millisecond)
	say("slept %v", time.Since(start) >= 25*time.Millisecond)
	p := global.Get("performance")
	before := p.Call("now").Float()
	<-time.After(15 * time.Millisecond)
	say("after %v", p.Call("now").Float()-before >= 14)
	t := time.NewTimer(time.Hour)
	say("stopped %v", t.Stop())
	t.Reset(5 * time.Millisecond)
	<-t.C
	tick := time.NewTicker(5 * time.Millisecond)
	for range 3 {
		<-tick.C
	}
	tick.Stop()
	say("ticked")
	fired := make(chan string, 4)
	time.AfterFunc(30*time.Millisecond, func() { fired <- "thirty" })
	time.AfterFunc(10*time.Millisecond, func() { fired <- "ten" })
	stopped := time.AfterFunc(20*time.Millisecond, func() { fired <- "never" })
	stopped.Stop()
	say("fired %s %s", <-fired, <-fired)
	say("zone %s", time.Unix(0, 0).UTC().Format(time.RFC3339))
}

func goroutines() {
	order := make(chan string, 20)
	for _, d := range []time.Duration{80, 40, 120} {
		go func() {
			time.Sleep(d * time.Millisecond)
			order <- d.String()
		}()
	}
	say("woken %s %s %s", <-order, <-order, <-order)
	select {
	case <-order:
		say("select: message")
	case <-time.After(10 * time.Millisecond):
		say("select: timeout")
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for i := range 100 {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			sum += i
		})
	}
	wg.Wait()
	say("sum %d", sum)
	// A callback hands work to a goroutine that waits for a promise.
	result := make(chan string)
	global.Call("setTimeout", fn(func(js.Value, []js.Value) any {
		go func() {
			value := make(chan string)
			global.Get("Promise").Call("resolve", "promised").Call("then", fn(func(_ js.Value, args []js.Value) any {
				value <- args[0].String()
				return nil
			}))
			result <- <-value
		}()
		return nil
	}), 5)
	say("goroutine %s", <-result)
	func() {
		defer func() { say("recovered %v", recover()) }()
		var m map[string]int
		m["x"] = 1
	}()
	func() {
		defer func() { say("recovered %v", recover()) }()
		var list []int
		_ = list[len(os.Args)+5]
	}()
}

func system() {
	_, err := os.Open("/there/is/no/such/file/anywhere")
	say("open fails %v", err != nil)
	_, err = os.Getwd()
	_ = err
	say("pid %v", os.Getpid() != 0)
	global.Get("fs").Call("writeSync", 1, global.Get("TextEncoder").New().Call("encode", "written by writeSync\n"))
	global.Get("console").Call("log", "several", 1, true, js.Null(), js.Undefined(), 1.5, -0.25)
}
