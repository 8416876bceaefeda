package host

import (
	"cmp"
	"slices"
)

// Object is a JavaScript object or function. It belongs to the realm that made it and, like the realm, to one goroutine.
//
// Methods that may run JavaScript (getters, setters, calls) return an error, a [*Throw] for an exception. The Define methods
// and the reads of Go state cannot fail.
type Object struct {
	realm *Realm
	proto *Object
	class string // for Object.prototype.toString; "" means Object
	props propertyList
	// exotic keeps elements for arrays and views of bytes.
	exotic exotic
	fn     *function
	data   any
	// sealed objects take no new properties.
	nonExtensible bool
}

// exotic is the part of an object whose properties are not in its list: array elements.
type exotic interface {
	length() int
	at(i int) Value
	// put stores at index i and reports whether the object took the value; the conversion of v may fail.
	put(i int, v Value) (bool, error)
	// drop deletes index i and reports whether it may be deleted.
	drop(i int) bool
	// setLength sets the length property, for those whose length can be set.
	setLength(n float64) error
	// ownLength reports whether length is an own property; views of bytes inherit it.
	ownLength() bool
}

// Realm returns the realm that the object belongs to.
func (o *Object) Realm() *Realm { return o.realm }

// Data returns the Go value that SetData attached, or nil.
func (o *Object) Data() any { return o.data }

// SetData attaches a Go value that scripts cannot see: the state of a host object. It is not for objects that this package
// made with state of their own (promises, dates, buffers). It returns o.
func (o *Object) SetData(data any) *Object {
	o.data = data
	return o
}

// DataOf returns the Go value attached to v when v is an object with one of type T: the check that a method was called
// on an object of the right class.
func DataOf[T any](v Value) (T, bool) {
	if o, ok := v.(*Object); ok && o != nil {
		t, ok := o.data.(T)
		return t, ok
	}
	var zero T
	return zero, false
}

// Prototype returns the object's prototype, or nil.
func (o *Object) Prototype() *Object { return o.proto }

// SetPrototype sets the object's prototype and reports whether it could: a cycle is refused.
func (o *Object) SetPrototype(p *Object) bool {
	for q := p; q != nil; q = q.proto {
		if q == o {
			return false
		}
	}
	o.proto = p
	return true
}

// Define gives the object an own, enumerable, writable property, replacing any of that name without calling a setter.
// It returns o, so that definitions chain.
func (o *Object) Define(name string, v Value) *Object { return o.define(name, v, plain) }

// DefineFunc gives the object a method, not enumerable, as those of classes are. It returns o.
func (o *Object) DefineFunc(name string, f Func) *Object {
	return o.define(name, o.realm.NewFunc(name, f), hidden)
}

// DefineAccessor gives the object an own property that is read by get and set by set. Without set (nil) assignments are
// ignored; without get the property reads as undefined. The value being set is the setter's first argument. It returns o.
func (o *Object) DefineAccessor(name string, get, set Func) *Object {
	p := property{accessor: true, flags: enumerable | configurable}
	if get != nil {
		p.get = o.realm.NewFunc("get "+name, get)
	}
	if set != nil {
		p.set = o.realm.NewFunc("set "+name, set)
	}
	o.replace(name, p)
	return o
}

func (o *Object) define(name string, v Value, flags uint8) *Object {
	v = orUndefined(v)
	if o.exotic != nil {
		if i, ok := arrayIndex(name); ok {
			// Only an array beyond its size limit or a view's range refuses, and there is nobody to tell.
			_, _ = o.exotic.put(i, v)
			return o
		}
	}
	o.replace(name, property{value: v, flags: flags})
	return o
}

func (o *Object) replace(name string, p property) {
	p.key = name
	if old := o.own(name); old != nil {
		*old = p
		return
	}
	o.props.add(p)
}

// own finds an own property that is in the list.
func (o *Object) own(name string) *property {
	p := o.props.find(name)
	if p == nil && o.fn != nil && o.fn.lazyPrototype && name == "prototype" {
		o.fn.lazyPrototype = false
		proto := o.realm.NewObject()
		proto.define("constructor", o, hidden)
		o.props.add(property{key: name, value: proto, flags: writable})
		p = o.props.find(name)
	}
	return p
}

// Get reads a property, own or inherited; a missing one is Undefined.
func (o *Object) Get(name string) (Value, error) { return o.get(name, o) }

