//go:build js && wasm

package main

import (
	"strings"
	"syscall/js"
)

func join(list js.Value) string {
	parts := make([]string, list.Length())
	for i := range parts {
		parts[i] = global.Get("String").Invoke(list.Index(i)).String()
	}
	return strings.Join(parts, " ")
}

func objects() {
	object := global.Get("Object")
	o := object.New()
	for _, key := range []string{"b", "a", "10", "2", "-1", "01", "c", "1.5", "length"} {
		o.Set(key, key+"!")
	}
	say("keys %s", join(object.Call("keys", o)))
	say("values %s", join(object.Call("values", o)))
	o.Delete("a")
	o.Delete("2")
	o.Delete("never")
	say("after delete %s", join(object.Call("keys", o)))
	o.Set("a", 1)
	o.Set("b", 2)
	say("after set %s, index %s %s", join(object.Call("keys", o)), o.Index(10).String(), show(o.Index(3)))
	o.SetIndex(3, "three")
	say("set index %s %s", o.Get("3").String(), o.Index(-1).String())
	say("length of object %d", o.Length())
	say("entries %s", join(object.Call("entries", map[string]any{"k": 1}).Index(0)))
	p := object.Call("create", o)
	say("inherited %s own %v", p.Get("c").String(), p.Call("hasOwnProperty", "c").Bool())
	p.Set("c", "mine")
	say("shadow %s %s", p.Get("c").String(), o.Get("c").String())
	say("toString %s %s %s", o.Call("toString").String(), global.Get("Array").New().Call("toString").String(),
		object.Get("prototype").Get("toString").Call("call", global.Get("Array").New()).String())
	for _, v := range []js.Value{js.Null(), js.Undefined(), global.Get("Date").New(), global.Get("Uint8Array").New(1), global.Get("Error").New("x"), global.Get("JSON"),
		global.Get("Math"), global.Get("Promise").Call("resolve", 1), global.Get("Object"), global.Get("ArrayBuffer").New(1)} {
		say("class %s", object.Get("prototype").Get("toString").Call("call", v).String())
	}
	null := object.Call("create", js.Null())
	say("null prototype %s", show(null.Get("toString")))

	frozen := object.Call("freeze", map[string]any{"x": 1})
	frozen.Set("x", 2)
	frozen.Set("y", 2)
	frozen.Delete("x")
	say("frozen %s %s %v", frozen.Get("x").String(), show(frozen.Get("y")), object.Call("isFrozen", frozen).Bool())

	var stored js.Value
	d := object.New()
	object.Call("defineProperty", d, "acc", map[string]any{
		"get": fn(func(this js.Value, _ []js.Value) any { return this.Get("base").Int() * 2 }),
		"set": fn(func(_ js.Value, args []js.Value) any { stored = args[0]; return nil }),
	})
	object.Call("defineProperty", d, "fixed", map[string]any{"value": 9})
	d.Set("base", 21)
	d.Set("acc", "given")
	d.Set("fixed", 10)
	say("accessor %d %s fixed %d keys %s", d.Get("acc").Int(), stored.String(), d.Get("fixed").Int(), join(object.Call("keys", d)))
	say("all names %s", join(object.Call("getOwnPropertyNames", d)))
	attempt("redefine", func() { object.Call("defineProperty", d, "fixed", map[string]any{"value": 1, "writable": true}) })
	child := object.Call("create", d)
	child.Set("base", 4)
	child.Set("fixed", 5)
	say("child %d %d %v", child.Get("acc").Int(), child.Get("fixed").Int(), child.Call("hasOwnProperty", "fixed").Bool())

	target := object.Call("assign", map[string]any{"a": 1}, map[string]any{"b": 2}, nil)
	say("assigned %s", join(object.Call("keys", target)))
	say("fromEntries %s", object.Call("fromEntries", []any{[]any{"q", 1}}).Get("q").String())

	reflect := global.Get("Reflect")
	say("reflect %v %v %s", reflect.Call("has", target, "a").Bool(), reflect.Call("set", frozen, "x", 3).Bool(), join(reflect.Call("ownKeys", target)))
	say("apply %s", reflect.Call("apply", global.Get("Math").Get("max"), js.Null(), []any{3, 9, 4}).String())
	say("construct %d", reflect.Call("construct", global.Get("Array"), []any{3}).Length())

	instances()
}

