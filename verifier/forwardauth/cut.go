package forwardauth

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// cut is a response that nothing is written to any more once its session has ended. Ending the request alone stops what comes from the
// application: towards a client that does not read, a write waits for ever.
type cut struct {
	http.ResponseWriter
	held   context.Context
	unbind func() bool
	fallen chan struct{} // closed when the deadlines have been set
}

func newCut(w http.ResponseWriter, held context.Context) *cut {
	c := &cut{ResponseWriter: w, held: held, fallen: make(chan struct{})}
	c.unbind = context.AfterFunc(held, func() {
		defer close(c.fallen)
		control, past := http.NewResponseController(w), time.Unix(1, 0)
		// After Hijack both say so, and the connection is closed.
		_ = control.SetReadDeadline(past)
		_ = control.SetWriteDeadline(past)
	})
	return c
}

// done is for the end of the request: the next one on this connection may be another session's.
func (c *cut) done() {
	if !c.unbind() {
		<-c.fallen
	}
}

// Unwrap is for http.ResponseController.
func (c *cut) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Hijack is for http.Hijacker: a connection that was taken over is closed with its session.
func (c *cut) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err == nil {
		context.AfterFunc(c.held, func() { _ = conn.Close() })
	}
	return conn, buffered, err
}
