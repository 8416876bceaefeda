package host

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func newRealm() *Realm { return NewRealm(newLoop(), Config{}) }

func get(t *testing.T, o *Object, name string) Value {
	t.Helper()
	v, err := o.Get(name)
	if err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return v
}

func TestClass(t *testing.T) {
	r := newRealm()
	type state struct{ name string }
	base := r.DefineClass("Animal", nil, func(c Call) error {
		name, err := c.String(0)
		c.This.(*Object).SetData(&state{name})
		return err
	})
	base.Prototype.DefineAccessor("name", func(c Call) (Value, error) {
		s, ok := DataOf[*state](c.This)
		if !ok {
			return nil, TypeError("Illegal invocation")
		}
		return String(s.name), nil
	}, func(c Call) (Value, error) {
		s, _ := DataOf[*state](c.This)
		var err error
		s.name, err = c.String(0)
		return nil, err
	})
	derived := r.DefineClass("Dog", base, func(c Call) error { return base.Init(c) })
	derived.Constructor.DefineFunc("bark", func(Call) (Value, error) { return String("wuff"), nil })
	derived.Prototype.DefineFunc("fetch", func(Call) (Value, error) { return Number(1), nil })
	hidden := r.NewClass("Hidden", nil, nil)

	dog, err := derived.Constructor.New(String("Rex"))
	if err != nil {
		t.Fatal(err)
	}
	if v := get(t, dog, "name"); v != String("Rex") {
		t.Errorf("name is %v", v)
	}
	if err := dog.Set("name", Number(1.5)); err != nil || get(t, dog, "name") != String("1.5") {
		t.Errorf("after setting: %v, %v", get(t, dog, "name"), err)
	}
	if !base.Of(dog) || !derived.Of(dog) || hidden.Of(dog) {
		t.Error("instances are of the wrong classes")
	}
	if is, err := InstanceOf(dog, base.Constructor); !is || err != nil {
		t.Errorf("instanceof: %v, %v", is, err)
	}
	if Describe(dog) != "Dog {}" || len(dog.Keys()) != 0 {
		t.Errorf("%s with keys %q", Describe(dog), dog.Keys())
	}
	if get(t, dog, "constructor") != Value(derived.Constructor) {
		t.Error("wrong constructor")
	}
	for what, f := range map[string]func() error{
		"Illegal constructor": func() error { _, err := hidden.Constructor.New(); return err },
		"Illegal invocation":  func() error { _, err := base.Prototype.Get("name"); return err },
		"Class constructor Dog cannot be invoked without 'new'":   func() error { _, err := derived.Constructor.Call(Undefined); return err },
		"nothing is not a function":                               func() error { _, err := dog.CallMethod("nothing"); return err },
		"function fetch() { [native code] } is not a constructor": func() error { _, err := get(t, dog, "fetch").(*Object).New(); return err },
	} {
		var thrown *NamedError
		if err := f(); !errors.As(err, &thrown) || thrown.Name != "TypeError" || thrown.Message != what {
			t.Errorf("want TypeError %q, got %v", what, err)
		}
	}
}

// key is host state that knows how to be cloned, like a CryptoKey.
type key struct{ id int }

func (k *key) CloneTo(r *Realm) (*Object, error) { return r.NewObject().SetData(&key{k.id}), nil }

