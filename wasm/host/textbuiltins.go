package host

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// defineText defines TextEncoder, TextDecoder (UTF-8 only), btoa and atob.
func (r *Realm) defineText() {
	enc := r.DefineClass("TextEncoder", nil, func(Call) error { return nil })
	enc.Prototype.Define("encoding", String("utf-8"))
	enc.Prototype.DefineFunc("encode", func(c Call) (Value, error) {
		if c.Arg(0) == Undefined {
			return r.NewUint8Array(nil), nil
		}
		s, err := c.String(0)
		return r.NewUint8Array([]byte(s)), err
	})

	type decoder struct{ fatal, keepMark bool }
	dec := r.DefineClass("TextDecoder", nil, func(c Call) error {
		if c.Arg(0) != Undefined {
			label, err := c.String(0)
			if err != nil {
				return err
			}
			switch strings.ToLower(trimSpace(label)) {
			case "utf-8", "utf8", "unicode-1-1-utf-8":
			default:
				return RangeError("The %q encoding is not supported", label)
			}
		}
		d := &decoder{}
		if o, ok := c.Arg(1).(*Object); ok {
			for name, flag := range map[string]*bool{"fatal": &d.fatal, "ignoreBOM": &d.keepMark} {
				v, err := o.Get(name)
				if err != nil {
					return err
				}
				*flag = Truthy(v)
			}
		}
		c.This.(*Object).SetData(d)
		return nil
	})
	dec.Prototype.Define("encoding", String("utf-8"))
	dec.Prototype.DefineFunc("decode", func(c Call) (Value, error) {
		d, ok := DataOf[*decoder](c.This)
		if !ok {
			return nil, TypeError("Illegal invocation")
		}
		if c.Arg(0) == Undefined {
			return String(""), nil
		}
		b, err := c.Bytes(0)
		if err != nil {
			return nil, err
		}
		if d.fatal && !utf8.Valid(b) {
			return nil, TypeError("The encoded data was not valid for encoding utf-8")
		}
		if d.keepMark {
			return String(decodeText(b)), nil
		}
		return String(decodeTextStrippingMark(b)), nil
	})

	r.global.DefineFunc("btoa", func(c Call) (Value, error) {
		s, err := c.String(0)
		if err != nil {
			return nil, err
		}
		b := make([]byte, 0, len(s))
		for _, ch := range s {
			if ch > 0xFF {
				return nil, Errorf("InvalidCharacterError", "Invalid character")
			}
			b = append(b, byte(ch))
		}
		return String(base64.StdEncoding.EncodeToString(b)), nil
	})
	r.global.DefineFunc("atob", func(c Call) (Value, error) {
		s, err := c.String(0)
		if err != nil {
			return nil, err
		}
		s = strings.Map(func(ch rune) rune {
			if strings.ContainsRune("\t\n\f\r ", ch) {
				return -1
			}
			return ch
		}, s)
		if len(s)%4 == 0 {
			s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
		}
		b, err := base64.RawStdEncoding.DecodeString(s)
		if err != nil {
			return nil, Errorf("InvalidCharacterError", "Invalid character")
		}
		var out strings.Builder
		for _, ch := range b {
			out.WriteRune(rune(ch))
		}
		return String(out.String()), nil
	})
}
