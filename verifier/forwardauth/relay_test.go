package forwardauth_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/curfew-project/curfew/verifier/forwardauth"
	"github.com/curfew-project/curfew/wasm/needs"
)

// relay is a relay before an application that echoes what a socket says and otherwise shows the request's headers.
type relay struct {
	*world
	handler http.Handler
	url     string // of the relay, without its scheme
	stop    context.CancelFunc
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	return newRelayTo(t, func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Upgrade") == "" {
			w.Header().Set("Cache-Control", "public, max-age=60")
			request.Header.Write(w)
			return
		}
		socket, err := websocket.Accept(w, request, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer socket.CloseNow()
		for {
			kind, text, err := socket.Read(request.Context())
			if err != nil || socket.Write(request.Context(), kind, text) != nil {
				return
			}
		}
	})
}

func newRelayTo(t *testing.T, handler http.HandlerFunc) *relay {
	t.Helper()
	r := &relay{world: newWorld(t)}
	application := httptest.NewServer(handler)
	t.Cleanup(application.Close)
	upstream, err := url.Parse(application.URL)
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	r.handler = forwardauth.NewRelay(r.auth, map[string]*url.URL{records.ID: upstream}, nil, slog.New(slog.DiscardHandler), life)
	front := httptest.NewServer(r.handler)
	t.Cleanup(front.Close)
	r.url, r.stop = strings.TrimPrefix(front.URL, "http://"), stop
	return r
}

// dial opens a socket as a browser does that a page of some origin told to.
func (r *relay) dial(host, origin, cookie string) (*websocket.Conn, int) {
	r.Helper()
	header := http.Header{"Cookie": {cookie}}
	if origin != "" {
		header.Set("Origin", origin)
	}
	socket, answer, err := websocket.Dial(r.Context(), "ws://"+r.url+"/socket", &websocket.DialOptions{Host: host, HTTPHeader: header})
	if err != nil {
		if answer == nil {
			r.Fatal(err)
		}
		return nil, answer.StatusCode
	}
	r.Cleanup(func() { socket.CloseNow() })
	return socket, answer.StatusCode
}

func (r *relay) echoes(socket *websocket.Conn) bool {
	ctx, cancel := context.WithTimeout(r.Context(), needs.Patience)
	defer cancel()
	if socket.Write(ctx, websocket.MessageText, []byte("ping")) != nil {
		return false
	}
	_, text, err := socket.Read(ctx)
	if ctx.Err() != nil {
		r.Fatal("the socket neither answers nor is closed")
	}
	return err == nil && string(text) == "ping"
}

// P1: an open WebSocket is closed when its session ends, and no other with it; all are when the verifier stops.
func TestP1_RelayedSocketEndsWithItsSession(t *testing.T) {
	r := newRelay(t)
	mine, _ := r.dial("records.example", records.Origin, r.cookie(records))
	id := r.last
	theirs, _ := r.dial("records.example", "", r.cookie(records))
	for range 3 {
		if !r.echoes(mine) || !r.echoes(theirs) {
			t.Fatal("no echo")
		}
	}
	s, ok, err := r.store.Get(t.Context(), id, r.now.Load())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := r.engine.EndByAdmin(t.Context(), s, "ines"); err != nil {
		t.Fatal(err)
	}
	needs.Until(t, "the socket to be closed", func() bool { return !r.echoes(mine) })
	if !r.echoes(theirs) {
		t.Error("another session's socket was closed")
	}
	r.stop()
	needs.Until(t, "all sockets to be closed", func() bool { return !r.echoes(theirs) })
}

// P6 P8: nobody opens a socket without a session, from a page of another origin, or to an application that is not configured.
func TestP6_RelayRefuses(t *testing.T) {
	r := newRelay(t)
	cookie := r.cookie(records)
	for name, c := range map[string]struct {
		host, origin, cookie string
		status               int
	}{
		"no session":             {"records.example", records.Origin, "", 401},
		"another environment's":  {"records.example", records.Origin, r.cookie(bank), 401},
		"a page of another site": {"records.example", "https://evil.example", cookie, 403},
		"a sandboxed page":       {"records.example", "null", cookie, 403},
		"no upstream":            {"bank.example:8443", "", r.cookie(bank), 421},
		"unknown host":           {"evil.example", "", cookie, 421},
	} {
		if _, status := r.dial(c.host, c.origin, c.cookie); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
}

// P6: the application hears who the user is from the relay alone, whatever a client sends under whatever spelling.
func TestP6_RelayedIdentityCannotBeForged(t *testing.T) {
	r := newRelay(t)
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.url+"/events?x=%2F", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "records.example"
	request.Header = http.Header{"Cookie": {r.cookie(records)}, "Curfew-User": {"ines", "root"}, "curfew_user": {"ines"}, "CURFEW-User": {"ines"}, "Curfew_Session": {"x"},
		"Curfew-Role": {"admin"}, "X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "Cache-Control": {"no-cache"}}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	seen := bytes.ToLower(body)
	if n := bytes.Count(seen, []byte("curfew-user: amara\r\n")); n != 1 || bytes.Contains(seen, []byte("ines")) || bytes.Contains(seen, []byte("curfew_")) || bytes.Contains(seen, []byte("curfew-role")) {
		t.Errorf("the application saw\n%s", body)
	}
	for _, line := range []string{"x-forwarded-for: 192.0.2.7\r\n", "x-forwarded-proto: https\r\n", "cache-control: no-cache\r\n"} {
		if !bytes.Contains(seen, []byte(line)) {
			t.Errorf("the application did not see %q:\n%s", line, body)
		}
	}
	if got := answer.Header.Values("Cache-Control"); len(got) != 1 || got[0] != "no-store" {
		t.Errorf("can be cached: %v", got)
	}
}
