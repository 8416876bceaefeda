//go:build js && wasm

package main

import "syscall/js"

func bytes() {
	u8, clamped := global.Get("Uint8Array"), global.Get("Uint8ClampedArray")
	a := u8.New(8)
	n := js.CopyBytesToJS(a, []byte{1, 2, 3, 4, 5})
	say("to js %d: %s", n, join(a))
	n = js.CopyBytesToJS(a, []byte("0123456789abcdef"))
	say("to short js %d: %s", n, join(a))
	b := make([]byte, 3)
	say("to go %d %v", js.CopyBytesToGo(b, a), b)
	long := make([]byte, 12)
	say("to long go %d %v", js.CopyBytesToGo(long, a), long)
	say("nothing %d %d", js.CopyBytesToGo(nil, a), js.CopyBytesToJS(a, nil))
	part := a.Call("subarray", 2, 5)
	say("sub %d offset %d bytes %d", part.Length(), part.Get("byteOffset").Int(), part.Get("byteLength").Int())
	js.CopyBytesToJS(part, []byte{200, 201, 202, 203})
	say("shared %s", join(a))
	a.Call("set", a.Call("subarray", 0, 6), 2)
	say("overlapping %s", join(a))
	say("slice %s fill %s", join(a.Call("slice", 1, 3)), join(u8.New(3).Call("fill", 258)))
	over := clamped.New(js.ValueOf([]any{-5, 300, 1.5, 2.5, "7", nil}))
	say("clamped %s", join(over))
	n = js.CopyBytesToGo(long, over)
	say("clamped to go %d %v", n, long[:n])
	say("clamped from go %d", js.CopyBytesToJS(over, []byte{9, 8}))
	wrapped := u8.New(js.ValueOf([]any{-5, 300, 1.5, 256, "7", "x"}))
	say("wrapped %s", join(wrapped))
	wrapped.SetIndex(0, 511)
	wrapped.SetIndex(77, 1)
	say("set %s out %s", join(wrapped), show(wrapped.Index(77)))
	attempt("copy from array", func() { js.CopyBytesToGo(long, js.ValueOf([]any{1})) })
	attempt("copy to array", func() { js.CopyBytesToJS(js.ValueOf([]any{1}), long) })
	attempt("copy from wide", func() { js.CopyBytesToGo(long, global.Get("Uint16Array").New(2)) })

	buf := global.Get("ArrayBuffer").New(6)
	v := u8.New(buf, 1, 3)
	v.Call("fill", 7)
	say("buffer %d %s same %v", buf.Get("byteLength").Int(), join(u8.New(buf)), v.Get("buffer").Equal(buf))
	u16 := global.Get("Uint16Array").New(buf)
	say("wide %s length %d size %d", join(u16), u16.Length(), global.Get("Uint16Array").Get("BYTES_PER_ELEMENT").Int())
	say("signed %s %s", join(global.Get("Int8Array").New(js.ValueOf([]any{200, -1}))), join(global.Get("Int32Array").New(js.ValueOf([]any{4294967295, 1.9}))))
	say("floats %s", join(global.Get("Float64Array").New(js.ValueOf([]any{0.1, "1e400"}))))
	say("buffer slice %s", join(u8.New(buf.Call("slice", 1, 4))))
	attempt("bad offset", func() { u8.New(buf, 9) })
	attempt("bad length", func() { u8.New(buf, 1, 9) })
	attempt("bad wide", func() { global.Get("Uint16Array").New(global.Get("ArrayBuffer").New(3)) })
	attempt("negative", func() { u8.New(-1) })
	attempt("set beyond", func() { u8.New(3).Call("set", []any{1, 2}, 2) })
	attempt("no new", func() { u8.Invoke(3) })
	say("from %s of %s", join(u8.Call("from", []any{1, 2})), join(u8.Call("of", 3, 4)))
	say("keys %s own length %v", join(global.Get("Object").Call("keys", u8.New(2))), u8.New(2).Call("hasOwnProperty", "length").Bool())
	say("join %s indexOf %d", v.Call("join", "-").String(), v.Call("indexOf", 7).Int())

	r := u8.New(64)
	same := global.Get("crypto").Call("getRandomValues", r).Equal(r)
	zeros := 0
	for i := range 64 {
		if r.Index(i).Int() == 0 {
			zeros++
		}
	}
	say("random %v %v", same, zeros < 16)
	attempt("too much random", func() { global.Get("crypto").Call("getRandomValues", u8.New(65537)) })
}
