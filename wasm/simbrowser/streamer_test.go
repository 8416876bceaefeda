package simbrowser

import (
	"fmt"
	"net/http"
	"sync"
)

// streamer is a site's handler of event streams, for a real browser and the simulated one.
type streamer struct {
	mu     sync.Mutex
	open   map[chan string]bool
	status int
	last   int // how many were open when it was asked last
	asked  string
}

func newStreamer() *streamer {
	return &streamer{open: map[chan string]bool{}, status: http.StatusOK}
}

func (s *streamer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	status := s.status
	s.asked = fmt.Sprintf("asked for %s after %q", r.Header.Get("Accept"), r.Header.Get("Last-Event-ID"))
	s.mu.Unlock()
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprint(w, "retry: 50\n\n: hello\n")
	control := http.NewResponseController(w)
	_ = control.Flush()
	texts := make(chan string, 10)
	s.set(texts, true)
	defer s.set(texts, false)
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-texts:
			if text == "" {
				return
			}
			_, _ = fmt.Fprint(w, text)
			_ = control.Flush()
		}
	}
}

func (s *streamer) set(texts chan string, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[texts] = true
	} else {
		delete(s.open, texts)
	}
}

// do is a step of the server's.
func (s *streamer) do(verb string, args []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	switch verb {
	case "status":
		_, _ = fmt.Sscan(args[0], &s.status)
		return
	case "event":
		text = fmt.Sprintf("event: %s\r\nid: %s\r\ndata: %s\r\n\r\n", args[0], args[1], args[2])
	case "parts":
		for texts := range s.open {
			texts <- "data:a\nda"
		}
		text = "ta: b\nunknown\n\n"
	}
	for texts := range s.open {
		texts <- text
	}
}

// said is what changed.
func (s *streamer) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	if s.asked != "" {
		out = append(out, s.asked)
		s.asked = ""
	}
	if len(s.open) != s.last {
		s.last = len(s.open)
		out = append(out, fmt.Sprintf("%d open", s.last))
	}
	return out
}
