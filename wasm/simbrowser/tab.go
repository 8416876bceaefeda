package simbrowser

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
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
	problems []string
	console  []string
}

// Problems and limits of navigation.
var (
	errRedirects = errors.New("net::ERR_TOO_MANY_REDIRECTS")
	errNoTab     = errors.New("simbrowser: the tab is closed, or its machine sleeps")
)

const (
	maxRedirects  = 20
	intensiveHide = 5 * time.Minute // how long a page is hidden before Chromium wakes it once a minute only
)

// Open opens a tab and types an address into it. The page comes with the next Pass.
func (b *Browser) Open(address string) *Tab {
	t := &Tab{browser: b, name: fmt.Sprintf("%s tab %d", b.name, len(b.tabs)+1)}
	b.tabs = append(b.tabs, t)
	t.Go(address)
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

// Close closes the tab, with no more code of its page run.
func (t *Tab) Close() {
	t.loading++
	if t.page != nil {
		t.page.realm.Kill()
		t.page = nil
	}
	t.browser.tabs = slices.DeleteFunc(t.browser.tabs, func(other *Tab) bool { return other == t })
}

// Hide puts another tab in front: timers are throttled to one a second, and after five minutes to one a minute.
func (t *Tab) Hide() {
	t.hidden = true
	t.hides++
	t.applyVisibility()
	this := t.hides
	t.browser.loop.After(intensiveHide, func() {
		if t.hidden && t.hides == this && t.page != nil {
			t.page.realm.Throttle(host.AlignTo(time.Minute))
		}
	})
}

// Show brings the tab to the front again.
func (t *Tab) Show() error {
	t.hidden = false
	t.hides++
	t.applyVisibility()
	if t.frozen {
		return t.Thaw()
	}
	return t.seen()
}

func (t *Tab) applyVisibility() {
	switch {
	case t.page == nil:
	case t.hidden:
		t.page.realm.Throttle(host.AlignTo(time.Second))
	default:
		t.page.realm.Throttle(nil)
	}
}

// Freeze stops the page, as browsers do to hidden tabs to save power: nothing of it runs until Thaw.
func (t *Tab) Freeze() {
	t.frozen = true
	if t.page != nil {
		t.page.realm.Freeze()
	}
}

// Thaw lets a frozen page go on.
func (t *Tab) Thaw() error {
	t.frozen = false
	if t.page != nil {
		t.page.realm.Thaw()
	}
	return t.seen()
}

// seen tells the loader that the page came back to the front: visibilitychange, resume and focus.
func (t *Tab) seen() error {
	if p := t.page; p != nil && p.loader != nil && !t.hidden {
		p.realm.Post(func() error { return p.loader.seen() })
	}
	return t.browser.world.Pass(0)
}

// navigate loads an address: initiator is the origin of the page that wanted it, empty when a person typed it.
func (t *Tab) navigate(address, initiator string, replace bool) {
	t.loading++
	t.load(address, initiator, replace, t.loading, 0)
}

func (t *Tab) load(address, initiator string, replace bool, number, redirects int) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		t.show(nil, address, fmt.Errorf("not an address: %q", address))
		return
	}
	fragment := u.Fragment
	u.Fragment = ""
	r := request{method: http.MethodGet, url: u.String(), origin: u.Scheme + "://" + u.Host, header: http.Header{}}
	r.header.Set("User-Agent", userAgent)
	r.header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	r.header.Set("Sec-Fetch-Dest", "document")
	r.header.Set("Sec-Fetch-Mode", "navigate")
	r.header.Set("Sec-Fetch-Site", relation(initiator, r.origin))
	if initiator == "" {
		r.header.Set("Sec-Fetch-User", "?1")
	}
	t.browser.send(r, func(a *answer, err error) {
		if number != t.loading {
			return // the person or the page went elsewhere meanwhile
		}
		if err != nil {
			t.show(nil, address, err)
			return
		}
		if to := a.header.Get("Location"); to != "" && a.status >= 300 && a.status < 400 {
			next, err := u.Parse(to)
			if err != nil || redirects >= maxRedirects {
				t.show(nil, address, errors.Join(err, errRedirects))
				return
			}
			t.load(next.String(), initiator, replace, number, redirects+1)
			return
		}
		if fragment != "" {
			address = u.String() + "#" + fragment
		}
		if !replace || len(t.history) == 0 {
			t.history = append(t.history, address)
		} else {
			t.history[len(t.history)-1] = address
		}
		t.show(a, address, nil)
	})
}

// show replaces the page.
func (t *Tab) show(a *answer, address string, failed error) {
	if t.page != nil {
		t.page.realm.Kill()
		t.page = nil
	}
	t.address, t.failed = address, failed
	if failed == nil {
		t.page = newPage(t, string(a.body))
		t.applyVisibility()
		if t.frozen {
			t.page.realm.Freeze()
		}
	}
}

const userAgent = "Mozilla/5.0 (simulated)"

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// relation is Sec-Fetch-Site. Two origins here are never of the same site.
func relation(initiator, target string) string {
	switch initiator {
	case "":
		return "none"
	case target:
		return "same-origin"
	}
	return "cross-site"
}

func (t *Tab) problem(format string, args ...any) {
	t.problems = append(t.problems, strings.TrimSpace(fmt.Sprintf(format, args...)))
}
