package loader_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// events is the scripted verifier's event stream: it says whatever say gives it.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	said := make(chan string, 1000)
	s.mu.Lock()
	status, last := s.eventsStatus, s.eventsLast
	s.opened++
	if status == 0 {
		s.streams[said] = true
	}
	s.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	defer s.set(func(s *site) { delete(s.streams, said) })
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	var life <-chan time.Time
	if last > 0 {
		life = time.After(last)
	}
	for text := "retry: 100\n\n"; ; {
		if _, err := fmt.Fprint(w, text); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case text = <-said:
			if text == "" {
				return
			}
		case <-life:
			return
		case <-s.quit:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// say writes a text on every open stream; an empty text closes them.
func (s *site) say(text string) {
	s.set(func(s *site) {
		for said := range s.streams {
			said <- text
		}
	})
}

const (
	endedEvent    = "event: ended\ndata: signed_out_elsewhere\n\n"
	settingsEvent = "event: settings\ndata:\n\n"
)

// streamCounts is how many streams are open, and how many were asked for so far.
func (s *site) streamCounts() (open, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams), s.opened
}

// untilStreams waits until so many streams are open and were asked for; less than 0: any number.
func (s *site) untilStreams(t testing.TB, open, asked int) {
	t.Helper()
	needs.UntilEqual(t, "streams that are open, and were asked for", [2]int{open, asked}, func() [2]int {
		o, a := s.streamCounts()
		if open < 0 {
			o = open
		}
		if asked < 0 {
			a = asked
		}
		return [2]int{o, a}
	})
}
