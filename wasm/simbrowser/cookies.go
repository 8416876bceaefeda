package simbrowser

import (
	"net/http"
	"slices"
	"strings"
)

// cookie is one cookie of the profile. All are host-only and for the path /: cookies with a Domain or another Path are refused,
// because nothing here makes one. net/http/cookiejar is no use: it reads the real clock.
type cookie struct {
	origin   string
	name     string
	value    string
	httpOnly bool
	expires  int64 // by the machine's wall clock in nanoseconds; 0: at the browser's end
}

// keepCookies takes the Set-Cookie fields of an answer (RFC 6265bis section 5.7, with its rules for __Host-).
func (b *Browser) keepCookies(origin string, header http.Header) {
	secure := strings.HasPrefix(origin, "https://")
	for _, line := range header.Values("Set-Cookie") {
		got, err := http.ParseSetCookie(line)
		if err != nil || got.Domain != "" || got.Path != "/" || got.Secure && !secure {
			continue
		}
		if strings.HasPrefix(got.Name, "__Host-") && !got.Secure {
			continue
		}
		b.cookies = slices.DeleteFunc(b.cookies, func(c cookie) bool { return c.origin == origin && c.name == got.Name })
		kept := cookie{origin: origin, name: got.Name, value: got.Value, httpOnly: got.HttpOnly}
		switch {
		case got.MaxAge < 0:
			continue
		case got.MaxAge > 0:
			kept.expires = b.clock.Wall + int64(got.MaxAge)*1e9
		case !got.Expires.IsZero():
			if kept.expires = got.Expires.UnixNano(); kept.expires <= b.clock.Wall {
				continue
			}
		}
		b.cookies = append(b.cookies, kept)
	}
}

// cookieHeader is the Cookie field of a request to an origin.
func (b *Browser) cookieHeader(origin string) string {
	b.cookies = slices.DeleteFunc(b.cookies, func(c cookie) bool { return c.expires != 0 && c.expires <= b.clock.Wall })
	var pairs []string
	for _, c := range b.cookies {
		if c.origin == origin {
			pairs = append(pairs, c.name+"="+c.value)
		}
	}
	return strings.Join(pairs, "; ")
}

// Cookies is the Cookie field that a request to the origin would have now: what a thief of the profile's files gets.
func (b *Browser) Cookies(origin string) string { return b.cookieHeader(origin) }

// ScriptCookies is what document.cookie would be: the cookies that are not HttpOnly.
func (b *Browser) ScriptCookies(origin string) string {
	var pairs []string
	for _, c := range b.cookies {
		if c.origin == origin && !c.httpOnly {
			pairs = append(pairs, c.name+"="+c.value)
		}
	}
	return strings.Join(pairs, "; ")
}
