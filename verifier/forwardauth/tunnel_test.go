package forwardauth_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// upgrade answers a request with another protocol, whichever it is, as applications do that speak HTTP/2 without TLS.
func upgrade(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
	return conn, err
}

// raw sends a request as it is written and reads the answer's head.
func (r *relay) raw(request string) *http.Response {
	r.Helper()
	conn, err := net.Dial("tcp", r.url)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(needs.Patience)); err != nil {
		r.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		r.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.Fatal(err)
	}
	return answer
}

// P6: no protocol is tunnelled in which a client could say who it is, although the application would take it.
func TestP6_RelayTunnelsWebSocketsAlone(t *testing.T) {
	var asked atomic.Int64
	r := newRelayTo(t, func(w http.ResponseWriter, request *http.Request) {
		asked.Add(1)
		conn, err := upgrade(w, request)
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	cookie := r.cookie(records)
	for _, c := range []struct {
		method, target, protocols string
		status                    int
	}{
		{"GET", "/socket", "Upgrade: h2c\r\n", 400},
		{"GET", "/socket", "Upgrade: H2C\r\n", 400},
		{"GET", "/socket", "upgrade: websocket, h2c\r\n", 400},
		{"GET", "/socket", "Upgrade: websocket\r\nUpgrade: h2c\r\n", 400},
		{"GET", "/socket", "Upgrade: TLS/1.0, HTTP/1.1\r\n", 400},
		{"CONNECT", "records.example", "", 400},
		{"GET", "/socket", "Upgrade: WebSocket\r\n", 101},
	} {
		before, want := asked.Load(), int64(0)
		if c.status == http.StatusSwitchingProtocols {
			want = 1
		}
		answer := r.raw(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: records.example\r\nCookie: %s\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n%s\r\n",
			c.method, c.target, cookie, c.protocols))
		if answer.StatusCode != c.status || asked.Load()-before != want {
			t.Errorf("%s %q: %d, want %d; the application was asked %d times", c.method, c.protocols, answer.StatusCode, c.status, asked.Load()-before)
		}
	}
}

// P6: a client takes away neither who it is nor what the proxy tells of it by naming that in Connection.
func TestP6_RelayedIdentityCannotBeTakenAway(t *testing.T) {
	r := newRelay(t)
	answer := r.raw(fmt.Sprintf("GET /events HTTP/1.1\r\nHost: records.example\r\nCookie: %s\r\nX-Forwarded-For: 192.0.2.7\r\nX-Hop: x\r\n"+
		"Connection: close, curfew-user, Curfew-Name\r\nConnection: Curfew-Session, Curfew-Session-Ends, X-Forwarded-For, X-Hop\r\n\r\n", r.cookie(records)))
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	seen := strings.ToLower(string(body))
	for line, want := range map[string]int{"curfew-user: amara\r\n": 1, "curfew-name: dr%20": 1, "curfew-session: ": 1, "curfew-session-ends: 1": 1, "x-forwarded-for: 192.0.2.7\r\n": 1, "x-hop": 0} {
		if strings.Count(seen, line) != want {
			t.Errorf("the application saw %q %d times, want %d:\n%s", line, strings.Count(seen, line), want, body)
		}
	}
}
