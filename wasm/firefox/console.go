package firefox

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Entry is one line of the console.
type Entry struct {
	Level string // log, info, warning, error, or exception
	Text  string
}

// Console collects what a tab writes to its console: calls of the console API, uncaught exceptions, and violations of the content security policy (as
// errors). It is safe for concurrent use.
type Console struct {
	page *Page

	mu      sync.Mutex
	entries []Entry
}

// Listen starts collecting. Call it before the page is opened.
func Listen(t testing.TB, p *Page) *Console {
	t.Helper()
	c := &Console{page: p}
	p.browser.listen(c.take)
	params := object{"events": []string{"log.entryAdded"}, "contexts": []string{p.id}}
	if _, err := call[any](p.browser.connection, "session.subscribe", params); err != nil {
		t.Fatalf("listening to the console: %v", err)
	}
	return c
}

// Entries are all lines so far.
func (c *Console) Entries() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.entries)
}

// Errors are the lines of level error and exception so far.
func (c *Console) Errors() []Entry {
	return slices.DeleteFunc(c.Entries(), func(e Entry) bool { return e.Level != "error" && e.Level != "exception" })
}

// Has reports whether a line of the level contains the text.
func (c *Console) Has(level, text string) bool {
	return slices.ContainsFunc(c.Entries(), func(e Entry) bool { return e.Level == level && strings.Contains(e.Text, text) })
}

func (c *Console) take(event string, params json.RawMessage) {
	var entry struct {
		Type, Level, Text, Method string
		Source                    struct{ Context string }
	}
	if event != "log.entryAdded" || json.Unmarshal(params, &entry) != nil || entry.Source.Context != c.page.id {
		return
	}
	level := entry.Method
	switch {
	case entry.Type == "javascript" && entry.Level == "error" && !strings.HasPrefix(entry.Text, "Content-Security-Policy"):
		level = "exception"
	case entry.Level == "warn":
		level = "warning"
	case level == "":
		level = entry.Level
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = append(c.entries, Entry{level, entry.Text})
}
