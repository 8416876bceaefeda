package host

import (
	"strconv"
	"strings"
)

// tracing reports whether anybody looks: callers ask first where the arguments alone would cost an allocation.
func (f *frame) tracing() bool { return f.g.realm.config.Hooks.Trace != nil }

// trace reports one host call. Arguments are described without running any JavaScript.
func (f *frame) trace(op string, args ...Value) {
	if f.tracing() {
		f.traceCall(op, "", args, nil)
	}
}

// traceCall reports a call and its result: monotonic milliseconds, realm, depth, what was called, with what, and the outcome.
func (f *frame) traceCall(op, call string, args []Value, result Value) {
	r := f.g.realm
	var b strings.Builder
	b.WriteString(FormatNumber(float64(r.loop.clock.Mono) / 1e6))
	b.WriteString(" " + r.config.Name + " " + strconv.Itoa(f.g.depth) + " ")
	if call != "" {
		b.WriteString(call + "(")
		for i, a := range args {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(traceValue(a))
		}
		b.WriteString(") " + op)
	} else {
		b.WriteString(op)
		for _, a := range args {
			b.WriteString(" " + traceValue(a))
		}
	}
	if result != nil {
		b.WriteString(" " + traceValue(result))
	}
	r.config.Hooks.Trace(b.String())
}

// traceValue keeps lines short: objects by class, long strings cut.
func traceValue(v Value) string {
	const most = 80
	switch v := orUndefined(v).(type) {
	case String:
		s := string(v)
		if len(s) > most {
			s = s[:most]
		}
		return strconv.Quote(s)
	case *Object:
		if v.fn == nil && v.class != "Error" {
			return "[" + v.className() + "]"
		}
		return Describe(v)
	default:
		return Describe(v)
	}
}
