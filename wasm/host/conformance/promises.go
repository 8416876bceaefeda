//go:build js && wasm

package main

import (
	"strings"
	"syscall/js"
)

// promises prints the order in which reactions run, which shows every step of the algorithm.
func promises() {
	promise := global.Get("Promise")
	var log []string
	note := func(what string) js.Value {
		return fn(func(_ js.Value, args []js.Value) any {
			text := what
			if len(args) > 0 {
				text += "=" + global.Get("String").Invoke(args[0]).String()
			}
			log = append(log, text)
			return what
		})
	}
	throwing := func(what string) js.Value {
		return global.Get("JSON").Get("parse").Call("bind", js.Null(), "bad "+what)
	}
	done := make(chan struct{})
	var resolve, reject js.Value
	later := promise.New(fn(func(_ js.Value, args []js.Value) any {
		resolve, reject = args[0], args[1]
		log = append(log, "executor")
		return nil
	}))
	later.Call("then", note("later1")).Call("then", note("later2"))
	later.Call("then", note("later3"))
	promise.Call("resolve", 1).Call("then", note("r1")).Call("then", note("r2")).Call("then", note("r3"))
	promise.Call("reject", "no").Call("then", note("never")).Call("catch", note("c1")).Call("then", note("c2"))
	promise.Call("reject", "fin").Call("finally", note("f1")).Call("catch", note("f2"))
	promise.Call("resolve", "ok").Call("finally", note("g1")).Call("then", note("g2"))
	promise.Call("resolve", 0).Call("finally", throwing("finally")).Call("catch", note("g3"))
	global.Call("queueMicrotask", note("micro"))
	// A promise that follows another takes two more steps than a plain value.
	follow := promise.Call("resolve", "inner")
	promise.New(fn(func(_ js.Value, args []js.Value) any { args[0].Invoke(follow); return nil })).Call("then", note("followed"))
	promise.Call("resolve", 0).Call("then", fn(func(js.Value, []js.Value) any { return promise.Call("resolve", "n") })).Call("then", note("returned"))
	thenable := map[string]any{"then": fn(func(_ js.Value, args []js.Value) any {
		args[0].Invoke("adopted")
		args[1].Invoke("ignored")
		return nil
	})}
	promise.Call("resolve", thenable).Call("then", note("thenable"))
	promise.Call("resolve", map[string]any{"then": throwing("then")}).Call("catch", note("thrown"))
	promise.Call("resolve", map[string]any{"then": 5}).Call("then", note("notthenable"))
	promise.New(throwing("executor")).Call("catch", note("exec"))
	promise.Call("resolve", 1).Call("then", throwing("reaction")).Call("catch", note("react"))
	promise.Call("resolve", "pass").Call("then", 5, nil).Call("then", note("passed"))
	var self js.Value
	var selfResolve js.Value
	self = promise.New(fn(func(_ js.Value, args []js.Value) any { selfResolve = args[0]; return nil }))
	selfResolve.Invoke(self)
	self.Call("catch", note("self"))

	list := []any{promise.Call("resolve", "a"), "b", thenable}
	promise.Call("all", list).Call("then", note("all"))
	promise.Call("all", []any{}).Call("then", note("empty"))
	promise.Call("all", []any{promise.Call("reject", "x"), 1}).Call("catch", note("allfail"))
	promise.Call("race", []any{promise.New(note("pendingexec")), promise.Call("resolve", "fast")}).Call("then", note("race"))
	promise.Call("any", []any{promise.Call("reject", "x"), promise.Call("resolve", "y")}).Call("then", note("any"))
	promise.Call("any", []any{promise.Call("reject", "x")}).Call("catch", fn(func(_ js.Value, args []js.Value) any {
		log = append(log, "anyfail="+args[0].Get("name").String()+":"+args[0].Get("message").String()+":"+join(args[0].Get("errors")))
		return nil
	}))
	promise.Call("allSettled", []any{promise.Call("reject", "x"), 2}).Call("then", fn(func(_ js.Value, args []js.Value) any {
		log = append(log, "settled="+global.Get("JSON").Call("stringify", args[0]).String())
		return nil
	}))
	promise.Call("all", 3).Call("catch", note("notiterable"))
	say("same %v %v", promise.Call("resolve", later).Equal(later), later.Call("then").Equal(later))

	global.Call("setTimeout", fn(func(js.Value, []js.Value) any {
		log = append(log, "timeout")
		resolve.Invoke("value")
		resolve.Invoke("second")
		reject.Invoke("third")
		log = append(log, "resolved")
		return nil
	}), 5)
	global.Call("setTimeout", fn(func(js.Value, []js.Value) any { close(done); return nil }), 40)
	log = append(log, "sync")
	<-done
	for i, line := range log {
		// The text of the iteration error names engine internals.
		if strings.HasPrefix(line, "notiterable") {
			line = "notiterable"
		}
		say("promise %d %s", i, line)
	}
}
