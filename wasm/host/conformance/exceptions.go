//go:build js && wasm

package main

import "syscall/js"

func exceptions() {
	object := global.Get("Object")
	attempt("call missing", func() { object.New().Call("nope") })
	attempt("call non-function", func() { js.ValueOf(map[string]any{"x": 1}).Call("x") })
	attempt("call on undefined", func() { js.Undefined().Call("x") })
	attempt("call on string", func() { js.ValueOf("s").Call("trim") })
	attempt("call on number", func() { js.ValueOf(1).Call("toFixed") })
	attempt("get on null", func() { js.Null().Get("x") })
	attempt("set on bool", func() { js.ValueOf(true).Set("x", 1) })
	attempt("index on string", func() { js.ValueOf("s").Index(0) })
	attempt("delete on undefined", func() { js.Undefined().Delete("x") })
	attempt("length of number", func() { js.ValueOf(1).Length() })
	attempt("invoke object", func() { object.New().Invoke() })
	attempt("new of object", func() { object.New().New() })
	attempt("new of builtin", func() { global.Get("Math").Get("max").New() })
	attempt("bool of number", func() { js.ValueOf(1).Bool() })
	attempt("int of string", func() { js.ValueOf("1").Int() })
	attempt("value of struct", func() { js.ValueOf(struct{}{}) })
	attempt("json", func() { global.Get("JSON").Call("parse", "{") })
	attempt("null keys", func() { object.Call("keys", js.Null()) })
	attempt("bad prototype", func() { object.Call("create", 1) })
	attempt("promise", func() { global.Get("Promise").New(3) })
	attempt("promise call", func() { global.Get("Promise").Invoke() })
	attempt("apply", func() { global.Get("Reflect").Call("apply", js.Undefined(), 1, []any{}) })
	attempt("apply object", func() { global.Get("Reflect").Call("apply", map[string]any{}, 1, []any{}) })
	attempt("reflect get", func() { global.Get("Reflect").Call("get", 1, "x") })

	thrower := func(v any) js.Value {
		return global.Get("Reflect").Get("apply").Call("bind", js.Null(), global.Get("Promise"), v) // throws a TypeError when called
	}
	attempt("bound", func() { thrower("this").Invoke([]any{}) })

	for _, name := range []string{"Error", "TypeError", "RangeError", "SyntaxError"} {
		e := global.Get(name).New("message of "+name, map[string]any{"cause": "why"})
		say("error %s %s %s %s %v", e.Get("name").String(), e.Get("message").String(), e.Call("toString").String(), e.Get("cause").String(), e.InstanceOf(global.Get("Error")))
	}
	plain := global.Get("Error").Invoke()
	say("plain error %q %s own %v", plain.Get("message").String(), plain.Call("toString").String(), plain.Call("hasOwnProperty", "message").Bool())
	say("js.Error %v", js.Error{Value: global.Get("Error").New("wrapped")})
	attempt("converted to string", func() {
		global.Get("String").Invoke(map[string]any{"toString": nil, "valueOf": nil})
	})
	say("toString called %s", global.Get("String").Invoke(map[string]any{"toString": fn(func(js.Value, []js.Value) any { return "custom" })}).String())
	say("valueOf called %s", global.Get("Number").Invoke(map[string]any{"valueOf": fn(func(js.Value, []js.Value) any { return 12 })}).String())
}

func functions() {
	add := fn(func(_ js.Value, args []js.Value) any { return args[0].Int() + args[1].Int() })
	say("invoke %s type %s", add.Invoke(2, 3).String(), add.Type())
	this := fn(func(this js.Value, args []js.Value) any { return []any{this, len(args)} })
	say("this of invoke %s", show(this.Invoke().Index(0)))
	o := global.Get("Object").New()
	o.Set("m", this)
	say("this of call %v args %s", o.Call("m", 1, 2, 3).Index(0).Equal(o), o.Call("m", 1, 2, 3).Index(1).String())
	say("call %v", this.Call("call", o).Index(0).Equal(o))
	say("apply %s", this.Call("apply", o, []any{1, 2}).Index(1).String())
	bound := this.Call("bind", o, "first")
	say("bound %v %s", bound.Invoke(1).Index(0).Equal(o), bound.Invoke(1).Index(1).String())
	many := make([]any, 40)
	for i := range many {
		many[i] = i
	}
	say("many %s", this.Invoke(many...).Index(1).String())
	for _, result := range []any{nil, 1, "s", true, []any{1}, map[string]any{"k": "v"}, js.Undefined()} {
		r := fn(func(js.Value, []js.Value) any { return result })
		say("result %s", r.Invoke().Type())
	}
	var down js.Value
	depth := 0
	down = fn(func(_ js.Value, args []js.Value) any {
		n := args[0].Int()
		depth = max(depth, n)
		if n == 20 {
			return "bottom"
		}
		v := down.Invoke(n + 1)
		return v.String() + "<"
	})
	say("recursion %s %d", down.Invoke(0).String(), depth)

	// An exception inside of a callback, caught there: it must not pass through (Go would never leave the callback).
	fn(func(js.Value, []js.Value) any {
		attempt("inside of a callback", func() { global.Get("JSON").Call("parse", "nope") })
		return nil
	}).Invoke()
	order := ""
	outer := fn(func(js.Value, []js.Value) any {
		order += "a"
		js.ValueOf([]any{1, 2}).Call("forEach", fn(func(_ js.Value, args []js.Value) any {
			order += args[0].String()
			js.ValueOf([]any{1}).Call("map", fn(func(js.Value, []js.Value) any { order += "x"; return nil }))
			return nil
		}))
		order += "b"
		return nil
	})
	outer.Invoke()
	say("order %s", order)
	released := js.FuncOf(func(js.Value, []js.Value) any { return 1 })
	again := released.Value
	released.Release()
	_ = again
	for i := range 300 {
		f := js.FuncOf(func(js.Value, []js.Value) any { return i })
		if got := f.Invoke().Int(); got != i {
			say("func %d answered %d", i, got)
		}
		f.Release()
	}
}