func instances() {
	array, object, date := global.Get("Array"), global.Get("Object"), global.Get("Date")
	for _, v := range []js.Value{array.New(), object.New(), date.New(), global.Get("TypeError").New("t"), js.ValueOf("s"), js.ValueOf(1), js.Null(), object,
		global.Get("Uint8Array").New(2)} {
		say("instanceof %v %v %v %v %v", v.InstanceOf(array), v.InstanceOf(object), v.InstanceOf(date), v.InstanceOf(global.Get("Error")), v.InstanceOf(global.Get("Function")))
	}
	maker := fn(func(this js.Value, args []js.Value) any {
		this.Set("made", args[0])
		return js.Undefined()
	})
	maker.Get("prototype").Set("greet", fn(func(this js.Value, _ []js.Value) any { return "hi " + this.Get("made").String() }))
	x := maker.New("me")
	say("constructed %s %s %v %v", x.Get("made").String(), x.Call("greet").String(), x.InstanceOf(maker), x.Get("constructor").Equal(maker))
	other := fn(func(js.Value, []js.Value) any { return map[string]any{"other": true} })
	say("constructed other %v", other.New().Get("other").Bool())
	primitive := fn(func(js.Value, []js.Value) any { return 5 })
	say("constructed primitive %s", primitive.New().Type())
}

func arrays() {
	a := js.ValueOf([]any{1, "two", nil, true, []any{4}})
	say("array %d %s", a.Length(), a.Call("join", "|").String())
	a.SetIndex(7, "far")
	say("grown %d %s %s", a.Length(), show(a.Index(6)), show(a.Index(99)))
	a.Set("length", 2)
	say("cut %d %s", a.Length(), a.Call("join").String())
	say("push %d pop %s", a.Call("push", 3, 4).Int(), a.Call("pop").String())
	say("shift %s unshift %d", a.Call("shift").String(), a.Call("unshift", "n1", "n2").Int())
	say("slice %s %s", join(a.Call("slice", 1)), join(a.Call("slice", -2, -1)))
	say("splice %s left %s", join(a.Call("splice", 1, 1, "s1", "s2")), join(a))
	say("concat %s", join(a.Call("concat", []any{7}, 8)))
	say("indexOf %d %d includes %v", a.Call("indexOf", "s2").Int(), a.Call("indexOf", "none").Int(), a.Call("includes", "n1").Bool())
	say("reverse %s", join(a.Call("reverse")))
	n := js.ValueOf([]any{10, 9, 1, js.Undefined(), 2})
	say("sort %s", join(n.Call("sort")))
	say("sort by %s", join(n.Call("sort", fn(func(_ js.Value, p []js.Value) any { return p[0].Int() - p[1].Int() }))))
	double := fn(func(_ js.Value, p []js.Value) any { return p[0].Int()*2 + p[1].Int() })
	even := fn(func(_ js.Value, p []js.Value) any { return p[0].Int()%2 == 0 })
	m := js.ValueOf([]any{1, 2, 3, 4})
	say("map %s filter %s", join(m.Call("map", double)), join(m.Call("filter", even)))
	say("find %s %s some %v every %v", m.Call("find", even).String(), m.Call("findIndex", even).String(), m.Call("some", even).Bool(), m.Call("every", even).Bool())
	m.Call("forEach", fn(func(_ js.Value, p []js.Value) any {
		say("each %s %s %v", p[0].String(), p[1].String(), p[2].Equal(m))
		return nil
	}))
	say("from %s %s", join(global.Get("Array").Call("from", "añ😀")), join(global.Get("Array").Call("from", map[string]any{"length": 2, "0": "x"})))
	say("of %s isArray %v %v", join(global.Get("Array").Call("of", 7)), global.Get("Array").Call("isArray", m).Bool(), global.Get("Array").Call("isArray", "no").Bool())
	say("new %d %d", global.Get("Array").New(3).Length(), global.Get("Array").New(3, 4).Length())
	attempt("bad length", func() { global.Get("Array").New(-1) })
	say("keys %s", join(global.Get("Object").Call("keys", m)))
	say("fill %s at %s", join(global.Get("Array").New(3).Call("fill", 0)), m.Call("at", -1).String())
}
