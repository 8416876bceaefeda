//go:build js && wasm

package main

import (
	"math"
	"strings"
	"syscall/js"
)

func values() {
	for _, v := range []any{nil, js.Undefined(), true, false, 0, 1, -1, "", "x", math.NaN(), []any{}, map[string]any{}} {
		jv := js.ValueOf(v)
		say("value %s truthy %v null %v undefined %v nan %v", show(jv), jv.Truthy(), jv.IsNull(), jv.IsUndefined(), jv.IsNaN())
	}
	o := global.Get("Object").New()
	say("equal %v %v %v %v", o.Equal(o), o.Equal(global.Get("Object").New()), js.ValueOf("a").Equal(js.ValueOf("a")),
		js.ValueOf(math.NaN()).Equal(js.ValueOf(math.NaN())))
	say("global %s %v", global.Type(), global.Get("globalThis").Equal(global))
	say("missing %s", show(global.Get("thereIsNoSuchThing")))
	for _, name := range []string{"Object", "Array", "Promise", "Uint8Array", "JSON", "Math", "console", "setTimeout", "Error", "Date"} {
		say("global %s is %s", name, global.Get(name).Type())
	}
}

func numbers() {
	id := fn(func(_ js.Value, args []js.Value) any { return args[0] })
	text := global.Get("String")
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 0.1 + 0.2, 1.0 / 3, 1e6, 123456789012345680000, 1e20, 1e21, 1.5e21, 1e22,
		1e-6, 1e-7, 1.5e-7, 5e-324, math.MaxFloat64, 1 << 53, 1<<53 + 2, -(1 << 53), 1<<31 - 1, -(1 << 31), 1 << 32, math.NaN(),
		math.Inf(1), math.Inf(-1), 100, 1e2 + 0.5, 4294967296.5, 0.000001234, 123e-20, 2e-323, 1.7976931348623157e308} {
		v := js.ValueOf(f)
		back := id.Invoke(f).Float()
		say("number %s = %s, back the same %v, sign %v", v.String(), text.Invoke(f).String(), back == f || back != back && f != f, math.Signbit(back))
	}
	random := uint64(88172645463325252)
	for range 300 {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		f := math.Float64frombits(random)
		if random%3 == 0 { // near 1, where most numbers live
			f = float64(int64(random)%1e9) / float64(uint64(1)<<(random>>58))
		}
		s := text.Invoke(f).String()
		say("random number %s %v", s, global.Get("Number").Invoke(s).Float() == f || f != f)
	}
	say("int %d %d", js.ValueOf(int64(math.MaxInt32)).Int(), js.ValueOf(-3.9).Int())
	number := global.Get("Number")
	for _, s := range []string{"", " 12 ", "0x1F", "0b101", "0o17", "1e3", "1e400", "-Infinity", "Infinity", "infinity", "nan", "1_000", ".5", "5.", ".",
		"+7", "--7", "12px", "0x", "\t\n3\u00a0", "1e", "-0"} {
		say("Number(%q) = %s", s, number.Invoke(s).String())
	}
	for _, s := range []string{"42", "  -17xyz", "0x1f", "", "abc", "12345678901234567890", "1e3", "077"} {
		say("parseInt(%q) = %s", s, global.Call("parseInt", s).String())
		say("parseFloat(%q) = %s", s, global.Call("parseFloat", s).String())
	}
	say("parseInt radix %s %s %s", global.Call("parseInt", "ff", 16).String(), global.Call("parseInt", "777", 8).String(), global.Call("parseInt", "1", 1).String())
	m := global.Get("Math")
	say("math %s %s %s %s %s", m.Call("max").String(), m.Call("min", 1, -2).String(), m.Call("max", 1, math.NaN()).String(), m.Call("round", -0.5).String(),
		m.Call("round", 2.5).String())
	say("limits %s %s", number.Get("MAX_SAFE_INTEGER").String(), number.Get("EPSILON").String())
	for _, v := range []any{true, nil, js.Undefined(), "7", []any{}, []any{5}, []any{1, 2}, map[string]any{}} {
		say("Number(%s) = %s, String %q, Boolean %v", js.ValueOf(v).Type(), number.Invoke(v).String(), text.Invoke(v).String(), global.Get("Boolean").Invoke(v).Bool())
	}
}

func texts() {
	o := global.Get("Object").New()
	for _, s := range []string{"", "a", "æøå", "日本語", "😀", "a\x00b", "\ufeffmarked", "x\ufeff", "\xff", "\xe2\x82", "\xe2\x82x", "\xf0\x9f\x98", "\xed\xa0\x80", "\xc0\xaf",
		"\xf4\x90\x80\x80", "ok\xffok\xfe\xfd", strings.Repeat("long ", 1000), "\u2028\u2029", "e\u0301"} {
		v := js.ValueOf(s).String()
		say("text %d -> %d %x", len(s), len(v), head(v))
		o.Set("text", s)
		say("kept %v", o.Get("text").String() == v)
		o.Set(s, len(s))
		say("key %s", o.Get(s).String())
	}
	random := uint64(4101842887655102017)
	for range 200 {
		var b []byte
		for range random % 9 {
			random ^= random << 13
			random ^= random >> 7
			random ^= random << 17
			// Bytes of which many start or continue a sequence.
			b = append(b, "\x00A\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe2\xed\xef\xbb\xf0\xf1\xf4\xf5\xff"[random%23])
		}
		random++
		say("random text %x -> %x", b, js.ValueOf(string(b)).String())
	}
	say("keys %d", global.Get("Object").Call("keys", o).Length())
	e := global.Get("TextEncoder").New()
	d := global.Get("TextDecoder").New()
	for _, s := range []string{"", "häßlich", "😀!"} {
		b := e.Call("encode", s)
		say("encoded %d %s %v", b.Length(), d.Call("decode", b).String(), b.InstanceOf(global.Get("Uint8Array")))
	}
	raw := global.Get("Uint8Array").New(js.ValueOf([]any{0xEF, 0xBB, 0xBF, 65, 0xFF, 0xE2, 0x82, 66}))
	say("decoded %q", d.Call("decode", raw).String())
	attempt("fatal", func() {
		global.Get("TextDecoder").New("utf-8", map[string]any{"fatal": true}).Call("decode", raw)
	})
	say("base64 %s %q", global.Call("btoa", "héllo").String(), global.Call("atob", " aGk= ").String())
	attempt("atob", func() { global.Call("atob", "*") })
	attempt("btoa", func() { global.Call("btoa", "日") })
	say("codes %q", global.Get("String").Call("fromCharCode", 72, 105, 0xD83D, 0xDE00).String())
	say("lone surrogate %x", global.Get("String").Call("fromCharCode", 0xD83D, 65).String())
}

func head(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
