package host

import (
	"math"
	"strconv"
	"strings"
)

// defineJSON defines JSON.parse (with a reviver) and JSON.stringify (with a replacer function or list, and indentation).
func (r *Realm) defineJSON() {
	r.namespace("JSON").
		DefineFunc("parse", func(c Call) (Value, error) {
			text, err := c.String(0)
			if err != nil {
				return nil, err
			}
			v, err := r.ParseJSON(text)
			if reviver, ok := AsFunc(c.Arg(1)); ok && err == nil {
				return revive(reviver, r.NewObject().Define("", v), "", 0)
			}
			return v, err
		}).
		DefineFunc("stringify", func(c Call) (Value, error) {
			w := &jsonWriter{}
			if err := w.configure(c.Arg(1), c.Arg(2)); err != nil {
				return nil, err
			}
			ok, err := w.property(r.NewObject().Define("", c.Arg(0)), "", c.Arg(0))
			if err != nil || !ok {
				return Undefined, err
			}
			return String(w.out), nil
		})
}

// JSON writes v as JSON.stringify does. A value that has no JSON, such as a function, gives "undefined".
func (r *Realm) JSON(v Value) (string, error) {
	w := &jsonWriter{}
	ok, err := w.property(r.NewObject().Define("", v), "", orUndefined(v))
	if err == nil && !ok {
		return "undefined", nil
	}
	return string(w.out), err
}

func revive(reviver, holder *Object, name string, depth int) (Value, error) {
	if depth > maxDepth {
		return nil, RangeError("JSON is nested deeper than %d", maxDepth)
	}
	v, err := holder.Get(name)
	if err != nil {
		return nil, err
	}
	if o, ok := v.(*Object); ok {
		for _, key := range o.Keys() {
			nv, err := revive(reviver, o, key, depth+1)
			if err != nil {
				return nil, err
			}
			if nv == Undefined {
				o.Delete(key)
			} else {
				o.Define(key, nv)
			}
		}
	}
	return reviver.Call(holder, String(name), v)
}

type jsonWriter struct {
	out      []byte
	replacer *Object
	allowed  []string // property names, when the replacer is a list
	listed   bool
	gap      string
	indent   string
	stack    []*Object
}

func (w *jsonWriter) configure(replacer, space Value) error {
	if f, ok := AsFunc(replacer); ok {
		w.replacer = f
	} else if IsArray(replacer) {
		list, err := Elements(replacer)
		if err != nil {
			return err
		}
		w.listed = true
		for _, v := range list {
			switch v.(type) {
			case String, Number:
				s, err := ToString(v)
				if err != nil {
					return err
				}
				w.allowed = append(w.allowed, s)
			}
		}
	}
	const most = 10
	switch s := space.(type) {
	case Number:
		w.gap = strings.Repeat(" ", int(min(max(float64(s), 0), most)))
	case String:
		w.gap = string(s[:min(len(s), most)])
	}
	return nil
}

// property writes a value and reports whether it has a JSON form.
func (w *jsonWriter) property(holder *Object, name string, v Value) (bool, error) {
	if o, ok := v.(*Object); ok {
		toJSON, err := o.Get("toJSON")
		if err != nil {
			return false, err
		}
		if f, ok := AsFunc(toJSON); ok {
			if v, err = f.Call(o, String(name)); err != nil {
				return false, err
			}
		}
	}
	if w.replacer != nil {
		var err error
		if v, err = w.replacer.Call(holder, String(name), v); err != nil {
			return false, err
		}
	}
	switch v := v.(type) {
	case Nullish:
		if v == Undefined {
			return false, nil
		}
		w.out = append(w.out, "null"...)
	case Bool:
		w.out = append(w.out, strconv.FormatBool(bool(v))...)
	case Number:
		if f := float64(v); f != f || math.IsInf(f, 0) {
			w.out = append(w.out, "null"...)
		} else {
			w.out = append(w.out, FormatNumber(f)...)
		}
	case String:
		w.string(string(v))
	case *Object:
		if v.fn != nil {
			return false, nil
		}
		return true, w.object(v)
	}
	return true, nil
}

func (w *jsonWriter) object(o *Object) error {
	for _, outer := range w.stack {
		if outer == o {
			return TypeError("Converting circular structure to JSON")
		}
	}
	if len(w.stack) >= maxDepth {
		return RangeError("Maximum call stack size exceeded")
	}
	w.stack = append(w.stack, o)
	outer := w.indent
	w.indent += w.gap
	defer func() { w.stack, w.indent = w.stack[:len(w.stack)-1], outer }()

	isArray := IsArray(o)
	names := o.Keys()
	if w.listed && !isArray {
		names = w.allowed
	}
	open, end := "{", "}"
	if isArray {
		open, end = "[", "]"
		names = names[:o.exotic.length()]
	}
	w.out = append(w.out, open...)
	count := 0
	for _, name := range names {
		v, err := o.Get(name)
		if err != nil {
			return err
		}
		before := len(w.out)
		if count > 0 {
			w.out = append(w.out, ',')
		}
		if w.gap != "" {
			w.out = append(append(w.out, '\n'), w.indent...)
		}
		if !isArray {
			w.string(name)
			w.out = append(w.out, ':')
			if w.gap != "" {
				w.out = append(w.out, ' ')
			}
		}
		ok, err := w.property(o, name, v)
		switch {
		case err != nil:
			return err
		case ok:
			count++
		case isArray:
			w.out = append(w.out, "null"...)
			count++
		default: // take the name back
			w.out = w.out[:before]
		}
	}
	if w.gap != "" && count > 0 {
		w.out = append(append(w.out, '\n'), outer...)
	}
	w.out = append(w.out, end...)
	return nil
}

func (w *jsonWriter) string(s string) {
	const hex = "0123456789abcdef"
	short := map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	w.out = append(w.out, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		w.out = append(w.out, s[start:i]...)
		if e, ok := short[c]; ok {
			w.out = append(w.out, e...)
		} else {
			w.out = append(append(w.out, `\u00`...), hex[c>>4], hex[c&15])
		}
		start = i + 1
	}
	w.out = append(append(w.out, s[start:]...), '"')
}
