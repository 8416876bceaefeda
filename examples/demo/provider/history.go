package provider

import (
	"sync"
	"time"
)

// maxHistory is how many happenings the admin page remembers.
const maxHistory = 8

// happening is a line of the admin page: what was done there, or what an
// application asked.
type happening struct {
	At    time.Time // the last time
	Text  string
	Times int  // in a row
	Done  bool // on the admin page itself
}

// history keeps the last happenings, newest first. It is safe for concurrent use.
type history struct {
	mu    sync.Mutex
	lines []happening
}

func (h *history) add(now time.Time, text string, done bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lines) > 0 && h.lines[0].Text == text {
		h.lines[0].At = now
		h.lines[0].Times++
		return
	}
	h.lines = append([]happening{{now, text, 1, done}}, h.lines...)
	h.lines = h.lines[:min(len(h.lines), maxHistory)]
}

func (h *history) list() []happening {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]happening(nil), h.lines...)
}