func (o *Object) get(name string, receiver Value) (Value, error) {
	i, isIndex := -1, false
	for p := o; p != nil; p = p.proto {
		if p.exotic != nil {
			if i < 0 && !isIndex {
				i, isIndex = arrayIndex(name)
			}
			if isIndex {
				if i < p.exotic.length() {
					return p.exotic.at(i), nil
				}
			} else if name == "length" && p.exotic.ownLength() {
				return Number(p.exotic.length()), nil
			}
		}
		if prop := p.own(name); prop != nil {
			if !prop.accessor {
				return prop.value, nil
			}
			if prop.get == nil {
				return Undefined, nil
			}
			return prop.get.Call(receiver)
		}
	}
	return Undefined, nil
}

// Has reports whether the object has the property, own or inherited.
func (o *Object) Has(name string) bool {
	for p := o; p != nil; p = p.proto {
		if p.HasOwn(name) {
			return true
		}
	}
	return false
}

// HasOwn reports whether the object itself has the property.
func (o *Object) HasOwn(name string) bool {
	if o.exotic != nil {
		if i, ok := arrayIndex(name); ok {
			return i < o.exotic.length()
		}
		if name == "length" && o.exotic.ownLength() {
			return true
		}
	}
	return o.own(name) != nil
}

// Set assigns to a property as script does: setters run, read-only properties stay as they are.
func (o *Object) Set(name string, v Value) error {
	_, err := o.set(name, orUndefined(v))
	return err
}

// set is [[Set]] with the object itself as receiver; false means that the assignment was refused.
func (o *Object) set(name string, v Value) (bool, error) {
	if o.exotic != nil {
		if i, ok := arrayIndex(name); ok {
			return o.exotic.put(i, v)
		}
		if name == "length" && o.exotic.ownLength() {
			n, err := ToNumber(v)
			if err != nil {
				return false, err
			}
			return true, o.exotic.setLength(n)
		}
	}
	for p := o; p != nil; p = p.proto {
		prop := p.own(name)
		if prop == nil {
			continue
		}
		if prop.accessor {
			if prop.set == nil {
				return false, nil
			}
			_, err := prop.set.Call(o, v)
			return err == nil, err
		}
		if prop.flags&writable == 0 {
			return false, nil
		}
		if p == o {
			prop.value = v
			return true, nil
		}
		break
	}
	if o.nonExtensible {
		return false, nil
	}
	o.props.add(property{key: name, value: v, flags: plain})
	return true, nil
}

// Delete removes an own property and reports whether it is gone.
func (o *Object) Delete(name string) bool {
	if o.exotic != nil {
		if i, ok := arrayIndex(name); ok {
			return i >= o.exotic.length() || o.exotic.drop(i)
		}
		if name == "length" && o.exotic.ownLength() {
			return false
		}
	}
	p := o.own(name)
	if p == nil {
		return true
	}
	if p.flags&configurable == 0 {
		return false
	}
	o.props.remove(name)
	return true
}

// Keys returns the names of the own enumerable properties in JavaScript's order: indices ascending, then by creation.
func (o *Object) Keys() []string { return o.ownKeys(false) }

func (o *Object) ownKeys(all bool) []string {
	var indices, names []string
	if o.exotic != nil {
		for i := range o.exotic.length() {
			indices = append(indices, FormatNumber(float64(i)))
		}
		if all && o.exotic.ownLength() {
			names = append(names, "length")
		}
	}
	if all && o.fn != nil {
		o.own("prototype")
	}
	elements := len(indices)
	for i := range o.props.list {
		p := &o.props.list[i]
		if !all && p.flags&enumerable == 0 {
			continue
		}
		if _, ok := arrayIndex(p.key); ok {
			indices = append(indices, p.key)
		} else {
			names = append(names, p.key)
		}
	}
	if len(indices) > elements {
		slices.SortFunc(indices[elements:], func(a, b string) int {
			x, _ := arrayIndex(a)
			y, _ := arrayIndex(b)
			return cmp.Compare(x, y)
		})
	}
	return append(indices, names...)
}

// Freeze makes the object take no new properties and its own ones constant. Elements of views of bytes stay writable.
func (o *Object) Freeze() *Object {
	o.nonExtensible = true
	for i := range o.props.list {
		p := &o.props.list[i]
		p.flags &^= configurable
		if !p.accessor {
			p.flags &^= writable
		}
	}
	if a, ok := o.exotic.(*array); ok {
		a.frozen = true
	}
	return o
}
