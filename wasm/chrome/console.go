package chrome

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Entry is one line of the console.
type Entry struct {
	Level string // log, info, warning, error, or exception
	Text  string
}

// Console collects what a tab writes to its console: calls of the console API, uncaught exceptions, and the browser's own
// entries, such as refused requests and violations of the content security policy. It is safe for concurrent use.
type Console struct {
	mu      sync.Mutex
	entries []Entry
}

// Listen starts collecting. Call it before the page is opened.
func Listen(t testing.TB, tab context.Context) *Console {
	t.Helper()
	c := &Console{}
	if err := chromedp.Listen(tab, c.take); err != nil {
		t.Fatalf("listening to the console: %v", err)
	}
	if _, err := chromedp.Call(tab, log.Enable, cdp.Empty{}); err != nil {
		t.Fatalf("listening to the console: %v", err)
	}
	return c
}

// Entries are all lines so far.
func (c *Console) Entries() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Entry(nil), c.entries...)
}

// Errors are the lines of level error and exception so far.
func (c *Console) Errors() []Entry {
	var errors []Entry
	for _, e := range c.Entries() {
		if e.Level == "error" || e.Level == "exception" {
			errors = append(errors, e)
		}
	}
	return errors
}

// Has reports whether a line of the level contains the text.
func (c *Console) Has(level, text string) bool {
	for _, e := range c.Entries() {
		if e.Level == level && strings.Contains(e.Text, text) {
			return true
		}
	}
	return false
}

func (c *Console) take(event any) {
	var e Entry
	switch event := event.(type) {
	case *runtime.EventConsoleAPICalled:
		e = Entry{Level: string(event.Type), Text: plain(event.Args)}
	case *runtime.EventExceptionThrown:
		e = Entry{Level: "exception", Text: event.ExceptionDetails.Text}
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			e.Text += " " + thrown.Description
		}
	case *log.EventEntryAdded:
		e = Entry{Level: string(event.Entry.Level), Text: event.Entry.Text}
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = append(c.entries, e)
}

// plain is what a person reads of the arguments: strings without quotes, and what the browser says of anything else.
func plain(args []*runtime.RemoteObject) string {
	var words []string
	for _, arg := range args {
		var word string
		switch {
		case json.Unmarshal(arg.Value, &word) == nil:
		case arg.Description != "":
			word = arg.Description
		default:
			word = string(arg.Value)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
