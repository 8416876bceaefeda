//go:build js && wasm

package main

import "syscall/js"

func data() {
	json := global.Get("JSON")
	for _, s := range []string{`null`, `true`, `[]`, `{}`, `-0`, `1e3`, `1E-2`, `"a\u00e9\ud83d\ude00\n\/"`, `[1,[2,{"a":null}]]`, ` { "b" : 1 , "a" : [ ] } `,
		`{"a":1,"a":2}`, `{"__x":1,"2":1,"1":0}`, `12345678901234567890`,
		`hello`, `{"a":1,}`, ``, `{`, `[1,2`, `"abc`, `nul`, `01`, `1 2`, `{"a" 1}`, `{a:1}`, `[1,]`, `"\x"`, "\"a\nb\"", `-`, `1.`, `1e`, `[`,
		`{"a":1 "b"`, `undefined`, `"\u12"`, `{"a":}`, `[1 2]`, `{"a":1`, `{"a"`, `longer text than twenty characters invalid here x`,
		`{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": xyzzy, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb":1}`, `+1`, `.5`, `é`, `'a'`, `é1 2`, `["é" 1]`} {
		attempt("parse "+s, func() {
			v := json.Call("parse", s)
			say("parsed %s: %s", s, json.Call("stringify", v).String())
		})
	}
	say("negative zero %v", global.Get("Object").Call("is", json.Call("parse", "-0"), 0).Bool())
	nested := js.ValueOf(map[string]any{"list": []any{1, "two", nil, true, map[string]any{"x": 1.5}}})
	say("stringify %s", json.Call("stringify", nested).String())
	say("indented %s", json.Call("stringify", nested, nil, 2).String())
	say("tabs %s", json.Call("stringify", []any{[]any{}, map[string]any{}}, nil, "\t").String())
	o := global.Get("Object").New()
	o.Set("n", global.Get("NaN"))
	o.Set("u", js.Undefined())
	o.Set("f", fn(func(js.Value, []js.Value) any { return nil }))
	o.Set("s", "q\"\\\n\x01\u2028é😀\x7f")
	o.Set("a", []any{js.Undefined(), global.Get("Infinity"), fn(func(js.Value, []js.Value) any { return nil })})
	o.Set("d", global.Get("Date").New(0))
	o.Set("t", map[string]any{"toJSON": fn(func(_ js.Value, args []js.Value) any { return "key " + args[0].String() })})
	say("odd %s", json.Call("stringify", o).String())
	say("undefined %s", show(json.Call("stringify", js.Undefined())))
	say("only %s", json.Call("stringify", o, []any{"s", "n"}).String())
	say("replaced %s", json.Call("stringify", map[string]any{"a": 1}, fn(func(_ js.Value, args []js.Value) any {
		if args[0].String() == "a" {
			return "was " + args[1].String()
		}
		return args[1]
	})).String())
	say("revived %s", json.Call("stringify", json.Call("parse", `{"a":[1,2],"b":3}`, fn(func(_ js.Value, args []js.Value) any {
		if args[1].Type() == js.TypeNumber {
			return args[1].Int() * 10
		}
		return args[1]
	}))).String())
	say("bytes %s", json.Call("stringify", global.Get("Uint8Array").New(2)).String())
	say("error %s", json.Call("stringify", global.Get("Error").New("hidden")).String())

	c := global.Call("structuredClone", []any{map[string]any{"a": []any{1, "x"}}, global.Get("Date").New(5)})
	say("clone %s %v", json.Call("stringify", c).String(), c.Index(1).InstanceOf(global.Get("Date")))
	loop := global.Get("Object").New()
	loop.Set("self", loop)
	l := global.Call("structuredClone", loop)
	say("cyclic clone %v %v", l.Get("self").Equal(l), l.Equal(loop))
	b := global.Get("Uint8Array").New(js.ValueOf([]any{1, 2, 3})).Call("subarray", 1)
	cb := global.Call("structuredClone", b)
	b.SetIndex(0, 99)
	say("cloned bytes %s %d", join(cb), cb.Get("byteOffset").Int())
	attempt("clone function", func() { global.Call("structuredClone", map[string]any{"p": global.Get("Promise").Call("resolve")}) })
}

func dates() {
	date := global.Get("Date")
	d := date.New(1767225600123)
	say("date %s %s %s", d.Call("getTime").String(), d.Call("toISOString").String(), d.Call("toJSON").String())
	say("utc %d %d %d %d", d.Call("getUTCFullYear").Int(), d.Call("getUTCMonth").Int(), d.Call("getUTCDate").Int(), d.Call("getUTCDay").Int())
	for _, s := range []string{"2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00.5+01:00", "rubbish", "Thu, 01 Jan 2026 00:00:00 GMT"} {
		say("parse %s %s", s, date.Call("parse", s).String())
	}
	attempt("invalid", func() { date.New("rubbish").Call("toISOString") })
	say("invalid %s %s", date.New("rubbish").Call("getTime").String(), show(date.New(js.ValueOf(8.64e15+1)).Call("toJSON")))
	say("years %s %s", date.New(-1).Call("toISOString").String(), date.New(8.64e15).Call("toISOString").String())
	say("copy %s", date.New(d).Call("valueOf").String())
	now := date.Call("now").Float()
	say("now %v %v", now > 1.6e12, now == date.New(now).Call("getTime").Float())
	say("order %v", date.New().Call("getTime").Float() >= now)
	say("offset %s", date.New().Call("getTimezoneOffset").String())
}
