package host

import (
	"errors"
	"fmt"
)

// ErrKilled is how a guest of a realm ended by [Realm.Kill] ended.
var ErrKilled = errors.New("host: realm was killed")

// ErrOutsideTask answers a call into a guest while no task runs: go through [Realm.Run], [Realm.Post] or [Loop.Run].
var ErrOutsideTask = errors.New("host: guest entered outside a task")

// ErrInsideTask answers stepping a loop from within one of its own tasks, or from a hook.
var ErrInsideTask = errors.New("host: loop stepped inside a task")

// ErrLivelock is returned by the loop's methods when more than [Loop.TasksPerInstant] tasks ran without time moving.
var ErrLivelock = errors.New("host: too many tasks without time moving")

// Throw is a JavaScript exception on its way through Go code. Return one from a [Func] to throw; receive one from any
// method that may run JavaScript.
type Throw struct {
	// Value is what was thrown.
	Value Value
}

// Error describes the thrown value without running any JavaScript.
func (t *Throw) Error() string { return "uncaught " + Describe(t.Value) }

// NamedError is an exception that does not exist as an object yet: crossing into JavaScript, it becomes an instance of the
// realm's constructor of that name (Error when there is none) with this message. It spares embedders the realm.
type NamedError struct {
	Name    string
	Message string
}

// Error returns the name and the message as JavaScript prints them.
func (e *NamedError) Error() string { return e.Name + ": " + e.Message }

// TypeError returns a JavaScript TypeError to be thrown.
func TypeError(format string, args ...any) error { return Errorf("TypeError", format, args...) }

// RangeError returns a JavaScript RangeError to be thrown.
func RangeError(format string, args ...any) error { return Errorf("RangeError", format, args...) }

// Errorf returns an error to be thrown as an instance of the realm's global constructor called name, such as "Error" or,
// where an embedder has defined it, "DOMException".
func Errorf(name, format string, args ...any) error {
	return &NamedError{Name: name, Message: fmt.Sprintf(format, args...)}
}

// ModuleError says why a WebAssembly module is not a GOOS=js program that this package can run.
type ModuleError struct {
	Reason string
	Err    error // the compiler's error, or nil
}

// Error implements error.
func (e *ModuleError) Error() string {
	if e.Err != nil {
		return "host: module: " + e.Reason + ": " + e.Err.Error()
	}
	return "host: module: " + e.Reason
}

// Unwrap returns the underlying error.
func (e *ModuleError) Unwrap() error { return e.Err }

// ExitError is how a guest ended that called os.Exit, returned from main (code 0) or panicked (code 2).
type ExitError struct {
	Code int
	// Text is the end of what the guest wrote to standard error, at most 16 KiB: for a panic, its text and stacks.
	Text string
}

// Error gives the code and, where there is one, the first line of the text.
func (e *ExitError) Error() string {
	for i := range e.Text {
		if e.Text[i] == '\n' {
			return fmt.Sprintf("host: guest exited with code %d: %s", e.Code, e.Text[:i])
		}
	}
	return fmt.Sprintf("host: guest exited with code %d", e.Code)
}

// BudgetError is how a guest ended that made more host calls within one task than [Limits.CallsPerTask] allows. A guest that
// waits for time to pass in a loop ends so: the clock stands still within a task.
type BudgetError struct {
	Limit int
	Call  string // the call that went over
}

// Error implements error.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("host: more than %d host calls in one task, the last %s", e.Limit, e.Call)
}

// MemoryError is how a guest ended that named memory it does not have. Programs made by the Go compiler never do.
type MemoryError struct {
	Call   string
	Offset uint64
	Length uint64
}

// Error implements error.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("host: %s names memory out of range: %d bytes at %#x", e.Call, e.Length, e.Offset)
}

// TrapError is how a guest ended that WebAssembly stopped (an unreachable instruction, memory out of bounds, its stack
// exhausted), or in which a host function panicked.
type TrapError struct{ Err error }

// Error implements error.
func (e *TrapError) Error() string { return "host: guest trapped: " + e.Err.Error() }

// Unwrap returns wazero's error.
func (e *TrapError) Unwrap() error { return e.Err }

// UncaughtError is how a guest ended when an exception was thrown where Go's JavaScript runtime has no handler: reading,
// setting or deleting a property, instanceof, a length. Only a call, an invocation or a construction turns exceptions into
// js.Error. In a browser such an exception tears through the running Go code and leaves it broken; here it ends the guest.
type UncaughtError struct {
	Call  string
	Throw *Throw
}

// Error implements error.
func (e *UncaughtError) Error() string { return "host: " + e.Call + ": " + e.Throw.Error() }

// Unwrap returns the exception.
func (e *UncaughtError) Unwrap() error { return e.Throw }

// InterruptError is how a guest ended whose context was done. It unwraps to the context's cause.
type InterruptError struct{ Err error }

// Error implements error.
func (e *InterruptError) Error() string { return "host: guest interrupted: " + e.Err.Error() }

// Unwrap returns the context's cause.
func (e *InterruptError) Unwrap() error { return e.Err }
