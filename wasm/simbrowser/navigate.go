package simbrowser

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

const (
	maxRedirects = 20
	userAgent    = "Mozilla/5.0 (simulated)"
)

var errRedirects = errors.New("net::ERR_TOO_MANY_REDIRECTS")

// navigate loads an address: initiator is the origin of the page that wanted it, empty when a person typed it.
func (t *Tab) navigate(address, initiator string, replace bool) {
	t.loading++
	t.load(address, initiator, replace, t.loading, 0)
}

func (t *Tab) load(address, initiator string, replace bool, number, redirects int) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		t.browser.world.after(0, func() { // not within the page that asked for it, which goes away
			if number == t.loading {
				t.show(nil, address, fmt.Errorf("not an address: %q", address), replace)
			}
		})
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
			t.show(nil, address, err, replace)
			return
		}
		if to := a.header.Get("Location"); to != "" && a.status >= 300 && a.status < 400 {
			next, err := u.Parse(to)
			if err != nil || redirects >= maxRedirects {
				t.show(nil, address, errors.Join(err, errRedirects), replace)
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
		t.show(a, address, nil, replace)
	})
}

// show puts a new page, or the reason why there is none, in the place of the one that was there. Unless that one's place in the
// history is taken too, it goes into the back/forward cache.
func (t *Tab) show(a *answer, address string, failed error, replace bool) {
	if !replace && t.address != "" {
		t.back = append(t.back, t.leave())
	} else if t.page != nil {
		t.page.hide(false)
		t.page.kill()
	}
	t.page, t.address, t.failed = nil, address, failed
	if failed == nil {
		t.page = newPage(t, string(a.body))
		t.page.throttle()
		t.page.hold()
	}
}

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
