//go:build js && wasm

package language

import (
	"errors"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/warning"
)

// intl implements warning.Format by Intl.NumberFormat (ECMA-402).
type intl struct {
	plain, two safejs.Value
	unit       map[warning.Unit]safejs.Value
}

// newIntl fails where the browser has no Intl, or Intl does not know the language.
func newIntl(tag string) (*intl, error) {
	space, err := jsvalue.Object(safejs.Global(), "Intl")
	if err != nil {
		return nil, err
	}
	class, err := jsvalue.Object(space, "NumberFormat")
	if err != nil {
		return nil, err
	}
	known, err := class.Call("supportedLocalesOf", tag)
	if err != nil {
		return nil, err
	}
	if n, err := known.Length(); err != nil || n == 0 {
		return nil, errors.New("Intl does not know the language")
	}
	i := &intl{unit: map[warning.Unit]safejs.Value{}}
	make := func(options map[string]any) safejs.Value {
		made, failed := class.New(tag, options)
		if failed != nil {
			err = failed
		}
		return made
	}
	i.plain = make(map[string]any{"useGrouping": false})
	i.two = make(map[string]any{"minimumIntegerDigits": 2})
	for _, unit := range [...]warning.Unit{warning.Minute, warning.Second} {
		i.unit[unit] = make(map[string]any{"style": "unit", "unit": string(unit), "unitDisplay": "long"})
	}
	return i, err
}

// Count implements warning.Format.
func (i *intl) Count(n int64, unit warning.Unit) string {
	if text, ok := write(i.unit[unit], n); ok {
		return text
	}
	return warning.EnglishFormat{}.Count(n, unit)
}

// Clock implements warning.Format.
func (i *intl) Clock(left int64) string {
	failed := false
	with := func(format safejs.Value) func(int64) string {
		return func(n int64) string {
			text, ok := write(format, n)
			failed = failed || !ok
			return text
		}
	}
	if text := warning.ClockOf(left, with(i.plain), with(i.two)); !failed {
		return text
	}
	return warning.EnglishFormat{}.Clock(left)
}

func write(format safejs.Value, n int64) (string, bool) {
	value, err := format.Call("format", n)
	if err != nil || value.Type() != safejs.TypeString {
		return "", false
	}
	text, err := value.String()
	return text, err == nil && text != ""
}
