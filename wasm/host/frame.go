package host

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/tetratelabs/wazero/api"
)

const importModule = "gojs"

// frame is one call of an import: Go passes arguments and takes results on its own stack in memory, at SP.
type frame struct {
	g       *Guest
	call    string
	sp      uint32
	entries uint64 // the guest's count when sp was read
}

// gojsImport is one function that the guest imports.
type gojsImport struct {
	name string
	run  func(f *frame)
}

// exportImports instantiates the host module that all guests of the engine import from.
func (e *Engine) exportImports(ctx context.Context) error {
	b := e.runtime.NewHostModuleBuilder(importModule)
	for _, i := range gojsImports() {
		b.NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(i.invoke), []api.ValueType{api.ValueTypeI32}, nil).
			Export(i.name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// invoke runs the import for the guest that the context carries. To unwind a guest that has ended it panics, which is
// wazero's way for host functions; Guest.enter gets it back as an error.
func (i gojsImport) invoke(ctx context.Context, _ api.Module, stack []uint64) {
	g := guestOf(ctx)
	if g == nil { // a start function, which no Go program has
		panic(&ModuleError{Reason: "calls " + i.name + " before it is started"})
	}
	f := frame{g: g, call: i.name, sp: uint32(stack[0]), entries: g.entries}
	const contextEvery = 256
	if !g.realm.charge(i.name) {
		panic(g.ended)
	}
	if g.realm.calls%contextEvery == 0 && ctx.Err() != nil {
		f.fail(&InterruptError{Err: context.Cause(ctx)})
	}
	i.run(&f)
	if g.ended != nil && i.name != callExit {
		panic(g.ended)
	}
}

// fail ends the guest and does not return.
func (f *frame) fail(reason error) {
	f.g.end(reason)
	panic(f.g.ended)
}

// check fails on an exception that the guest has no handler for.
func (f *frame) check(err error) {
	if f.g.ended != nil {
		panic(f.g.ended)
	}
	if err != nil {
		f.fail(&UncaughtError{Call: f.call, Throw: f.g.realm.Throw(err)})
	}
}

// reload makes sp right again after JavaScript ran that may have called the guest.
func (f *frame) reload() {
	if f.g.ended != nil {
		panic(f.g.ended)
	}
	if f.entries == f.g.entries {
		return
	}
	sp, err := f.g.stackPointer()
	if err != nil {
		f.fail(&TrapError{Err: err})
	}
	f.sp, f.entries = sp, f.g.entries
}

// bytes returns a view of guest memory, valid until the guest runs again.
func (f *frame) bytes(offset, length uint64) []byte {
	if offset <= math.MaxUint32 && length <= math.MaxUint32 {
		if b, ok := f.g.memory.Read(uint32(offset), uint32(length)); ok {
			return b
		}
	}
	f.fail(&MemoryError{Call: f.call, Offset: offset, Length: length})
	return nil
}

func (f *frame) at(offset uint32, length uint64) []byte {
	return f.bytes(uint64(f.sp)+uint64(offset), length)
}

func (f *frame) uint64(offset uint32) uint64 { return binary.LittleEndian.Uint64(f.at(offset, 8)) }
func (f *frame) int64(offset uint32) int64   { return int64(f.uint64(offset)) }
func (f *frame) int32(offset uint32) int32 {
	return int32(binary.LittleEndian.Uint32(f.at(offset, 4)))
}

func (f *frame) setInt64(offset uint32, v int64) {
	binary.LittleEndian.PutUint64(f.at(offset, 8), uint64(v))
}

func (f *frame) setInt32(offset uint32, v int32) {
	binary.LittleEndian.PutUint32(f.at(offset, 4), uint32(v))
}

func (f *frame) setBool(offset uint32, v bool) {
	b := f.at(offset, 1)
	b[0] = 0
	if v {
		b[0] = 1
	}
}

// value reads the value named at the offset.
func (f *frame) value(offset uint32) Value { return f.g.refs.load(f.uint64(offset)) }

// setValue hands v to the guest.
func (f *frame) setValue(offset uint32, v Value) {
	b := f.at(offset, 8) // before the reference is counted
	binary.LittleEndian.PutUint64(b, f.g.refs.store(v))
}

// object reads a value that must be an object, or throws what Reflect throws.
func (f *frame) object(offset uint32, method string) (*Object, error) {
	if o, ok := f.value(offset).(*Object); ok {
		return o, nil
	}
	return nil, TypeError("Reflect.%s called on non-object", method)
}

// slice returns the memory of the byte slice or string whose header is at the offset.
func (f *frame) slice(offset uint32) []byte { return f.bytes(f.uint64(offset), f.uint64(offset+8)) }

// text reads the string whose header is at the offset. A leading byte order mark is lost, as in JavaScript.
func (f *frame) text(offset uint32) string {
	const internLength, internCount = 40, 4096
	b := f.slice(offset)
	if s, ok := f.g.names[string(b)]; ok {
		return s
	}
	s := decodeTextStrippingMark(b)
	if len(b) <= internLength && len(f.g.names) < internCount {
		f.g.names[string(b)] = s
	}
	return s
}

// values reads the slice of values whose header is at the offset.
func (f *frame) values(offset uint32) []Value {
	start, n := f.uint64(offset), f.uint64(offset+8)
	if n > math.MaxUint32/8 {
		f.fail(&MemoryError{Call: f.call, Offset: start, Length: n})
	}
	if n == 0 {
		return nil
	}
	b := f.bytes(start, 8*n)
	list := make([]Value, n)
	for i := range list {
		list[i] = f.g.refs.load(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list
}
