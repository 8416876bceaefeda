package access_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal is the verifier's log, in which the audit's entries are, and wakes who waits for one.
type journal struct {
	mu      sync.Mutex
	entries []entry
	more    chan struct{} // closed when there is another entry
}

// entry is one line.
type entry struct {
	event string
	level slog.Level
	attrs map[string]string
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j *journal) WithGroup(string) slog.Handler            { return j }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	e := entry{r.Message, r.Level, map[string]string{}}
	r.Attrs(func(a slog.Attr) bool {
		e.attrs[a.Key] = a.Value.String()
		return true
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	close(j.more)
	j.more = make(chan struct{})
	return nil
}

func (j *journal) of(event string) (found []entry, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if e.event == event {
			found = append(found, e)
		}
	}
	return found, j.more
}

// await returns the entries of an event when there are n, and fails when they do not come.
func (j *journal) await(t *testing.T, event string, n int) []entry {
	t.Helper()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	for {
		found, more := j.of(event)
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-patience.C:
			t.Fatalf("%d entries %s, want %d", len(found), event, n)
		}
	}
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text strings.Builder
	for _, e := range j.entries {
		fmt.Fprintln(&text, e.level, e.event, e.attrs)
	}
	return text.String()
}
