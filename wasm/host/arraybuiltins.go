package host

import (
	"slices"
	"strings"
)

// iterate lists what for-of would: an array's elements, a string's characters, a view's numbers. Objects of embedders take
// part by a method called entriesForIteration, since this model has no symbols; see [Iterable].
func iterate(v Value) ([]Value, error) {
	switch v := v.(type) {
	case String:
		var list []Value
		for _, ch := range string(v) {
			list = append(list, String(ch))
		}
		return list, nil
	case *Object:
		if it, ok := v.data.(Iterable); ok {
			return it.Iterate()
		}
		if v.exotic != nil {
			return Elements(v)
		}
	}
	return nil, TypeError("%s is not iterable", Describe(v))
}

// Iterable is Go state of an object (see [Object.SetData]) over which built-ins such as Array.from and Promise.all iterate.
type Iterable interface {
	Iterate() ([]Value, error)
}

// defineArray defines the Array constructor. Its methods work on arrays and array-like objects.
func (r *Realm) defineArray() {
	cl := r.builtinClass("Array", r.protos.array, func(c Call) (Value, error) {
		if n, ok := c.Arg(0).(Number); ok && len(c.Args) == 1 {
			o := r.NewArray()
			return o, o.exotic.setLength(float64(n))
		}
		return r.NewArray(c.Args...), nil
	})
	cl.DefineFunc("isArray", func(c Call) (Value, error) { return Bool(IsArray(c.Arg(0))), nil }).
		DefineFunc("of", func(c Call) (Value, error) { return r.NewArray(c.Args...), nil }).
		DefineFunc("from", func(c Call) (Value, error) {
			list, err := iterate(c.Arg(0))
			if o, ok := c.Arg(0).(*Object); ok && err != nil {
				list, err = Elements(o)
			}
			if err != nil {
				return nil, err
			}
			if f, ok := AsFunc(c.Arg(1)); ok {
				for i, v := range list {
					if list[i], err = f.Call(c.Arg(2), v, Number(i)); err != nil {
						return nil, err
					}
				}
			}
			return r.adoptArray(list), nil
		})
	r.defineArrayChanges()
	r.defineArrayReads()
	r.defineArrayCallbacks()
}

// thisArray returns the elements of an actual array, for methods that change it.
func (c Call) thisArray() (*array, error) {
	o, ok := c.This.(*Object)
	if ok {
		if a, ok := o.exotic.(*array); ok {
			if a.frozen {
				return nil, TypeError("Cannot assign to read only array")
			}
			return a, nil
		}
	}
	return nil, TypeError("%s is not an array", Describe(c.This))
}

func (r *Realm) defineArrayChanges() {
	change := func(name string, f func(c Call, a *array) (Value, error)) {
		r.protos.array.DefineFunc(name, func(c Call) (Value, error) {
			a, err := c.thisArray()
			if err != nil {
				return nil, err
			}
			return f(c, a)
		})
	}
	change("push", func(c Call, a *array) (Value, error) {
		if len(a.list)+len(c.Args) > maxArray {
			return nil, RangeError("Invalid array length")
		}
		a.list = append(a.list, c.Args...)
		return Number(len(a.list)), nil
	})
	change("pop", func(_ Call, a *array) (Value, error) { return a.take(len(a.list) - 1), nil })
	change("shift", func(_ Call, a *array) (Value, error) { return a.take(0), nil })
	change("unshift", func(c Call, a *array) (Value, error) {
		if len(a.list)+len(c.Args) > maxArray {
			return nil, RangeError("Invalid array length")
		}
		a.list = slices.Insert(a.list, 0, c.Args...)
		return Number(len(a.list)), nil
	})
	change("splice", func(c Call, a *array) (Value, error) {
		start, err := c.Number(0)
		if err != nil {
			return nil, err
		}
		from := clampIndex(start, len(a.list))
		to := len(a.list)
		if len(c.Args) == 0 {
			to = from
		} else if len(c.Args) > 1 {
			n, err := c.Number(1)
			if err != nil {
				return nil, err
			}
			to = from + int(min(max(n, 0), float64(len(a.list)-from)))
		}
		removed := c.Realm.NewArray(a.list[from:to]...)
		var inserted []Value
		if len(c.Args) > 2 {
			inserted = c.Args[2:]
		}
		a.list = slices.Replace(a.list, from, to, inserted...)
		return removed, nil
	})
	change("reverse", func(c Call, a *array) (Value, error) {
		slices.Reverse(a.list)
		return c.This, nil
	})
	change("fill", func(c Call, a *array) (Value, error) {
		from, to, err := c.span(1, len(a.list))
		for i := from; i < to; i++ {
			a.list[i] = c.Arg(0)
		}
		return c.This, err
	})
	change("sort", sortArray)
}

func (a *array) take(i int) Value {
	if len(a.list) == 0 {
		return Undefined
	}
	v := a.list[i]
	a.list = slices.Delete(a.list, i, i+1)
	return v
}

