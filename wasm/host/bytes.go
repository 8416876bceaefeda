package host

import (
	"encoding/binary"
	"math"
)

// maxBytes bounds one buffer that a guest makes.
const maxBytes = 1 << 28

// buffer is the state of an ArrayBuffer.
type buffer struct{ bytes []byte }

// elementType is the kind of a typed array.
type elementType uint8

const (
	elementUint8 elementType = iota
	elementUint8Clamped
	elementInt8
	elementUint16
	elementInt16
	elementUint32
	elementInt32
	elementFloat64
	elementTypes
)

func (t elementType) String() string {
	return [...]string{"Uint8Array", "Uint8ClampedArray", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array", "Int32Array",
		"Float64Array"}[t]
}

func (t elementType) size() int { return [...]int{1, 1, 1, 2, 2, 4, 4, 8}[t] }

// view is the state of a typed array: elements of one type over a part of a buffer.
type view struct {
	object *Object // the ArrayBuffer
	bytes  []byte  // the part that is seen
	offset int
	kind   elementType
}

func (w *view) length() int             { return len(w.bytes) / w.kind.size() }
func (w *view) ownLength() bool         { return false }
func (w *view) setLength(float64) error { return nil }
func (w *view) drop(int) bool           { return false }

func (w *view) at(i int) Value {
	b := w.bytes[i*w.kind.size():]
	switch w.kind {
	case elementInt8:
		return Number(int8(b[0]))
	case elementUint16:
		return Number(binary.LittleEndian.Uint16(b))
	case elementInt16:
		return Number(int16(binary.LittleEndian.Uint16(b)))
	case elementUint32:
		return Number(binary.LittleEndian.Uint32(b))
	case elementInt32:
		return Number(int32(binary.LittleEndian.Uint32(b)))
	case elementFloat64:
		return Number(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return Number(b[0])
}

func (w *view) put(i int, v Value) (bool, error) {
	f, err := ToNumber(v)
	if err != nil || i >= w.length() {
		return false, err
	}
	b := w.bytes[i*w.kind.size():]
	switch w.kind {
	case elementUint8Clamped:
		if f != f {
			f = 0
		}
		b[0] = byte(math.RoundToEven(min(max(f, 0), 255)))
	case elementUint16, elementInt16:
		binary.LittleEndian.PutUint16(b, uint16(toUint32(f)))
	case elementUint32, elementInt32:
		binary.LittleEndian.PutUint32(b, toUint32(f))
	case elementFloat64:
		binary.LittleEndian.PutUint64(b, math.Float64bits(f))
	default:
		b[0] = byte(toUint32(f))
	}
	return true, nil
}

// NewArrayBuffer makes an ArrayBuffer of b, which it takes over.
func (r *Realm) NewArrayBuffer(b []byte) *Object {
	return &Object{realm: r, proto: r.protos.arrayBuffer, data: &buffer{b}}
}

// NewUint8Array makes a Uint8Array over all of b, which it takes over.
func (r *Realm) NewUint8Array(b []byte) *Object {
	o := &Object{realm: r, proto: r.protos.views[elementUint8]}
	o.exotic = &view{object: r.NewArrayBuffer(b), bytes: b}
	return o
}

// Bytes returns the bytes of an ArrayBuffer or of the part that a typed array sees, shared and not copied.
func Bytes(v Value) ([]byte, bool) {
	o, ok := v.(*Object)
	if !ok || o == nil {
		return nil, false
	}
	if w, ok := o.exotic.(*view); ok {
		return w.bytes, true
	}
	if b, ok := o.data.(*buffer); ok {
		return b.bytes, true
	}
	return nil, false
}

// byteArray returns the bytes of a Uint8Array or Uint8ClampedArray, the two that js.CopyBytesToGo takes.
func byteArray(v Value) ([]byte, bool) {
	if o, ok := v.(*Object); ok {
		if w, ok := o.exotic.(*view); ok && w.kind <= elementUint8Clamped {
			return w.bytes, true
		}
	}
	return nil, false
}

// initView makes o, fresh from a constructor, a typed array by the constructor's arguments: a length, a buffer with offset
// and length, or values to copy.
func (o *Object) initView(kind elementType, c Call) error {
	size := kind.size()
	first, isObject := c.Arg(0).(*Object)
	if !isObject {
		n, err := ToInteger(c.Arg(0))
		if err != nil {
			return err
		}
		if n < 0 || n*int64(size) > maxBytes {
			return RangeError("Invalid typed array length: %s", Describe(c.Arg(0)))
		}
		o.setView(kind, make([]byte, int(n)*size))
		return nil
	}
	b, isBuffer := first.data.(*buffer)
	if !isBuffer {
		list, err := Elements(first)
		if err != nil {
			return err
		}
		if len(list)*size > maxBytes {
			return RangeError("Invalid typed array length: %d", len(list))
		}
		o.setView(kind, make([]byte, len(list)*size))
		for i, v := range list {
			if _, err := o.exotic.put(i, v); err != nil {
				return err
			}
		}
		return nil
	}
	offset, err := ToInteger(c.Arg(1))
	if err != nil {
		return err
	}
	if offset < 0 || offset%int64(size) != 0 {
		return RangeError("start offset of %s should be a multiple of %d", kind, size)
	}
	if offset > int64(len(b.bytes)) {
		return RangeError("Start offset %d is outside the bounds of the buffer", offset)
	}
	length := (int64(len(b.bytes)) - offset) / int64(size)
	if c.Arg(2) != Undefined {
		n, err := ToInteger(c.Arg(2))
		if err != nil {
			return err
		}
		if n < 0 || n > length {
			return RangeError("Invalid typed array length: %d", n)
		}
		length = n
	} else if len(b.bytes)%size != 0 {
		return RangeError("byte length of %s should be a multiple of %d", kind, size)
	}
	end := offset + length*int64(size)
	o.exotic = &view{object: first, bytes: b.bytes[offset:end:end], offset: int(offset), kind: kind}
	return nil
}

func (o *Object) setView(kind elementType, b []byte) {
	o.exotic = &view{object: o.realm.NewArrayBuffer(b), bytes: b, kind: kind}
}
