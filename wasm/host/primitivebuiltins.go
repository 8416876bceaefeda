package host

import (
	"encoding/binary"
	"math"
)

// definePrimitives defines the conversion functions, and Math. The primitives have no methods: a guest reaches none through
// syscall/js, which refuses to look properties up on them.
func (r *Realm) definePrimitives() {
	convert := func(name string, f func(c Call) (Value, error)) *Object {
		ctor := r.builtinClass(name, r.NewObject(), func(c Call) (Value, error) {
			if c.NewTarget != nil {
				return nil, TypeError("wrapper objects are not supported")
			}
			return f(c)
		})
		return ctor
	}
	convert("Boolean", func(c Call) (Value, error) { return Bool(c.Bool(0)), nil })
	convert("String", func(c Call) (Value, error) {
		if len(c.Args) == 0 {
			return String(""), nil
		}
		s, err := c.String(0)
		return String(s), err
	}).DefineFunc("fromCharCode", func(c Call) (Value, error) {
		units := make([]uint16, len(c.Args))
		for i := range c.Args {
			f, err := c.Number(i)
			if err != nil {
				return nil, err
			}
			units[i] = uint16(toUint32(f))
		}
		return String(fromUTF16(units)), nil
	})
	number := convert("Number", func(c Call) (Value, error) {
		if len(c.Args) == 0 {
			return Number(0), nil
		}
		f, err := c.Number(0)
		return Number(f), err
	})
	for name, f := range map[string]float64{
		"MAX_SAFE_INTEGER": 1<<53 - 1, "MIN_SAFE_INTEGER": -1<<53 + 1, "MAX_VALUE": math.MaxFloat64,
		"MIN_VALUE": math.SmallestNonzeroFloat64, "EPSILON": 0x1p-52,
		"POSITIVE_INFINITY": math.Inf(1), "NEGATIVE_INFINITY": math.Inf(-1), "NaN": math.NaN(),
	} {
		number.define(name, Number(f), 0)
	}
	number.DefineFunc("isInteger", func(c Call) (Value, error) {
		n, ok := c.Arg(0).(Number)
		f := float64(n)
		return Bool(ok && f == math.Trunc(f) && !math.IsInf(f, 0)), nil
	})
	number.DefineFunc("isFinite", func(c Call) (Value, error) {
		n, ok := c.Arg(0).(Number)
		return Bool(ok && !math.IsInf(float64(n), 0) && n == n), nil
	})
	r.global.define("NaN", Number(math.NaN()), 0).define("Infinity", Number(math.Inf(1)), 0)
	r.global.DefineFunc("parseInt", func(c Call) (Value, error) {
		s, err := c.String(0)
		if err != nil {
			return nil, err
		}
		radix, err := c.Number(1)
		return Number(parseInteger(s, int(toInt32(radix)))), err
	})
	r.global.DefineFunc("parseFloat", func(c Call) (Value, error) {
		s, err := c.String(0)
		f, _ := parseDecimalPrefix(trimSpace(s))
		return Number(f), err
	})
	r.global.DefineFunc("isNaN", func(c Call) (Value, error) {
		f, err := c.Number(0)
		return Bool(f != f), err
	})
	r.global.DefineFunc("isFinite", func(c Call) (Value, error) {
		f, err := c.Number(0)
		return Bool(f == f && !math.IsInf(f, 0)), err
	})
	r.defineMath()
}

func (r *Realm) defineMath() {
	m := r.namespace("Math")
	for name, f := range map[string]func(float64) float64{
		"abs": math.Abs, "ceil": math.Ceil, "floor": math.Floor, "trunc": math.Trunc, "sqrt": math.Sqrt,
		"round": func(f float64) float64 { return math.Floor(f + 0.5) },
	} {
		m.DefineFunc(name, func(c Call) (Value, error) {
			x, err := c.Number(0)
			return Number(f(x)), err
		})
	}
	m.DefineFunc("random", func(Call) (Value, error) {
		var b [8]byte
		err := r.fillRandom(b[:])
		return Number(float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)), err
	})
	for name, pick := range map[string]func(x, y float64) float64{"max": math.Max, "min": math.Min} {
		start := math.Inf(1)
		if name == "max" {
			start = math.Inf(-1)
		}
		m.DefineFunc(name, func(c Call) (Value, error) {
			best := start
			for i := range c.Args {
				x, err := c.Number(i)
				if err != nil {
					return nil, err
				}
				if best = pick(best, x); x != x {
					best = x
				}
			}
			return Number(best), nil
		})
	}
}
