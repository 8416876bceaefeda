// Package cancel is the little that the agent needs of package context. That one's interface speaks of time.Time, and whoever does
// brings the printing of dates and time zones into every page: 14 KB of the download.
package cancel

import (
	"errors"
	"sync"
	"time"
)

var (
	// ErrCanceled is the error of a Context that was ended.
	ErrCanceled = errors.New("canceled")
	// ErrTimeout says that something did not come in time.
	ErrTimeout = errors.New("timed out")
)

// Context ends what is under way. It is safe for concurrent use. The nil Context never ends.
type Context struct {
	done chan struct{}
	once sync.Once
}

// Done is closed when the Context ends.
func (c *Context) Done() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.done
}

// Err is ErrCanceled once the Context has ended.
func (c *Context) Err() error {
	select {
	case <-c.Done():
		return ErrCanceled
	default:
		return nil
	}
}

func (c *Context) end() { c.once.Do(func() { close(c.done) }) }

// With returns a Context that ends with its parent, or when end is called, which must be.
func With(parent *Context) (ctx *Context, end func()) {
	c := &Context{done: make(chan struct{})}
	stop := AfterFunc(parent, c.end)
	return c, func() {
		c.end()
		stop()
	}
}

// Within is With for a Context that also ends after a while.
func Within(parent *Context, length time.Duration) (ctx *Context, end func()) {
	c, stop := With(parent)
	timer := time.AfterFunc(length, c.end)
	return c, func() {
		timer.Stop()
		stop()
	}
}

// AfterFunc calls then, in a goroutine of its own, when ctx ends, unless stop was called before. stop may be called again.
func AfterFunc(ctx *Context, then func()) (stop func()) {
	if ctx == nil {
		return func() {}
	}
	stopped := &Context{done: make(chan struct{})}
	go func() {
		select {
		case <-ctx.done:
			then()
		case <-stopped.done:
		}
	}()
	return stopped.end
}
