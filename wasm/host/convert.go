package host

import (
	"math"
	"strings"
)

// Truthy is JavaScript's conversion to boolean.
func Truthy(v Value) bool {
	switch v := v.(type) {
	case Bool:
		return bool(v)
	case Number:
		return v != 0 && v == v
	case String:
		return v != ""
	case *Object:
		return v != nil
	}
	return false
}

// ToString is JavaScript's String(v). For objects it calls their toString, which may be the guest's.
func ToString(v Value) (string, error) {
	switch v := orUndefined(v).(type) {
	case Nullish:
		return v.Kind().String(), nil
	case Bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case Number:
		return FormatNumber(float64(v)), nil
	case String:
		return string(v), nil
	case *Object:
		p, err := toPrimitive(v, true)
		if err != nil {
			return "", err
		}
		return ToString(p)
	}
	return "", TypeError("cannot convert to string")
}

// ToNumber is JavaScript's Number(v).
func ToNumber(v Value) (float64, error) {
	switch v := orUndefined(v).(type) {
	case Nullish:
		if v == Null {
			return 0, nil
		}
		return math.NaN(), nil
	case Bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case Number:
		return float64(v), nil
	case String:
		return parseNumber(string(v)), nil
	case *Object:
		p, err := toPrimitive(v, false)
		if err != nil {
			return 0, err
		}
		return ToNumber(p)
	}
	return math.NaN(), nil
}

// ToInteger is ToNumber, truncated and limited to the range in which floats are exact; NaN is 0.
func ToInteger(v Value) (int64, error) {
	f, err := ToNumber(v)
	if err != nil || f != f {
		return 0, err
	}
	return int64(min(max(f, -1<<53), 1<<53)), nil
}

// toPrimitive calls toString and valueOf, in the order of the hint.
func toPrimitive(o *Object, preferString bool) (Value, error) {
	names := [2]string{"valueOf", "toString"}
	if preferString {
		names = [2]string{"toString", "valueOf"}
	}
	for _, name := range names {
		m, err := o.Get(name)
		if err != nil {
			return nil, err
		}
		f, ok := AsFunc(m)
		if !ok {
			continue
		}
		v, err := f.Call(o)
		if err != nil {
			return nil, err
		}
		if _, ok := v.(*Object); !ok {
			return v, nil
		}
	}
	return nil, TypeError("Cannot convert object to primitive value")
}

// toObject boxes nothing: this model has no wrapper objects, so only objects pass.
func toObject(v Value) (*Object, error) {
	if o, ok := v.(*Object); ok && o != nil {
		return o, nil
	}
	if IsNullish(v) {
		return nil, TypeError("Cannot convert undefined or null to object")
	}
	return nil, TypeError("Cannot convert %s to object", Describe(v))
}

// Describe says what v is, for messages and traces. It never runs JavaScript.
func Describe(v Value) string { return describe(orUndefined(v), 0) }

func describe(v Value, depth int) string {
	switch v := v.(type) {
	case String:
		if depth > 0 {
			return "'" + string(v) + "'"
		}
		return string(v)
	case *Object:
		return v.describe(depth)
	default:
		if n, ok := v.(Number); ok && n == 0 && math.Signbit(float64(n)) {
			return "-0"
		}
		s, err := ToString(v)
		if err != nil {
			return v.Kind().String()
		}
		return s
	}
}

// describe prints roughly what Node's console prints for small values.
func (o *Object) describe(depth int) string {
	const deep, wide = 3, 20
	switch {
	case o.fn != nil:
		if n := o.dataString("name"); n != "" {
			return "[Function: " + n + "]"
		}
		return "[Function (anonymous)]"
	case o.class == "Error":
		name, message := o.dataString("name"), o.dataString("message")
		if message == "" {
			return name
		}
		return name + ": " + message
	case depth >= deep:
		return "[" + o.className() + "]"
	}
	var parts []string
	if o.exotic != nil {
		for i := range min(o.exotic.length(), wide) {
			parts = append(parts, describe(o.exotic.at(i), depth+1))
		}
	}
	for i := range o.props.list {
		if p := &o.props.list[i]; p.flags&enumerable != 0 && len(parts) < 2*wide {
			value := "[Getter]"
			if !p.accessor {
				value = describe(p.value, depth+1)
			}
			parts = append(parts, p.key+": "+value)
		}
	}
	left, right, prefix := "{", "}", ""
	if o.exotic != nil {
		left, right = "[", "]"
	}
	if c := o.className(); c != "Object" && c != "Array" {
		prefix = c + " "
	}
	if len(parts) == 0 {
		return prefix + left + right
	}
	return prefix + left + " " + strings.Join(parts, ", ") + " " + right
}

// dataString reads a string-valued data property, own or inherited, without running a getter.
func (o *Object) dataString(name string) string {
	for p := o; p != nil; p = p.proto {
		if prop := p.props.find(name); prop != nil {
			s, _ := prop.value.(String)
			return string(s)
		}
	}
	return ""
}

// className is what Object.prototype.toString puts after "object".
func (o *Object) className() string {
	for p := o; p != nil; p = p.proto {
		if p.class != "" {
			return p.class
		}
	}
	return "Object"
}
