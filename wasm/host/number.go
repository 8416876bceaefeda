package host

import (
	"math"
	"strconv"
	"strings"
)

// FormatNumber writes f as JavaScript does (ECMA-262, Number::toString): shortest digits that read back as f, an exponent only
// from 1e21 up and below 1e-6, "0" for -0.
func FormatNumber(f float64) string {
	switch {
	case f != f:
		return "NaN"
	case f == 0:
		return "0"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
		return strconv.FormatInt(i, 10)
	}
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	digits := strings.Replace(mantissa, ".", "", 1)
	exp, err := strconv.Atoi(exponent)
	if err != nil {
		return sign + mantissa // FormatFloat always writes an exponent
	}
	point := exp + 1 // digits before the decimal point
	switch {
	case len(digits) <= point && point <= 21:
		return sign + digits + strings.Repeat("0", point-len(digits))
	case 0 < point && point <= 21:
		return sign + digits[:point] + "." + digits[point:]
	case -6 < point && point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
	out := sign + digits[:1]
	if len(digits) > 1 {
		out += "." + digits[1:]
	}
	if exp < 0 {
		return out + "e-" + strconv.Itoa(-exp)
	}
	return out + "e+" + strconv.Itoa(exp)
}

// parseNumber is JavaScript's Number(string): all of s, trimmed, must be a numeric literal.
func parseNumber(s string) float64 {
	s = trimSpace(s)
	if s == "" {
		return 0
	}
	if len(s) > 2 && s[0] == '0' {
		base := 0
		switch s[1] {
		case 'x', 'X':
			base = 16
		case 'o', 'O':
			base = 8
		case 'b', 'B':
			base = 2
		}
		if base != 0 {
			f, used := parseDigits(s[2:], base)
			if used != len(s)-2 {
				return math.NaN()
			}
			return f
		}
	}
	f, used := parseDecimalPrefix(s)
	if used != len(s) {
		return math.NaN()
	}
	return f
}

// parseDecimalPrefix is JavaScript's parseFloat without the trimming: the longest prefix that is a decimal literal, and its
// length; NaN and 0 when there is none.
func parseDecimalPrefix(s string) (float64, int) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	if strings.HasPrefix(s[i:], "Infinity") {
		if s[0] == '-' {
			return math.Inf(-1), i + 8
		}
		return math.Inf(1), i + 8
	}
	start := i
	i += countDigits(s[i:])
	digits := i - start
	if i < len(s) && s[i] == '.' {
		fraction := countDigits(s[i+1:])
		if digits+fraction > 0 {
			i += 1 + fraction
			digits += fraction
		}
	}
	if digits == 0 {
		return math.NaN(), 0
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if n := countDigits(s[j:]); n > 0 {
			i = j + n
		}
	}
	f, _ := strconv.ParseFloat(s[:i], 64) // an overflow gives ±Inf with an error, which is JavaScript's answer too
	return f, i
}

func countDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// parseDigits reads leading digits of the base (2 to 36) and returns their value and count; NaN without any.
func parseDigits(s string, base int) (float64, int) {
	f, n := 0.0, 0
	for ; n < len(s); n++ {
		d := 99
		switch c := s[n]; {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c >= 'a' && c <= 'z':
			d = int(c-'a') + 10
		case c >= 'A' && c <= 'Z':
			d = int(c-'A') + 10
		}
		if d >= base {
			break
		}
		f = f*float64(base) + float64(d)
	}
	if n == 0 {
		return math.NaN(), 0
	}
	return f, n
}

// parseInteger is JavaScript's parseInt with the given radix (0: decimal or 0x).
func parseInteger(s string, radix int) float64 {
	s = trimSpace(s)
	negative := false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	hex := len(s) >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')
	if hex && (radix == 0 || radix == 16) {
		radix, s = 16, s[2:]
	}
	if radix == 0 {
		radix = 10
	}
	if radix < 2 || radix > 36 {
		return math.NaN()
	}
	f, n := parseDigits(s, radix)
	if radix == 10 && n > 15 { // beyond exact integers: let the decimal parser round once
		f, _ = parseDecimalPrefix(s[:n])
	}
	if negative {
		f = -f
	}
	return f
}

// toInt32 is the specification's ToInt32: modulo 2^32, NaN and infinities to 0.
func toInt32(f float64) int32 { return int32(toUint32(f)) }

// toUint32 is the specification's ToUint32.
func toUint32(f float64) uint32 {
	if f != f || math.IsInf(f, 0) {
		return 0
	}
	f = math.Mod(math.Trunc(f), 1<<32)
	if f < 0 {
		f += 1 << 32
	}
	return uint32(f)
}

// clampIndex turns a relative index (negative counts from the end) into one within [0, n].
func clampIndex(f float64, n int) int {
	if f != f {
		return 0
	}
	f = math.Trunc(f)
	if f < 0 {
		f += float64(n)
	}
	return int(min(max(f, 0), float64(n)))
}