func sortArray(c Call, a *array) (Value, error) {
	compare, custom := AsFunc(c.Arg(0))
	var failed error
	list := slices.Clone(a.list) // the callback may see and change the array
	slices.SortStableFunc(list, func(x, y Value) int {
		switch {
		case failed != nil:
			return 0
		case x == Undefined || y == Undefined:
			return map[bool]int{true: 1}[x == Undefined] - map[bool]int{true: 1}[y == Undefined]
		case custom:
			v, err := compare.Call(Undefined, x, y)
			if err != nil {
				failed = err
				return 0
			}
			f, err := ToNumber(v)
			failed = err
			if f < 0 {
				return -1
			}
			return map[bool]int{true: 1}[f > 0]
		}
		p, err := ToString(x)
		if err != nil {
			failed = err
			return 0
		}
		q, err := ToString(y)
		failed = err
		return strings.Compare(p, q)
	})
	if failed != nil {
		return nil, failed
	}
	a.list = list
	return c.This, nil
}

// span reads the arguments i and i+1 as a relative range of n elements.
func (c Call) span(i, n int) (from, to int, err error) {
	start, err := c.Number(i)
	if err != nil {
		return 0, 0, err
	}
	from, to = clampIndex(start, n), n
	if c.Arg(i+1) != Undefined {
		end, err := c.Number(i + 1)
		if err != nil {
			return 0, 0, err
		}
		to = clampIndex(end, n)
	}
	return from, max(from, to), nil
}

func (r *Realm) defineArrayReads() {
	read := func(name string, f func(c Call, list []Value) (Value, error)) {
		r.protos.array.DefineFunc(name, func(c Call) (Value, error) {
			list, err := Elements(c.This)
			if err != nil {
				return nil, err
			}
			return f(c, list)
		})
	}
	read("slice", func(c Call, list []Value) (Value, error) {
		from, to, err := c.span(0, len(list))
		return c.Realm.NewArray(list[from:to]...), err
	})
	read("concat", func(c Call, list []Value) (Value, error) {
		for _, v := range c.Args {
			if !IsArray(v) {
				list = append(list, v)
				continue
			}
			more, err := Elements(v)
			if err != nil {
				return nil, err
			}
			if list = append(list, more...); len(list) > maxArray {
				return nil, RangeError("Invalid array length")
			}
		}
		return c.Realm.adoptArray(list), nil
	})
	read("join", func(c Call, list []Value) (Value, error) {
		separator := ","
		if c.Arg(0) != Undefined {
			var err error
			if separator, err = c.String(0); err != nil {
				return nil, err
			}
		}
		return join(list, separator)
	})
	read("toString", func(_ Call, list []Value) (Value, error) { return join(list, ",") })
	read("indexOf", func(c Call, list []Value) (Value, error) {
		return Number(slices.IndexFunc(list, func(v Value) bool { return StrictEquals(v, c.Arg(0)) })), nil
	})
	read("includes", func(c Call, list []Value) (Value, error) {
		return Bool(slices.ContainsFunc(list, func(v Value) bool { return sameValueZero(v, c.Arg(0)) })), nil
	})
	read("at", func(c Call, list []Value) (Value, error) {
		i, err := ToInteger(c.Arg(0))
		if i < 0 {
			i += int64(len(list))
		}
		if err != nil || i < 0 || i >= int64(len(list)) {
			return Undefined, err
		}
		return list[i], nil
	})
}

func join(list []Value, separator string) (Value, error) {
	parts := make([]string, len(list))
	for i, v := range list {
		if IsNullish(v) {
			continue
		}
		var err error
		if parts[i], err = ToString(v); err != nil {
			return nil, err
		}
	}
	return String(strings.Join(parts, separator)), nil
}

// defineArrayCallbacks defines the methods that call a function for each element.
func (r *Realm) defineArrayCallbacks() {
	// each adds a method: visit gets the callback's answer for element i and says whether to stop; end gives the result.
	type state struct {
		list []Value
		out  Value
		kept []Value
	}
	each := func(name string, start Value, visit func(s *state, i int, answer Value) (stop bool)) {
		r.protos.array.DefineFunc(name, func(c Call) (Value, error) {
			list, err := Elements(c.This)
			if err != nil {
				return nil, err
			}
			f, ok := AsFunc(c.Arg(0))
			if !ok {
				return nil, TypeError("%s is not a function", Describe(c.Arg(0)))
			}
			s := &state{list: list, out: start}
			for i, v := range list {
				answer, err := f.Call(c.Arg(1), v, Number(i), c.This)
				if err != nil {
					return nil, err
				}
				if visit(s, i, answer) {
					break
				}
			}
			if s.out == nil {
				return c.Realm.NewArray(s.kept...), nil
			}
			return s.out, nil
		})
	}
	each("forEach", Undefined, func(*state, int, Value) bool { return false })
	each("map", nil, func(s *state, _ int, answer Value) bool { s.kept = append(s.kept, answer); return false })
	each("filter", nil, func(s *state, i int, answer Value) bool {
		if Truthy(answer) {
			s.kept = append(s.kept, s.list[i])
		}
		return false
	})
	decide := func(on bool, result func(s *state, i int) Value) func(*state, int, Value) bool {
		return func(s *state, i int, answer Value) bool {
			if Truthy(answer) != on {
				return false
			}
			s.out = result(s, i)
			return true
		}
	}
	each("find", Undefined, decide(true, func(s *state, i int) Value { return s.list[i] }))
	each("findIndex", Number(-1), decide(true, func(_ *state, i int) Value { return Number(i) }))
	each("some", Bool(false), decide(true, func(*state, int) Value { return Bool(true) }))
	each("every", Bool(true), decide(false, func(*state, int) Value { return Bool(false) }))
}
