package host

import "math"

// The guest names values by 64 bits: a float64 for numbers other than 0 and NaN, zero bits for undefined, and for all else a
// NaN that carries an id (low 32 bits) and a type flag (see syscall/js, type ref).
const (
	nanHead = 0x7FF80000

	flagObject   = 1
	flagString   = 2
	flagFunction = 4
)

// Predefined ids, which live as long as the guest.
const (
	idNaN = iota
	idZero
	idNull
	idTrue
	idFalse
	idGlobal
	idGo
	firstID
)

// refTable keeps the values that the guest holds, each under one id with the number of times it was handed out.
type refTable struct {
	values  []Value
	counts  []int64
	objects map[*Object]uint32
	strings map[String]uint32
	free    []uint32
}

func newRefTable(global, goObj *Object) refTable {
	return refTable{
		values:  []Value{Number(math.NaN()), Number(0), Null, Bool(true), Bool(false), global, goObj},
		counts:  make([]int64, firstID),
		objects: map[*Object]uint32{global: idGlobal, goObj: idGo},
		strings: map[String]uint32{},
	}
}

// load returns the value that bits name. Ids never given out read as undefined, freed ones as null, as in JavaScript.
func (t *refTable) load(bits uint64) Value {
	f := math.Float64frombits(bits)
	if f == 0 {
		return Undefined
	}
	if f == f {
		return Number(f)
	}
	if id := uint32(bits); int64(id) < int64(len(t.values)) {
		return t.values[id]
	}
	return Undefined
}

// store returns bits that name v, counting the reference.
func (t *refTable) store(v Value) uint64 {
	const head = nanHead << 32
	switch v := v.(type) {
	case Number:
		switch {
		case v != v:
			return head // with idNaN, which is 0
		case v == 0:
			return head | idZero
		}
		return math.Float64bits(float64(v))
	case Bool:
		if v {
			return head | idTrue
		}
		return head | idFalse
	case String:
		id, ok := t.strings[v]
		if !ok {
			id = t.add(v)
			t.strings[v] = id
		}
		t.counts[id]++
		return head | flagString<<32 | uint64(id)
	case *Object:
		id, ok := t.objects[v]
		if !ok {
			id = t.add(v)
			t.objects[v] = id
		}
		t.counts[id]++
		if v.fn != nil {
			return head | flagFunction<<32 | uint64(id)
		}
		return head | flagObject<<32 | uint64(id)
	case Nullish:
		if v == Null {
			return head | idNull
		}
	}
	return 0
}

func (t *refTable) add(v Value) uint32 {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		t.values[id], t.counts[id] = v, 0
		return id
	}
	t.values = append(t.values, v)
	t.counts = append(t.counts, 0)
	return uint32(len(t.values) - 1)
}

// release takes back one reference. Releasing what is not held is ignored.
func (t *refTable) release(id uint32) {
	if id < firstID || int64(id) >= int64(len(t.values)) || t.counts[id] == 0 {
		return
	}
	t.counts[id]--
	if t.counts[id] > 0 {
		return
	}
	switch v := t.values[id].(type) {
	case String:
		delete(t.strings, v)
	case *Object:
		delete(t.objects, v)
	}
	t.values[id] = Null
	t.free = append(t.free, id)
}
