package host

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeText decodes UTF-8 as the Encoding Standard's decoder does: every maximal part of a broken sequence becomes one
// U+FFFD. Go's own conversions replace byte by byte, which differs in count.
func decodeText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			n = brokenLength(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// brokenLength returns how many bytes at the start of b, which is no valid sequence, one replacement character stands for.
func brokenLength(b []byte) int {
	need, low, high := 0, byte(0x80), byte(0xBF)
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
		if c == 0xE0 {
			low = 0xA0
		} else if c == 0xED {
			high = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		need = 3
		if c == 0xF0 {
			low = 0x90
		} else if c == 0xF4 {
			high = 0x8F
		}
	default:
		return 1
	}
	n := 1
	for ; n <= need && n < len(b); n++ {
		if b[n] < low || b[n] > high {
			break
		}
		low, high = 0x80, 0xBF
	}
	return n
}

// decodeTextStrippingMark is what new TextDecoder().decode does: a byte order mark at the start is dropped.
func decodeTextStrippingMark(b []byte) string {
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		b = b[3:]
	}
	return decodeText(b)
}

// utf16Length counts the UTF-16 code units of s.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

// fromUTF16 joins code units to a string; an unpaired surrogate becomes U+FFFD.
func fromUTF16(units []uint16) string { return string(utf16.Decode(units)) }

// isSpace reports whether JavaScript's trim removes r.
func isSpace(r rune) bool {
	return r == 0xFEFF || r == '\u2028' || r == '\u2029' || r != 0x85 && unicode.IsSpace(r)
}

func trimSpace(s string) string { return strings.TrimFunc(s, isSpace) }
