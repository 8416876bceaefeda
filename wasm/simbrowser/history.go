package simbrowser

import (
	"errors"
	"time"
)

// entry is one place to go back to.
type entry struct {
	address string
	page    *page // in the back/forward cache; nil: it must be loaded again
}

// Chromium's back/forward cache keeps that many pages of a tab, and each no longer than that.
const (
	cachedPages = 6
	cachedFor   = 10 * time.Minute
)

var errNoHistory = errors.New("simbrowser: there is nothing to go back to")

// leave puts the tab's page into the back/forward cache: pagehide, then hidden, then freeze.
func (t *Tab) leave() *entry {
	e := &entry{address: t.address}
	p := t.page
	if p == nil {
		return e
	}
	if t.frozen || p.hung {
		p.kill() // it would have to answer first
		return e
	}
	e.page = p
	p.hide(true)
	p.event("freeze", false)
	p.cached = true
	p.hold()
	p.evict = func() {
		if e.page == p && p.cached {
			e.page = nil
			p.kill()
		}
	}
	t.browser.loop.After(cachedFor, p.evict)
	kept := 1
	for i := len(t.back) - 1; i >= 0; i-- {
		if old := t.back[i]; old.page != nil {
			if kept++; kept > cachedPages {
				old.page.evict()
			}
		}
	}
	return e
}

// Back goes back in the tab's history: to the page itself, when the back/forward cache still has it, else it is loaded again.
func (t *Tab) Back() error {
	if len(t.back) == 0 {
		return errNoHistory
	}
	e := t.back[len(t.back)-1]
	t.back = t.back[:len(t.back)-1]
	if e.page == nil {
		t.navigate(e.address, originOf(e.address), true)
		return nil
	}
	t.loading++
	if t.page != nil {
		t.page.hide(true)
		t.page.kill()
	}
	t.page, t.address, t.failed = e.page, e.address, nil
	t.history = append(t.history, e.address)
	p := t.page
	p.cached = false
	p.throttle()
	p.hold()
	p.event("resume", false)
	p.left = false
	if !t.hidden {
		p.event("visibilitychange", false)
	}
	p.event("pageshow", true)
	return t.browser.world.Pass(0)
}

// forget ends all that a tab could go back to.
func (t *Tab) forget() {
	for _, e := range t.back {
		if e.page != nil {
			e.page.evict()
		}
	}
	t.back = nil
}
