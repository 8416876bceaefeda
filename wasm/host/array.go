package host

import (
	"math"
	"slices"
)

// maxArray bounds arrays: this model stores elements densely, so that a guest could otherwise ask for any amount of memory.
const maxArray = 1 << 24

// array holds the elements of a JavaScript array. There are no holes: elements never set are undefined.
type array struct {
	list   []Value
	frozen bool
}

func (a *array) length() int     { return len(a.list) }
func (a *array) at(i int) Value  { return a.list[i] }
func (a *array) ownLength() bool { return true }

func (a *array) put(i int, v Value) (bool, error) {
	if a.frozen {
		return false, nil
	}
	if i >= len(a.list) {
		if err := a.setLength(float64(i + 1)); err != nil {
			return false, err
		}
	}
	a.list[i] = v
	return true, nil
}

func (a *array) drop(i int) bool {
	if a.frozen {
		return false
	}
	a.list[i] = Undefined
	return true
}

func (a *array) setLength(n float64) error {
	if a.frozen {
		return nil
	}
	if n < 0 || n != math.Trunc(n) || n > maxArray {
		return RangeError("Invalid array length")
	}
	if int(n) <= len(a.list) {
		clear(a.list[int(n):])
		a.list = a.list[:int(n)]
		return nil
	}
	a.list = slices.Grow(a.list, int(n)-len(a.list))
	for len(a.list) < int(n) {
		a.list = append(a.list, Undefined)
	}
	return nil
}

// NewArray makes an array of the elements; the slice is copied.
func (r *Realm) NewArray(elements ...Value) *Object {
	list := make([]Value, len(elements))
	for i, v := range elements {
		list[i] = orUndefined(v)
	}
	return r.adoptArray(list)
}

func (r *Realm) adoptArray(list []Value) *Object {
	return &Object{realm: r, proto: r.protos.array, class: "Array", exotic: &array{list: list}}
}

// IsArray reports whether v is an array.
func IsArray(v Value) bool {
	o, ok := v.(*Object)
	if !ok || o == nil {
		return false
	}
	_, ok = o.exotic.(*array)
	return ok
}

// Elements returns a copy of an array's elements, or what an array-like object's indices hold up to its length.
func Elements(v Value) ([]Value, error) {
	o, err := toObject(v)
	if err != nil {
		return nil, err
	}
	if a, ok := o.exotic.(*array); ok {
		return slices.Clone(a.list), nil
	}
	n, err := o.Length()
	if err != nil {
		return nil, err
	}
	if n > maxArray {
		return nil, RangeError("Invalid array length")
	}
	list := make([]Value, n)
	for i := range list {
		if list[i], err = o.Index(int64(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Length reads the length property of an array-like object; anything that is not a positive number counts as 0.
func (o *Object) Length() (int, error) {
	if o.exotic != nil && o.exotic.ownLength() {
		return o.exotic.length(), nil
	}
	v, err := o.Get("length")
	if err != nil {
		return 0, err
	}
	n, err := ToInteger(v)
	return int(max(n, 0)), err
}

// Index reads the property named by an integer.
func (o *Object) Index(i int64) (Value, error) {
	if o.exotic != nil && i >= 0 && i < int64(o.exotic.length()) {
		return o.exotic.at(int(i)), nil
	}
	return o.Get(FormatNumber(float64(i)))
}

// SetIndex assigns to the property named by an integer.
func (o *Object) SetIndex(i int64, v Value) error {
	v = orUndefined(v)
	if o.exotic != nil && i >= 0 && i < int64(o.exotic.length()) {
		_, err := o.exotic.put(int(i), v)
		return err
	}
	return o.Set(FormatNumber(float64(i)), v)
}
