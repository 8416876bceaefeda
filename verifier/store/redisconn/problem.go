package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// What is wrong with Redis, for errors.Is.
var (
	ErrUnreachable = errors.New("redis does not answer")
	ErrFull        = errors.New("redis is out of memory (maxmemory)")
	ErrReadOnly    = errors.New("redis is a read-only replica")
	ErrDenied      = errors.New("redis refuses this user")
	ErrUnwritable  = errors.New("redis cannot make writes durable")
	ErrNotReady    = errors.New("redis is not ready")
	ErrFailed      = errors.New("redis refused a command")
	ErrClosed      = errors.New("connection to redis is closed")
)

// Error is a failure of Redis.
type Error struct {
	What  string // the command or step
	Where string // the first address in the options
	Kind  error  // one of the errors above
	Err   error  // what Redis or the network said
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %v: %s: %v", e.Where, e.Kind, e.What, e.Err)
}

// Unwrap gives both the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// prefixes are how Redis's error replies begin.
var prefixes = []struct {
	prefix string
	kind   error
}{
	{"OOM", ErrFull}, {"READONLY", ErrReadOnly}, {"NOAUTH", ErrDenied}, {"WRONGPASS", ErrDenied}, {"NOPERM", ErrDenied},
	{"MISCONF", ErrUnwritable}, {"NOREPLICAS", ErrUnwritable},
	{"LOADING", ErrNotReady}, {"CLUSTERDOWN", ErrNotReady}, {"MASTERDOWN", ErrNotReady}, {"BUSY", ErrNotReady}, {"TRYAGAIN", ErrNotReady},
	{"MOVED", ErrNotReady}, {"ASK", ErrNotReady}, {"UNKILLABLE", ErrNotReady},
}

// Problem gives a failure its type. nil, ctx's own end and a missing key (rueidis.Nil) are passed on as they are.
func (c *Conn) Problem(what string, err error) error {
	var typed *Error
	switch {
	case err == nil, rueidis.IsRedisNil(err), errors.Is(err, context.Canceled), errors.As(err, &typed):
		return err
	case c.closed.Load(): // rueidis.ErrClosing alone may also mean that nobody is there
		return &Error{what, c.where, ErrClosed, err}
	}
	if replied, ok := rueidis.IsRedisErr(err); ok {
		text := replied.Error()
		if i := strings.Index(text, "-OOM "); i >= 0 { // from within a script, in older servers
			text = text[i+1:]
		}
		for _, known := range prefixes {
			if strings.HasPrefix(text, known.prefix) {
				return &Error{what, c.where, known.kind, err}
			}
		}
		return &Error{what, c.where, ErrFailed, err}
	}
	return &Error{what, c.where, ErrUnreachable, err}
}
