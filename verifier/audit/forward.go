package audit

import (
	"context"
	"io"
	"log/slog"
	"sync"
)

// forward writes events as lines of JSON, on a goroutine of its own: whoever reads them slowly holds up nobody. nil forwards nothing.
type forward struct {
	to   io.Writer
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	events  []Event
	bytes   int
	left    int // events that found no room
	failing bool
}

// forwardRoom is how many bytes of events may wait.
const forwardRoom = 8 << 20

func newForward(to io.Writer, log *slog.Logger) *forward {
	if to == nil {
		return nil
	}
	return &forward{to: to, log: log, wake: make(chan struct{}, 1)}
}

func (f *forward) put(e Event) {
	if f == nil {
		return
	}
	f.mu.Lock()
	if f.bytes+e.size() > forwardRoom {
		f.left++
	} else {
		f.events = append(f.events, e)
		f.bytes += e.size()
	}
	f.mu.Unlock()
	signal(f.wake)
}

// run writes until the context has ended and everything is written.
func (f *forward) run(ctx context.Context) {
	if f == nil {
		return
	}
	var line []byte
	for ended := false; ; {
		f.mu.Lock()
		events, left := f.events, f.left
		f.events, f.bytes, f.left = nil, 0, 0
		f.mu.Unlock()
		if left > 0 {
			f.log.Warn("audit_forward_slow", "events", left, "meaning", "that many lines were left out: they are taken too slowly")
		}
		for _, e := range events {
			line = appendJSON(line[:0], e)
			f.say(f.to.Write(line))
		}
		switch {
		case len(events) > 0:
		case ended:
			return
		default:
			select {
			case <-ctx.Done():
				ended = true
			case <-f.wake:
			}
		}
	}
}

// say logs that writing has begun to fail, and that it works again.
func (f *forward) say(_ int, err error) {
	switch {
	case err != nil && !f.failing:
		f.log.Error("audit_forward_failed", "error", err)
	case err == nil && f.failing:
		f.log.Info("audit_forwarded_again")
	}
	f.failing = err != nil
}
