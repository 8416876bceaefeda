package simbrowser

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Tab is one tab of a browser, in a window of its own: several can be visible at once.
type Tab struct {
	browser  *Browser
	name     string
	page     *page // what it shows; nil before the first page
	loading  int   // counts navigations: only the last one may show its page
	address  string
	failed   error // why there is no page
	hidden   bool
	frozen   bool
	hides    int
	history  []string
	back     []*entry
	problems []string
	console  []string
	events   []Event
	answer   func(Event) time.Duration // what the site's own code does about events; see OnEvent
}

var errNoTab = errors.New("simbrowser: the tab shows no page, or its machine sleeps")

// Open opens a tab and types an address into it. The page comes with the next Pass.
func (b *Browser) Open(address string) *Tab {
	t := b.newTab()
	t.Go(address)
	return t
}

func (b *Browser) newTab() *Tab {
	b.opened++
	t := &Tab{browser: b, name: fmt.Sprintf("%s tab %d", b.name, b.opened)}
	b.tabs = append(b.tabs, t)
	return t
}

// Go types an address into the tab.
func (t *Tab) Go(address string) { t.navigate(address, "", false) }

// Reload loads the page again.
func (t *Tab) Reload() { t.navigate(t.address, originOf(t.address), true) }

// Address is the address of the page that the tab shows.
func (t *Tab) Address() string { return t.address }

// History is every address that the tab went through, without those that were replaced.
func (t *Tab) History() []string { return t.history }

// Problems are what must not happen: exceptions that nobody caught, a crashed agent, a failure that covered the page.
func (t *Tab) Problems() []string { return t.problems }

// Console is what the page wrote to its console.
func (t *Tab) Console() []string { return t.console }

func (t *Tab) problem(format string, args ...any) {
	t.problems = append(t.problems, strings.TrimSpace(fmt.Sprintf(format, args...)))
}
