package host

// Kind is the type of a [Value] in the sense of JavaScript's typeof, with null and functions told apart from objects.
type Kind uint8

// The kinds of values.
const (
	KindUndefined Kind = iota
	KindNull
	KindBoolean
	KindNumber
	KindString
	KindObject
	KindFunction
)

// String returns the kind's name, in lower case.
func (k Kind) String() string {
	names := [...]string{"undefined", "null", "boolean", "number", "string", "object", "function"}
	if int(k) < len(names) {
		return names[k]
	}
	return "invalid"
}

// Value is one JavaScript value: [Undefined], [Null], a [Bool], a [Number], a [String] or an [*Object].
// No other type implements it, so a type switch over these is complete. There are no symbols and no BigInts.
//
// A nil Value handed to this package stands for Undefined; this package never returns one without an error.
type Value interface {
	// Kind tells which type the value has.
	Kind() Kind
	sealed()
}

// Nullish is the type of the two values that have no properties.
type Nullish uint8

// The two nullish values.
const (
	Undefined Nullish = iota
	Null
)

// Bool is a JavaScript boolean.
type Bool bool

// Number is a JavaScript number.
type Number float64

// String is a JavaScript string, held as UTF-8. JavaScript strings are sequences of UTF-16 code units; a surrogate without
// its partner cannot be held here and is U+FFFD from the start, as TextEncoder would make it later. Lengths and indices that
// a guest can see count UTF-16 code units.
type String string

// Kind implements [Value].
func (n Nullish) Kind() Kind {
	if n == Null {
		return KindNull
	}
	return KindUndefined
}

// Kind implements [Value].
func (Bool) Kind() Kind { return KindBoolean }

// Kind implements [Value].
func (Number) Kind() Kind { return KindNumber }

// Kind implements [Value].
func (String) Kind() Kind { return KindString }

// Kind implements [Value].
func (o *Object) Kind() Kind {
	if o.fn != nil {
		return KindFunction
	}
	return KindObject
}

func (Nullish) sealed() {}
func (Bool) sealed()    {}
func (Number) sealed()  {}
func (String) sealed()  {}
func (*Object) sealed() {}

// orUndefined gives the nil interface, and a nil object, their meaning.
func orUndefined(v Value) Value {
	if v == nil {
		return Undefined
	}
	if o, ok := v.(*Object); ok && o == nil {
		return Undefined
	}
	return v
}

// IsNullish reports whether v is undefined or null.
func IsNullish(v Value) bool {
	_, ok := orUndefined(v).(Nullish)
	return ok
}

// StrictEquals is JavaScript's ===.
func StrictEquals(a, b Value) bool {
	return orUndefined(a) == orUndefined(b) // Go compares the floats of two Numbers: NaN differs from itself, -0 equals 0.
}

// sameValueZero is === with NaN equal to itself: how includes and Map look things up.
func sameValueZero(a, b Value) bool {
	if StrictEquals(a, b) {
		return true
	}
	x, ok1 := a.(Number)
	y, ok2 := b.(Number)
	return ok1 && ok2 && x != x && y != y
}
