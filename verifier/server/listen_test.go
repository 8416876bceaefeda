package server

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
)

// serving is a handler behind Serve, until stop.
type serving struct {
	address string
	stop    context.CancelFunc
	served  chan error
}

func listenFor(t *testing.T, handler http.Handler) *serving {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{"http://" + listener.Addr().String(), stop, make(chan error, 1)}
	go func() { s.served <- Serve(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
	return s
}

// A verifier that is stopped ends event streams at once and finishes everything else.
func TestServeEndsStreamsAndNothingElse(t *testing.T) {
	working, release := make(chan struct{}), make(chan struct{})
	s := listenFor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			io.WriteString(w, ":\n\n")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		close(working)
		<-release
		if err := r.Context().Err(); err != nil {
			t.Errorf("a request under way was cancelled: %v", err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	request, err := http.NewRequest("GET", s.address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	stream, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != ":\n" {
		t.Fatalf("the stream begins with %q, %v", line, err)
	}
	status := make(chan int, 1)
	go func() {
		answer, err := http.Get(s.address + "/work")
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		answer.Body.Close()
		status <- answer.StatusCode
	}()
	<-working

	s.stop()
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "\n" {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	select {
	case err := <-s.served:
		t.Fatalf("Serve returned with a request under way: %v", err)
	default:
	}
	close(release)
	if got := <-status; got != http.StatusNoContent {
		t.Errorf("the request under way got %d", got)
	}
	if err := <-s.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := http.Get(s.address); err == nil {
		t.Error("it still answers")
	}
}
