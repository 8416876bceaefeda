package host

import (
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep data may nest in JSON and in clones.
const maxDepth = 1000

// jsonParser is JSON.parse. Its messages are worded like those of V8, since programs show them.
type jsonParser struct {
	realm *Realm
	text  string
	pos   int
}

// ParseJSON makes the value that the JSON text describes; a text that is not JSON throws a SyntaxError.
func (r *Realm) ParseJSON(text string) (Value, error) {
	p := &jsonParser{realm: r, text: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.text) {
		return nil, syntaxError("Unexpected non-whitespace character after JSON at position %d", utf16Length(text[:p.pos]))
	}
	return v, nil
}

func (p *jsonParser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *jsonParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func syntaxError(format string, args ...any) error { return Errorf("SyntaxError", format, args...) }

// failAt is an error that names the position, in UTF-16 code units.
func (p *jsonParser) failAt(message string) error {
	return syntaxError("%s in JSON at position %d", message, utf16Length(p.text[:p.pos]))
}

// unexpected is the error for a token that cannot stand where it does.
func (p *jsonParser) unexpected() error {
	if p.pos >= len(p.text) {
		return syntaxError("Unexpected end of JSON input")
	}
	if p.text == "undefined" {
		return syntaxError(`"undefined" is not valid JSON`)
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	const around, whole = 10, 40
	units := utf16.Encode([]rune(p.text))
	at := utf16Length(p.text[:p.pos])
	from, to := max(at-around, 0), min(at+around, len(units))
	left, right := "...", "..."
	if len(units) <= whole {
		from, to = 0, len(units)
	}
	if from == 0 {
		left = ""
	}
	if to == len(units) {
		right = ""
	}
	return syntaxError(`Unexpected token '%c', %s"%s"%s is not valid JSON`, r, left, fromUTF16(units[from:to]), right)
}

func (p *jsonParser) value(depth int) (Value, error) {
	if depth > maxDepth {
		return nil, RangeError("JSON is nested deeper than %d", maxDepth)
	}
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		return String(s), err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return p.word("true", Bool(true))
	case c == 'f':
		return p.word("false", Bool(false))
	case c == 'n':
		return p.word("null", Null)
	}
	return nil, p.unexpected()
}

func (p *jsonParser) word(word string, v Value) (Value, error) {
	for i := range len(word) {
		if p.peek() != word[i] {
			return nil, p.unexpected()
		}
		p.pos++
	}
	return v, nil
}

func (p *jsonParser) object(depth int) (Value, error) {
	o := p.realm.NewObject()
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return o, nil
	}
	for {
		p.space()
		if p.peek() != '"' {
			if len(o.props.list) > 0 {
				return nil, p.failAt("Expected double-quoted property name")
			}
			return nil, p.failAt("Expected property name or '}'")
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.peek() != ':' {
			return nil, p.failAt("Expected ':' after property name")
		}
		p.pos++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Define(name, v)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return o, nil
		default:
			return nil, p.failAt("Expected ',' or '}' after property value")
		}
	}
}

func (p *jsonParser) array(depth int) (Value, error) {
	var list []Value
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return p.realm.NewArray(), nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return p.realm.NewArray(list...), nil
		default:
			return nil, p.failAt("Expected ',' or ']' after array element")
		}
	}
}

func (p *jsonParser) number() (Value, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	digits := countDigits(p.text[p.pos:])
	if digits == 0 {
		return nil, p.failAt("No number after minus sign")
	}
	if p.peek() == '0' && digits > 1 {
		p.pos++
		return nil, p.failAt("Unexpected number")
	}
	p.pos += digits
	if p.peek() == '.' {
		p.pos++
		n := countDigits(p.text[p.pos:])
		if n == 0 {
			return nil, p.failAt("Unterminated fractional number")
		}
		p.pos += n
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		n := countDigits(p.text[p.pos:])
		if n == 0 {
			return nil, p.failAt("Exponent part is missing a number")
		}
		p.pos += n
	}
	f, _ := parseDecimalPrefix(p.text[start:p.pos])
	if f == 0 && p.text[start] == '-' {
		f = math.Copysign(0, -1)
	}
	return Number(f), nil
}

// string reads a string literal. Escaped surrogates are joined at its end, where unpaired ones become U+FFFD.
func (p *jsonParser) string() (string, error) {
	p.pos++
	start := p.pos
	var out []byte // set once there was an escape
	var units []uint16
	flush := func() {
		if len(units) > 0 {
			out = append(out, fromUTF16(units)...)
			units = units[:0]
		}
	}
	escaped := false
	for {
		if p.pos >= len(p.text) {
			return "", p.failAt("Unterminated string")
		}
		switch c := p.text[p.pos]; {
		case c == '"':
			flush()
			s := string(out) + p.text[start:p.pos]
			p.pos++
			return s, nil
		case c < 0x20:
			return "", p.failAt("Bad control character in string literal")
		case c == '\\':
			if start < p.pos {
				flush()
				out = append(out, p.text[start:p.pos]...)
			}
			u, err := p.escape()
			if err != nil {
				return "", err
			}
			units = append(units, u)
			start, escaped = p.pos, true
		default:
			if escaped {
				flush()
				escaped = false
			}
			p.pos++
		}
	}
}

func (p *jsonParser) escape() (uint16, error) {
	p.pos++
	c := p.peek()
	if c == 'u' {
		u := uint16(0)
		for range 4 {
			p.pos++
			d := p.peek()
			switch {
			case d >= '0' && d <= '9':
				d -= '0'
			case d >= 'a' && d <= 'f':
				d -= 'a' - 10
			case d >= 'A' && d <= 'F':
				d -= 'A' - 10
			default:
				return 0, p.failAt("Bad Unicode escape")
			}
			u = u<<4 | uint16(d)
		}
		p.pos++
		return u, nil
	}
	plain := map[byte]uint16{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
	u, ok := plain[c]
	if !ok {
		if p.pos >= len(p.text) {
			return 0, p.failAt("Unterminated string")
		}
		return 0, p.failAt("Bad escaped character")
	}
	p.pos++
	return u, nil
}