func TestCloneAcrossRealms(t *testing.T) {
	loop := newLoop()
	from, to := NewRealm(loop, Config{}), NewRealm(loop, Config{})
	view, err := get(t, from.Global(), "Uint8Array").(*Object).New(from.NewArrayBuffer([]byte{1, 2, 3, 4}), Number(1), Number(2))
	if err != nil {
		t.Fatal(err)
	}
	original := from.NewObject().
		Define("text", String("æ")).
		Define("list", from.NewArray(Number(1), Null, from.NewObject().Define("deep", Bool(true)))).
		Define("bytes", view).
		Define("date", from.NewDate(5)).
		Define("error", from.NewError("RangeError", "too far")).
		Define("key", from.NewObject().SetData(&key{7}))
	original.Define("self", original)
	v, err := Clone(to, original)
	if err != nil {
		t.Fatal(err)
	}
	c := v.(*Object)
	if c.Realm() != to || get(t, c, "self") != Value(c) {
		t.Error("the copy is not a world of its own")
	}
	if k, ok := DataOf[*key](get(t, c, "key")); !ok || k.id != 7 {
		t.Errorf("key: %v", k)
	}
	b, _ := Bytes(view)
	b[0] = 99
	if copied, _ := Bytes(get(t, c, "bytes")); !slices.Equal(copied, []byte{2, 3}) {
		t.Errorf("bytes are %v", copied)
	}
	if is, _ := InstanceOf(get(t, c, "error"), get(t, to.Global(), "RangeError").(*Object)); !is {
		t.Error("the error is not of the other realm's class")
	}
	c.Delete("self")
	c.Delete("key")
	if s, err := to.JSON(c); err != nil ||
		s != `{"text":"æ","list":[1,null,{"deep":true}],"bytes":{"0":2,"1":3},"date":"1970-01-01T00:00:00.005Z","error":{}}` {
		t.Errorf("%s, %v", s, err)
	}
	for _, v := range []Value{from.NewFunc("f", nil), from.Resolved(Null), from.NewObject().SetData(3)} {
		var thrown *NamedError
		if _, err := Clone(to, from.NewArray(v)); !errors.As(err, &thrown) || thrown.Name != "DataCloneError" {
			t.Errorf("cloning %s: %v", Describe(v), err)
		}
	}
}

// TestErrorsBecomeExceptions: what a Func returns as error is what script catches.
func TestErrorsBecomeExceptions(t *testing.T) {
	r := newRealm()
	r.DefineClass("DOMException", nil, func(c Call) error {
		c.This.(*Object).Define("message", c.Arg(0)).Define("code", Number(8))
		return nil
	})
	for _, c := range []struct {
		err  error
		want string
	}{
		{&Throw{Number(5)}, "5"},
		{TypeError("no %s", "way"), "TypeError: no way"},
		{Errorf("DOMException", "gone"), "DOMException { message: 'gone', code: 8 }"},
		{Errorf("NotFoundError", "gone"), "NotFoundError: gone"},
		{errors.New("plain"), "Error: plain"},
		{errors.Join(TypeError("first"), errors.New("second")), "TypeError: first"},
	} {
		if got := Describe(r.Throw(c.err).Value); got != c.want {
			t.Errorf("%v became %s, want %s", c.err, got, c.want)
		}
	}
}

func TestDeferredSettlesOnce(t *testing.T) {
	loop := newLoop()
	r := NewRealm(loop, Config{})
	var log []string
	note := func(what string) func(Value) error {
		return func(v Value) error { log = append(log, what+" "+Describe(v)); return nil }
	}
	a, b := r.NewDeferred(), r.NewDeferred()
	r.Then(a.Promise, note("a"), note("not a"))
	r.Then(b.Promise, note("b"), note("not b"))
	a.Resolve(b.Promise)
	a.Reject(errors.New("too late"))
	loop.After(time.Second, func() { r.Post(func() error { b.Reject(RangeError("no")); b.Resolve(Null); return nil }) })
	advance(t, loop, 999*time.Millisecond)
	if len(log) != 0 {
		t.Errorf("settled early: %q", log)
	}
	advance(t, loop, time.Millisecond)
	if want := []string{"not b RangeError: no", "not a RangeError: no"}; !slices.Equal(log, want) {
		t.Errorf("%q, want %q", log, want)
	}
}

