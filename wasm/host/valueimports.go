package host

import "math"

// valueImports lists the imports of package syscall/js.
func valueImports() []gojsImport {
	return []gojsImport{
		{"syscall/js.finalizeRef", finalizeRef},
		{"syscall/js.stringVal", stringVal},
		{"syscall/js.valueGet", valueGet},
		{"syscall/js.valueSet", valueSet},
		{"syscall/js.valueDelete", valueDelete},
		{"syscall/js.valueIndex", valueIndex},
		{"syscall/js.valueSetIndex", valueSetIndex},
		{"syscall/js.valueCall", valueCall},
		{"syscall/js.valueInvoke", valueInvoke},
		{"syscall/js.valueNew", valueNew},
		{"syscall/js.valueLength", valueLength},
		{"syscall/js.valuePrepareString", valuePrepareString},
		{"syscall/js.valueLoadString", valueLoadString},
		{"syscall/js.valueInstanceOf", valueInstanceOf},
		{"syscall/js.copyBytesToGo", copyBytesToGo},
		{"syscall/js.copyBytesToJS", copyBytesToScript},
	}
}

// func finalizeRef(v ref)
func finalizeRef(f *frame) {
	id := uint32(f.int32(8))
	if f.tracing() {
		f.trace("finalizeRef", Number(id))
	}
	f.g.refs.release(id)
}

// func stringVal(value string) ref
func stringVal(f *frame) {
	s := String(f.text(8))
	if f.tracing() {
		f.trace("stringVal", s)
	}
	f.setValue(24, s)
}

// func valueGet(v ref, p string) ref
func valueGet(f *frame) {
	o, err := f.object(8, "get")
	f.check(err)
	name := f.text(16)
	v, err := o.Get(name)
	f.check(err)
	if f.tracing() {
		f.trace("get", o, String(name), v)
	}
	f.reload()
	f.setValue(32, v)
}

// func valueSet(v ref, p string, x ref)
func valueSet(f *frame) {
	o, err := f.object(8, "set")
	f.check(err)
	name, v := f.text(16), f.value(32)
	if f.tracing() {
		f.trace("set", o, String(name), v)
	}
	f.check(o.Set(name, v))
}

// func valueDelete(v ref, p string)
func valueDelete(f *frame) {
	o, err := f.object(8, "deleteProperty")
	f.check(err)
	name := f.text(16)
	f.trace("delete", o, String(name))
	o.Delete(name)
}

// func valueIndex(v ref, i int) ref
func valueIndex(f *frame) {
	o, err := f.object(8, "get")
	f.check(err)
	i := f.int64(16)
	v, err := o.Index(i)
	f.check(err)
	if f.tracing() {
		f.trace("index", o, Number(i), v)
	}
	f.reload()
	f.setValue(24, v)
}

// func valueSetIndex(v ref, i int, x ref)
func valueSetIndex(f *frame) {
	o, err := f.object(8, "set")
	f.check(err)
	i, v := f.int64(16), f.value(24)
	if f.tracing() {
		f.trace("setIndex", o, Number(i), v)
	}
	f.check(o.SetIndex(i, v))
}

// func valueCall(v ref, m string, args []ref) (ref, bool)
func valueCall(f *frame) {
	name, args := f.text(16), f.values(32)
	v, err := func() (Value, error) {
		o, err := f.object(8, "get")
		if err != nil {
			return nil, err
		}
		m, err := o.Get(name)
		if err != nil {
			return nil, err
		}
		if fn, ok := AsFunc(m); ok {
			return fn.Call(o, args...)
		}
		return nil, notApplicable(m)
	}()
	f.result(56, name, nil, args, v, err)
}

// notApplicable is what V8 throws when something that is no function is applied.
func notApplicable(v Value) error {
	kind := "a " + v.Kind().String()
	switch v.Kind() {
	case KindNull:
		kind = "null"
	case KindObject:
		kind = "an object"
	}
	return TypeError("Function.prototype.apply was called on %s, which is %s and not a function", v8Name(v), kind)
}

// func valueInvoke(v ref, args []ref) (ref, bool)
func valueInvoke(f *frame) {
	fn, args := f.value(8), f.values(16)
	var v Value
	var err error
	if callee, ok := AsFunc(fn); ok {
		v, err = callee.Call(Undefined, args...)
	} else {
		err = notApplicable(fn)
	}
	f.result(40, "", fn, args, v, err)
}

// func valueNew(v ref, args []ref) (ref, bool)
func valueNew(f *frame) {
	fn, args := f.value(8), f.values(16)
	var v Value
	var err error
	if callee, ok := AsFunc(fn); ok {
		var o *Object
		if o, err = callee.New(args...); err == nil {
			v = o
		}
	} else {
		err = TypeError("%s is not a constructor", v8Name(fn))
	}
	f.result(40, "new ", fn, args, v, err)
}

// result hands the guest what a call returned or threw. The call is traced by a name, and by the function where it has none.
func (f *frame) result(offset uint32, name string, fn Value, args []Value, v Value, err error) {
	f.reload()
	outcome := "returns"
	if err != nil {
		v, outcome = f.g.realm.Throw(err).Value, "throws"
	}
	if f.tracing() {
		if fn != nil {
			name += Describe(fn)
		}
		f.traceCall(outcome, name, args, v)
	}
	f.setValue(offset, v)
	f.setBool(offset+8, err == nil)
}

// func valueLength(v ref) int
func valueLength(f *frame) {
	o, err := f.object(8, "get")
	f.check(err)
	v, err := o.Get("length")
	f.check(err)
	s, err := ToString(v)
	f.check(err)
	f.reload()
	n := parseInteger(s, 0)
	if n != n || math.Abs(n) >= 1<<63 {
		n = 0
	}
	f.trace("length", o, Number(n))
	f.setInt64(16, int64(n))
}

// func valuePrepareString(v ref) (ref, int)
func valuePrepareString(f *frame) {
	s, err := ToString(f.value(8))
	f.check(err)
	f.reload()
	if f.tracing() {
		f.trace("prepareString", String(s))
	}
	f.setValue(16, f.g.realm.NewUint8Array([]byte(s)))
	f.setInt64(24, int64(len(s)))
}

// func valueLoadString(v ref, b []byte)
func valueLoadString(f *frame) {
	src, ok := byteArray(f.value(8))
	dst := f.slice(16)
	if !ok || len(src) > len(dst) {
		f.check(RangeError("offset is out of bounds"))
	}
	copy(dst, src)
}

// func valueInstanceOf(v ref, t ref) bool
func valueInstanceOf(f *frame) {
	v, t := f.value(8), f.value(16)
	constructor, _ := t.(*Object)
	is, err := InstanceOf(v, constructor)
	f.check(err)
	f.reload()
	f.trace("instanceof", v, t, Bool(is))
	f.setBool(24, is)
}

// func copyBytesToGo(dst []byte, src ref) (int, bool)
func copyBytesToGo(f *frame) {
	dst := f.slice(8)
	src, ok := byteArray(f.value(32))
	n := copy(dst, src)
	f.trace("copyBytesToGo", Number(n), Bool(ok))
	if ok {
		f.setInt64(40, int64(n))
	}
	f.setBool(48, ok)
}

// func copyBytesToJS(dst ref, src []byte) (int, bool)
func copyBytesToScript(f *frame) {
	dst, ok := byteArray(f.value(8))
	n := copy(dst, f.slice(16))
	f.trace("copyBytesToJS", Number(n), Bool(ok))
	if ok {
		f.setInt64(40, int64(n))
	}
	f.setBool(48, ok)
}
