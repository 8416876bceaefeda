package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// memory is a Store whose entries a test can tamper with, and that can fail.
type memory struct {
	Store // of the methods that a test does not use

	mu          sync.Mutex
	entries     []Entry
	first, last Link
	batches     [][]Event
	failure     error
	slow        time.Duration // that an Append takes
	tries       int
}

var errFull = errors.New("the disk is full")

func (m *memory) Append(ctx context.Context, events []Event) error {
	if m.slow > 0 {
		select {
		case <-time.After(m.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	if m.failure != nil {
		return m.failure
	}
	for _, e := range events {
		next := m.last.Next(e)
		m.entries, m.last = append(m.entries, next), next.Link()
	}
	m.batches = append(m.batches, slices.Clone(events))
	return nil
}

func (m *memory) Walk(_ context.Context, begin func(first, last Link) error, visit func(Entry) error) error {
	if err := begin(m.first, m.last); err != nil {
		return err
	}
	for _, e := range m.entries {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
}

// details are those of all entries, in order.
func (m *memory) details() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, e := range m.entries {
		all = append(all, e.Detail)
	}
	return strings.Join(all, " ")
}

// happened is the n-th event.
func happened(n int) Event {
	return Event{At: int64(n) * 1000, Kind: Ended, Environment: "crm", Session: "s", Subject: "ada", Reason: wire.Inactivity, Detail: string(rune('a' + n))}
}

// chained is a store with so many entries.
func chained(t *testing.T, n int) *memory {
	t.Helper()
	m := &memory{}
	for i := range n {
		if err := m.Append(t.Context(), []Event{happened(i)}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// trim drops the oldest entries as a Store does.
func (m *memory) trim(t *testing.T, n int) {
	t.Helper()
	m.first, m.entries = m.entries[n-1].Link(), m.entries[n:]
	if err := m.Append(t.Context(), []Event{TrimEvent(n, m.first, 99, "root")}); err != nil {
		t.Fatal(err)
	}
}
