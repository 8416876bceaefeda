package forwardauth_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// unread is a listener for one connection of a client that reads only when it wants to, with nothing kept in between.
type unread struct {
	conns  chan net.Conn
	once   sync.Once
	writes chan int // the length of each write, before the client has it
}

type unreadConn struct {
	net.Conn
	writes chan<- int
}

func (c unreadConn) Write(p []byte) (int, error) {
	c.writes <- len(p)
	return c.Conn.Write(p)
}

func (u *unread) Accept() (net.Conn, error) {
	conn, ok := <-u.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return unreadConn{conn, u.writes}, nil
}
func (u *unread) Close() error {
	u.once.Do(func() { close(u.conns) })
	return nil
}
func (u *unread) Addr() net.Addr { return &net.TCPAddr{} }

// P1 P8: the connection of a client that does not read, or does not write what it said it would, is let go when its session ends.
func TestP1_RelayLetsGoOfWhoDoesNotRead(t *testing.T) {
	for name, head := range map[string]string{
		"WebSocket": "GET /socket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
		"stream":    "GET /events HTTP/1.1\r\nAccept: text/event-stream\r\n",
		"upload":    "POST /import HTTP/1.1\r\nContent-Length: 100000000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			r := newRelayTo(t, func(w http.ResponseWriter, request *http.Request) {
				close(asked)
				out := io.Writer(w)
				if request.Header.Get("Upgrade") != "" {
					conn, err := upgrade(w, request)
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					out = conn
				}
				for chunk := make([]byte, 1<<15); ; {
					if _, err := out.Write(chunk); err != nil {
						return
					}
				}
			})
			returned := make(chan struct{})
			handler := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				defer close(returned)
				r.handler.ServeHTTP(w, request)
			})
			listener := &unread{conns: make(chan net.Conn, 1), writes: make(chan int, 100)}
			closed := make(chan struct{})
			server := &http.Server{Handler: handler, ConnState: func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					close(closed)
				}
			}}
			go server.Serve(listener)
			t.Cleanup(func() { server.Close() })
			client, theirs := net.Pipe()
			t.Cleanup(func() { client.Close() })
			listener.conns <- theirs
			ctx, cancel := context.WithTimeout(t.Context(), needs.Patience)
			defer cancel()
			stop := context.AfterFunc(ctx, func() { client.SetDeadline(time.Unix(1, 0)) })
			defer stop()
			if _, err := io.WriteString(client, head+"Host: records.example\r\nCookie: "+r.cookie(records)+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			wait := func(what string, c <-chan struct{}) {
				t.Helper()
				select {
				case <-c:
				case <-ctx.Done():
					t.Fatal(what)
				}
			}
			if name == "WebSocket" { // the head comes by itself
				if answer, err := http.ReadResponse(bufio.NewReaderSize(client, 16), nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
					t.Fatal(answer, err)
				}
			}
			wait("the application was not asked", asked)
			writes := map[string]int{"WebSocket": 2, "stream": 1, "upload": 0}[name] // the last one waits for the client; the first of two was the head
			for range writes {
				select {
				case <-listener.writes:
				case <-ctx.Done():
					t.Fatal("nothing was written")
				}
			}
			s, ok, err := r.store.Get(t.Context(), r.last, r.now.Load())
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if _, err := r.engine.EndByAdmin(t.Context(), s, "ines"); err != nil {
				t.Fatal(err)
			}
			wait("the relay still waits for the client", returned)
			if name != "WebSocket" {
				wait("the connection was kept", closed)
			}
			if n, err := io.Copy(io.Discard, client); err != nil {
				t.Errorf("the client read %d bytes, then %v", n, err)
			}
		})
	}
}
