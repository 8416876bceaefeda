//go:build js && wasm

package jsvalue

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/cancel"
)

// Exception is what JavaScript threw, or rejected a promise with.
type Exception struct {
	Name    string // of a DOMException or an Error, such as NotAllowedError; else empty
	Message string
}

func (e *Exception) Error() string {
	if e.Name == "" {
		return e.Message
	}
	return e.Name + ": " + e.Message
}

const maxMessage = 1 << 10

// NewException reads an error object. It never fails: whatever cannot be read stays empty.
func NewException(value safejs.Value) *Exception {
	if value.Type() != safejs.TypeObject {
		return &Exception{Message: "something that is no error was thrown"}
	}
	var e Exception
	e.Name, _ = Text(value, "name", maxMessage)
	e.Message, _ = Text(value, "message", maxMessage)
	return &e
}

type outcome struct {
	value safejs.Value
	err   error
}

// Await waits until a promise settles or ctx ends. A rejection is an *Exception. It must not be called from a callback.
func Await(ctx *cancel.Context, promise safejs.Value) (safejs.Value, error) {
	return Settle(ctx, func(resolve, reject safejs.Func) error {
		_, err := promise.Call("then", resolve, reject)
		return err
	})
}

// Settle waits until JavaScript calls one of two callbacks, or ctx ends. start hands them over. The first argument of resolve
// is the result, that of reject becomes an *Exception. It must not be called from a callback.
func Settle(ctx *cancel.Context, start func(resolve, reject safejs.Func) error) (safejs.Value, error) {
	settled := make(chan outcome, 1)
	var resolve, reject safejs.Func
	release := func() {
		resolve.Release()
		reject.Release()
	}
	settle := func(o outcome) any {
		select {
		case settled <- o:
			release()
		default:
		}
		return nil
	}
	var err error
	resolve, err = safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		return settle(outcome{value: first(args)})
	})
	if err != nil {
		return safejs.Undefined(), err
	}
	reject, err = safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		return settle(outcome{err: NewException(first(args))})
	})
	if err != nil {
		resolve.Release()
		return safejs.Undefined(), err
	}
	if err := start(resolve, reject); err != nil {
		release()
		return safejs.Undefined(), err
	}
	select {
	case o := <-settled:
		return o.value, o.err
	case <-ctx.Done():
		// The callbacks stay until JavaScript calls one of them: releasing them now would make that call an error.
		return safejs.Undefined(), ctx.Err()
	}
}

func first(args []safejs.Value) safejs.Value {
	if len(args) == 0 {
		return safejs.Undefined()
	}
	return args[0]
}
