package proxiedtest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/curfew-project/curfew/wasm/needs"
)

// socket: a WebSocket opens for a session alone, and is closed when that ends.
func (s *Site) socket(t *testing.T) {
	v, other := s.visitor(t), s.visitor(t)
	v.signIn("/")
	for name, c := range map[string]struct{ cookie, origin string }{
		"no session":             {"", s.Origin},
		"a page of another site": {v.cookies(), "https://evil.example"},
	} {
		if _, status := s.dial(t, "/socket", c.cookie, c.origin); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	opened := map[string]*websocket.Conn{}
	for _, path := range []string{"/socket", "/orders/1042/socket", "/public/socket"} {
		if got, status := s.dial(t, path, "", s.Origin); got != nil {
			t.Errorf("%s without a session: %d", path, status)
		}
		open, status := s.dial(t, path, v.cookies(), s.Origin)
		if open == nil && path == "/socket" {
			t.Fatalf("with a session: %d", status)
		}
		if open == nil {
			continue // nginx opens them where it was told to alone
		}
		opened[path] = open
		for range 3 {
			if !echoes(t, open) {
				t.Fatal("no echo at", path)
			}
		}
	}
	other.signIn("/") // the same user in another browser, who signs out everywhere
	other.signOut()
	for path, open := range opened {
		needs.Until(t, "the socket to be closed at "+path, func() bool { return !echoes(t, open) })
	}
	if _, status := s.dial(t, "/socket", v.cookies(), s.Origin); status != http.StatusUnauthorized {
		t.Errorf("another socket after the end: %d", status)
	}
}

func (s *Site) dial(t *testing.T, path, cookie, origin string) (*websocket.Conn, int) {
	t.Helper()
	header := http.Header{"Origin": {origin}}
	if cookie != "" {
		header.Set("Cookie", cookie)
	}
	ctx, cancel := context.WithTimeout(t.Context(), needs.Patience)
	defer cancel()
	socket, answer, err := websocket.Dial(ctx, strings.Replace(s.Origin, "http", "ws", 1)+path, &websocket.DialOptions{
		HTTPClient: s.http1(t), HTTPHeader: header,
	})
	if err != nil {
		if answer == nil {
			t.Fatal(err)
		}
		return nil, answer.StatusCode
	}
	t.Cleanup(func() { socket.CloseNow() })
	return socket, answer.StatusCode
}

// http1 is a client that speaks HTTP/1.1 where the site has HTTP/2 too: other protocols begin there.
func (s *Site) http1(t *testing.T) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = s.Client.Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.ForceAttemptHTTP2 = false
	if transport.TLSClientConfig != nil {
		transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: s.Client.CheckRedirect, Timeout: needs.Patience}
}

func echoes(t *testing.T, socket *websocket.Conn) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), needs.Patience)
	defer cancel()
	if socket.Write(ctx, websocket.MessageText, []byte("ping")) != nil {
		return false
	}
	_, text, err := socket.Read(ctx)
	if ctx.Err() != nil {
		t.Fatal("the socket neither answers nor is closed")
	}
	return err == nil && string(text) == "ping"
}