func TestLoopOrder(t *testing.T) {
	loop := newLoop()
	one, two := NewRealm(loop, Config{}), NewRealm(loop, Config{})
	var log []string
	note := func(s string) func() error { return func() error { log = append(log, s); return nil } }
	two.SetTimeout(2500*time.Microsecond, note("2.5 rounded up"))
	one.SetTimeout(3*time.Millisecond, note("3"))
	one.SetTimeout(0, note("0 is 1"))
	two.Post(note("posted"))
	stopped := one.SetTimeout(time.Millisecond, note("stopped"))
	loop.After(2*time.Millisecond, func() { log = append(log, "loop's own") })
	one.Post(func() error { one.Post(note("posted later")); return nil })
	one.Post(note("posted again"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("a timer can be stopped once")
	}
	if next, ok := loop.Next(); !ok || next != 0 {
		t.Errorf("next at %d, %v", next, ok)
	}
	if err := loop.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if next, _ := loop.Next(); next != int64(time.Millisecond) {
		t.Errorf("next at %d", next)
	}
	advance(t, loop, 10*time.Millisecond)
	if got, want := strings.Join(log, ", "), "posted, posted again, posted later, 0 is 1, loop's own, 2.5 rounded up, 3"; got != want {
		t.Errorf("ran %s\nwant %s", got, want)
	}
	if loop.Clock().Mono != int64(10*time.Millisecond) {
		t.Errorf("clock at %d", loop.Clock().Mono)
	}
}

// TestExceptionsReachTheEmbedder: with a hook as values, without one as text.
func TestExceptionsReachTheEmbedder(t *testing.T) {
	var caught []string
	var out strings.Builder
	loop := newLoop()
	hooked := NewRealm(loop, Config{Stderr: &out, Hooks: Hooks{Exception: func(x *Throw) { caught = append(caught, Describe(x.Value)) }}})
	plain := NewRealm(loop, Config{Stderr: &out})
	for _, r := range []*Realm{hooked, plain} {
		r.Post(func() error { return TypeError("in a task") })
		r.Global().Define("f", r.NewFunc("f", func(Call) (Value, error) { return nil, &Throw{String("in a callback")} }))
		if err := r.Run(t.Context(), func() error {
			_, err := r.Global().CallMethod("queueMicrotask", get(t, r.Global(), "f"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := loop.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"in a callback", "TypeError: in a task"}; !slices.Equal(caught, want) {
		t.Errorf("caught %q, want %q", caught, want)
	}
	if want := "uncaught in a callback\nuncaught TypeError: in a task\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

// TestHostileSizes: no request of a guest makes the host allocate without bound.
func TestHostileSizes(t *testing.T) {
	r := newRealm()
	global := r.Global()
	construct := func(name string, args ...Value) func() error {
		return func() error { _, err := get(t, global, name).(*Object).New(args...); return err }
	}
	list := r.NewArray()
	deep := strings.Repeat("[", 100_000)
	cycle := r.NewArray()
	cycle.Define("0", cycle)
	for name, f := range map[string]func() error{
		"array":       construct("Array", Number(1e9)),
		"bytes":       construct("Uint8Array", Number(1e12)),
		"buffer":      construct("ArrayBuffer", Number(1e15)),
		"index":       func() error { return list.SetIndex(1<<31, Null) },
		"length":      func() error { return list.Set("length", Number(4e9)) },
		"array-like":  construct("Uint8Array", r.NewObject().Define("length", Number(1e15))),
		"deep JSON":   func() error { _, err := r.ParseJSON(deep); return err },
		"cyclic JSON": func() error { _, err := r.JSON(cycle); return err },
	} {
		var thrown *NamedError
		if err := f(); !errors.As(err, &thrown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list.SetPrototype(list) {
		t.Error("an object became its own prototype")
	}
	if n, err := list.Length(); n != 0 || err != nil {
		t.Errorf("refused changes left length %d, %v", n, err)
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"\u00e9\ud83d\ude00",null,true]}`, `[`, `"\ud800"`, `-0`, `{"a":1,"a":2}`, "\"\x01\"", ``, `1e999`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := newRealm()
		v, err := r.ParseJSON(decodeText([]byte(s)))
		if err != nil {
			var thrown *NamedError
			if v != nil || !errors.As(err, &thrown) {
				t.Fatalf("%q: %v with %v", s, v, err)
			}
			return
		}
		once, err := r.JSON(v)
		if err != nil {
			t.Fatalf("%q: written: %v", s, err)
		}
		again, err := r.ParseJSON(once)
		if err != nil {
			t.Fatalf("%q: read back %q: %v", s, once, err)
		}
		if twice, err := r.JSON(again); err != nil || twice != once {
			t.Fatalf("%q: %q, then %q, %v", s, once, twice, err)
		}
	})
}
