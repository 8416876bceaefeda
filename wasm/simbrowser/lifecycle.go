package simbrowser

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// intensiveHide is how long a page is hidden before Chromium wakes it once a minute only.
const intensiveHide = 5 * time.Minute

// Why a tab shows nothing.
var (
	errCrashed   = errors.New("crashed")
	errDiscarded = errors.New("discarded")
)

// visible is whether document.visibilityState is "visible".
func (p *page) visible() bool { return !p.tab.hidden && !p.left }

// throttle gives the page's timers the pace that its visibility allows.
func (p *page) throttle() {
	if p.visible() {
		p.realm.Throttle(nil)
	} else {
		p.realm.Throttle(host.AlignTo(time.Second))
	}
}

// hold stops the page or lets it go on, as the tab and the page itself are.
func (p *page) hold() {
	held := p.tab.frozen || p.hung || p.cached
	switch {
	case held == p.realm.Frozen():
	case held:
		p.realm.Freeze()
	default:
		p.realm.Thaw()
	}
}

// event dispatches one of the events of the page's lifecycle, at once where the page can run, else when it can again.
func (p *page) event(kind string, persisted bool) {
	task := func() error {
		if p.watch != nil {
			p.watch(kind, persisted)
		}
		if p.loader == nil {
			return nil
		}
		return p.loader.lifecycle(kind, persisted)
	}
	if p.realm.Frozen() || p.tab.browser.asleep {
		p.realm.Post(task)
		return
	}
	if err := p.realm.Run(p.tab.browser.world.ctx, task); err != nil && !errors.Is(err, host.ErrKilled) {
		p.tab.problem("%s: in %s: %v", p.tab.address, kind, err)
	}
}

// hide tells the page that it goes away. A page that cannot run hears nothing.
func (p *page) hide(persisted bool) {
	if p.realm.Frozen() || p.left {
		return
	}
	p.event("pagehide", persisted)
	seen := p.visible()
	p.left = true
	if seen {
		p.event("visibilitychange", false)
	}
}

// kill ends the page. The browser frees at once what the page had.
func (p *page) kill() {
	p.realm.Kill()
	b := p.tab.browser
	for _, c := range slices.Clone(b.channels) {
		if c.page == p {
			c.close()
		}
	}
	for _, s := range slices.Clone(p.sources) {
		s.close()
	}
	for _, t := range b.tabs {
		if t.page != nil {
			delete(t.page.ways, p)
		}
	}
	b.dropLocks(p)
}

// Hide puts another tab in front: timers are throttled to one a second, and after five minutes to one a minute.
func (t *Tab) Hide() {
	if t.hidden {
		return
	}
	t.hidden = true
	t.hides++
	if t.page != nil {
		t.page.throttle()
		t.page.event("visibilitychange", false)
	}
	this := t.hides
	t.browser.loop.After(intensiveHide, func() {
		if t.hidden && t.hides == this && t.page != nil {
			t.page.realm.Throttle(host.AlignTo(time.Minute))
		}
	})
}

// Show brings the tab to the front again. A frozen page thaws first, a discarded one is loaded again.
func (t *Tab) Show() error {
	if t.frozen {
		if err := t.Thaw(); err != nil {
			return err
		}
	}
	if t.hidden {
		t.hidden = false
		t.hides++
		if t.page != nil {
			t.page.throttle()
			t.page.event("visibilitychange", false)
			t.page.event("focus", false)
		}
	}
	if errors.Is(t.failed, errDiscarded) {
		t.Reload()
	}
	return t.browser.world.Pass(0)
}

// Freeze hides the tab and stops its page, as browsers do to hidden tabs to save power: nothing of it runs until Thaw.
func (t *Tab) Freeze() {
	t.Hide()
	if t.frozen {
		return
	}
	if t.page != nil && !t.page.hung {
		t.page.event("freeze", false)
	}
	t.frozen = true
	if t.page != nil {
		t.page.hold()
	}
}

// Thaw lets a frozen page go on. It stays hidden until Show.
func (t *Tab) Thaw() error {
	if t.frozen {
		t.frozen = false
		if t.page != nil {
			t.page.hold()
			t.page.event("resume", false)
		}
	}
	return t.browser.world.Pass(0)
}

// Hang lets the page be busy for d: no event reaches it and no timer runs, but what it holds stays its own.
func (t *Tab) Hang(d time.Duration) {
	p := t.page
	if p == nil {
		return
	}
	p.hung = true
	p.hangs++
	this := p.hangs
	p.hold()
	t.browser.loop.After(d, func() {
		if p.hangs == this {
			p.hung = false
			p.hold()
		}
	})
}

// Crash ends the page's process, with no more code of it run. The tab shows nothing until Reload.
func (t *Tab) Crash() { t.lose(errCrashed) }

// Discard frees a hidden tab's memory, with no more code of its page run. It is loaded again when it is shown.
func (t *Tab) Discard() error {
	if !t.hidden {
		return fmt.Errorf("simbrowser: %s is visible, and browsers discard only hidden tabs", t.name)
	}
	t.lose(errDiscarded)
	return nil
}

// lose ends the page and what the tab could go back to.
func (t *Tab) lose(why error) {
	t.loading++
	t.forget()
	t.frozen = false
	if t.page != nil {
		t.page.kill()
		t.page = nil
	}
	t.failed = why
}

// Close closes the tab. Its page hears of it by pagehide, unless it is frozen or hangs.
func (t *Tab) Close() {
	if t.page != nil {
		t.page.hide(false)
	}
	t.lose(nil)
	t.browser.tabs = slices.DeleteFunc(t.browser.tabs, func(other *Tab) bool { return other == t })
}

// Duplicate opens a tab with the same page, loaded anew, and the same history.
func (t *Tab) Duplicate() *Tab {
	other := t.browser.newTab()
	other.history = slices.Clone(t.history)
	for _, e := range t.back {
		other.back = append(other.back, &entry{address: e.address})
	}
	other.address = t.address
	other.navigate(t.address, originOf(t.address), true)
	return other
}
