package middleware

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Follower is a Checker that can also tell when a session ends.
type Follower interface {
	Checker
	// Follow is a context below that of a request that Check has just let through. It ends when the user's session does, when no heartbeat
	// has come for as long as a cookie is good (D4), or when nobody can say any more whether the session lives. ErrSessionEnded is in the
	// tree of its cause then. The CancelFunc must be called.
	Follow(r *http.Request, user User) (context.Context, context.CancelFunc)
}

// ErrSessionEnded is the cause (context.Cause) of a request's end when its session has ended.
var ErrSessionEnded = errors.New("the session has ended")

const (
	// Patience is how long a request that is open for long goes on while nobody can say whether its session lives.
	Patience = 10 * time.Second
	// lookEvery is how often a session is asked about at least, and askAgain how soon after a question that nobody answered.
	lookEvery = 30 * time.Second
	askAgain  = time.Second
)

// living is what while needs to know of a session.
type living struct {
	ended <-chan struct{}                                  // closed when the session ends
	look  <-chan struct{}                                  // receives when it is to be asked about at once
	lasts func(ctx context.Context) (time.Duration, error) // for how long it lasts as things are; 0: it is over
	every func() time.Duration                             // how often it is asked about at least
}

// while is a context that ends with a session: at once when it is told, at its deadline unless that has moved, and when nobody has been
// able to say for Patience whether the session lives. A first question comes at once, for an end between Check and this.
func while(parent context.Context, s living) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		next := time.NewTimer(0)
		defer next.Stop()
		doubt := time.NewTimer(Patience) // runs while nothing is known
		defer doubt.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.ended:
				cancel(ErrSessionEnded)
				return
			case <-doubt.C:
				cancel(ErrSessionEnded)
				return
			case <-s.look:
			case <-next.C:
			}
			asking, done := context.WithTimeout(ctx, askAgain+time.Second)
			left, err := s.lasts(asking)
			done()
			switch {
			case err != nil:
				next.Reset(askAgain)
				continue
			case left <= 0:
				cancel(ErrSessionEnded)
				return
			}
			every := s.every()
			next.Reset(min(left, every))
			doubt.Reset(min(left, every) + Patience)
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// long reports whether a browser asks for something that stays open: another protocol, such as a WebSocket, or an event stream.
func long(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// serveWhile serves a request that ends with its session.
func serveWhile(follower Follower, next http.Handler, w http.ResponseWriter, r *http.Request, user User) {
	// The request's own context ends when the handler returns, and a connection that was taken over goes on.
	life, stop := follower.Follow(r.WithContext(context.WithoutCancel(r.Context())), user)
	ctx, cancel := context.WithCancelCause(r.Context())
	f := &followed{ResponseWriter: w, life: life, stop: stop}
	unbind := context.AfterFunc(life, func() {
		cancel(context.Cause(life))
		if !f.taken() && errors.Is(context.Cause(life), ErrSessionEnded) {
			// A handler that does not look at its context must not go on writing either.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) // long ago
		}
	})
	defer func() {
		unbind()
		cancel(context.Canceled)
		if !f.taken() {
			stop()
		}
	}()
	next.ServeHTTP(f, r.WithContext(ctx))
}

// followed is the response to a request that ends with its session. A connection that a handler takes over is closed then, whatever the
// handler does, and even when it has returned long ago.
type followed struct {
	http.ResponseWriter
	life context.Context
	stop context.CancelFunc

	mu       sync.Mutex
	hijacked bool
}

// Unwrap is for http.ResponseController.
func (f *followed) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// Flush is for handlers that ask for http.Flusher.
func (f *followed) Flush() { _ = http.NewResponseController(f.ResponseWriter).Flush() }

// Hijack is for http.Hijacker.
func (f *followed) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(f.ResponseWriter).Hijack()
	if err != nil {
		return conn, buffered, err
	}
	f.mu.Lock()
	f.hijacked = true
	f.mu.Unlock()
	unbind := context.AfterFunc(f.life, func() { _ = conn.Close() })
	return &followedConn{Conn: conn, release: func() { unbind(); f.stop() }}, buffered, nil
}

func (f *followed) taken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hijacked
}

// followedConn lets go of the session when it is closed.
type followedConn struct {
	net.Conn
	release func()
}

func (c *followedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
