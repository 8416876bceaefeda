//go:build js && wasm

// Package jsvalue reads JavaScript values with their types checked. Whatever comes from a page may have been replaced by a
// script of that page, so a value of the wrong type is an error here and never a panic or a silent zero.
package jsvalue

import (
	"errors"
	"math"

	"github.com/hack-pad/safejs"
)

// ErrType says that a value has another type than expected, or a number is not the safe integer that it should be.
var ErrType = errors.New("unexpected value")

// MaxSafe is the largest integer that a JavaScript number holds exactly, 2⁵³−1.
const MaxSafe = 1<<53 - 1

// wrong names the property that is not as expected.
func wrong(name, want string) error { return &typeError{name: name, want: want} }

type typeError struct{ name, want string }

func (e *typeError) Error() string { return e.name + " is not " + e.want }
func (e *typeError) Unwrap() error { return ErrType }

// kind is the type of a value. One that Go has no type for, as a BigInt, is as good as none; syscall/js panics over it.
func kind(value safejs.Value) (is safejs.Type) {
	defer func() {
		if recover() != nil {
			is = safejs.TypeUndefined
		}
	}()
	return value.Type()
}

// Object reads a property that must be an object or a function.
func Object(from safejs.Value, name string) (safejs.Value, error) {
	value, err := from.Get(name)
	if err != nil {
		return value, err
	}
	if is := kind(value); is != safejs.TypeObject && is != safejs.TypeFunction {
		return value, wrong(name, "an object")
	}
	return value, nil
}

// Text reads a property that must be a string of at most limit bytes.
func Text(from safejs.Value, name string, limit int) (string, error) {
	value, err := from.Get(name)
	if err != nil {
		return "", err
	}
	return text(value, name, limit)
}

// OptionalText is Text for a property that may be missing; then it is empty.
func OptionalText(from safejs.Value, name string, limit int) (string, error) {
	value, err := from.Get(name)
	if err != nil || value.IsUndefined() {
		return "", err
	}
	return text(value, name, limit)
}

func text(value safejs.Value, name string, limit int) (string, error) {
	if kind(value) != safejs.TypeString {
		return "", wrong(name, "a string")
	}
	got, err := value.String()
	if err == nil && len(got) > limit {
		return "", wrong(name, "short enough")
	}
	return got, err
}

// Integer reads a property that must be a safe integer and not negative.
func Integer(from safejs.Value, name string) (int64, error) {
	value, err := from.Get(name)
	if err != nil {
		return 0, err
	}
	return integer(value, name)
}

// OptionalInteger is Integer for a property that may be missing; then it is 0.
func OptionalInteger(from safejs.Value, name string) (int64, error) {
	value, err := from.Get(name)
	if err != nil || value.IsUndefined() {
		return 0, err
	}
	return integer(value, name)
}

func integer(value safejs.Value, name string) (int64, error) {
	if kind(value) != safejs.TypeNumber {
		return 0, wrong(name, "a number")
	}
	number, err := value.Float()
	if err != nil {
		return 0, err
	}
	if !(number >= 0 && number <= MaxSafe) || number != math.Trunc(number) {
		return 0, wrong(name, "a whole number that is not negative")
	}
	return int64(number), nil
}

// Millis reads a property that must be a number of milliseconds, not negative, and drops its fraction.
func Millis(from safejs.Value, name string) (int64, error) {
	value, err := from.Get(name)
	if err != nil {
		return 0, err
	}
	return millis(value, name)
}

// CallMillis is Millis for what a method without arguments returns.
func CallMillis(on safejs.Value, method string) (int64, error) {
	value, err := on.Call(method)
	if err != nil {
		return 0, err
	}
	return millis(value, method)
}

func millis(value safejs.Value, name string) (int64, error) {
	if kind(value) != safejs.TypeNumber {
		return 0, wrong(name, "a number")
	}
	number, err := value.Float()
	if err == nil && !(number >= 0 && number <= MaxSafe) {
		err = wrong(name, "a number of milliseconds")
	}
	if err != nil {
		return 0, err
	}
	return int64(number), nil
}

// Bool reads a property that must be a boolean.
func Bool(from safejs.Value, name string) (bool, error) {
	value, err := from.Get(name)
	if err != nil {
		return false, err
	}
	if kind(value) != safejs.TypeBoolean {
		return false, wrong(name, "a boolean")
	}
	return value.Bool()
}
