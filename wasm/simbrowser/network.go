package simbrowser

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"
)

// Network is a browser's way to the sites.
type Network struct {
	// MinLatency and MaxLatency bound how long each direction of each exchange takes.
	MinLatency, MaxLatency time.Duration
	// Offline fails every request at once, as without a network at all.
	Offline bool
	// Silent swallows everything that would arrive, in both directions: nobody ever answers.
	Silent bool
	// LoseRequest and LoseAnswer are the chances, from 0 to 1, that one is lost. Nobody is told.
	LoseRequest, LoseAnswer float64
}

// Exchange is one request as it arrived at a site, and its answer.
type Exchange struct {
	At      time.Time // when it arrived, by the true clock
	Browser string
	Method  string
	URL     string
	Header  http.Header
	Body    string

	Status int
	Answer http.Header
	Text   string // the answer's body
}

// String writes everything about the exchange in one form, so that two traces can be compared.
func (e Exchange) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s %s %s\n", e.At.Format(time.RFC3339Nano), e.Browser, e.Method, e.URL)
	writeHeader(&out, "> ", e.Header)
	fmt.Fprintf(&out, "> %s\n< %d\n", e.Body, e.Status)
	writeHeader(&out, "< ", e.Answer)
	fmt.Fprintf(&out, "< %s\n", e.Text)
	return out.String()
}

func writeHeader(out *strings.Builder, mark string, header http.Header) {
	var names []string
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(out, "%s%s: %s\n", mark, name, strings.Join(header[name], " | "))
	}
}

// request is a request before it leaves the browser.
type request struct {
	method string
	url    string // absolute, without fragment
	origin string
	header http.Header
	body   string
}

// answer is what comes back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

var (
	errOffline   = errors.New("net::ERR_INTERNET_DISCONNECTED")
	errSuspended = errors.New("net::ERR_NETWORK_IO_SUSPENDED")
	errNoSite    = errors.New("net::ERR_NAME_NOT_RESOLVED")
)

// flight is one request under way. done is called at most once, outside of any task.
type flight struct {
	browser *Browser
	done    func(*answer, error)
	over    bool
}

func (f *flight) finish(a *answer, err error) {
	if f.over {
		return
	}
	f.over = true
	f.browser.flights = slices.DeleteFunc(f.browser.flights, func(other *flight) bool { return other == f })
	f.done(a, err)
}

// cut ends the flight because the machine goes to sleep. The page hears of it when the machine wakes.
func (f *flight) cut() {
	if !f.over {
		f.over = true
		f.done(nil, errSuspended)
	}
}

// send sends a request with the cookies of its origin. The answer's cookies are kept when it arrives.
func (b *Browser) send(r request, done func(*answer, error)) {
	w := b.world
	f := &flight{browser: b, done: done}
	b.flights = append(b.flights, f)
	site, known := w.sites[r.origin]
	switch {
	case b.Network.Offline:
		w.after(0, func() { f.finish(nil, errOffline) })
		return
	case !known:
		w.after(0, func() { f.finish(nil, errNoSite) })
		return
	}
	there, back := b.latency(), b.latency()
	loseRequest, loseAnswer := b.chance.Float64() < b.Network.LoseRequest, b.chance.Float64() < b.Network.LoseAnswer
	if cookies := b.cookieHeader(r.origin); cookies != "" {
		r.header.Set("Cookie", cookies)
	}
	w.after(there, func() {
		if loseRequest || b.Network.Silent || b.Network.Offline {
			return
		}
		a := b.arrive(site, r)
		w.after(back, func() {
			if loseAnswer || f.over || b.Network.Silent || b.Network.Offline {
				return
			}
			b.keepCookies(r.origin, a.header)
			f.finish(a, nil)
		})
	})
}

func (b *Browser) latency() time.Duration {
	low, high := b.Network.MinLatency, b.Network.MaxLatency
	if high <= low {
		return low
	}
	return low + time.Duration(b.chance.Int64N(int64(high-low)+1))
}

// arrive hands a request to its site and records both.
func (b *Browser) arrive(site http.Handler, r request) *answer {
	in := httptest.NewRequestWithContext(b.world.ctx, r.method, r.url, bytes.NewReader([]byte(r.body)))
	in.Header = r.header
	if b.Wire != nil {
		b.Wire(in)
	}
	seen := Exchange{
		At: b.world.Now(), Browser: b.name, Method: in.Method, URL: in.URL.String(), Header: in.Header.Clone(), Body: r.body,
	}
	recorder := httptest.NewRecorder()
	site.ServeHTTP(recorder, in)
	out := recorder.Result()
	seen.Status, seen.Answer, seen.Text = out.StatusCode, out.Header, recorder.Body.String()
	b.world.trace = append(b.world.trace, seen)
	b.world.pump() // what the handler did may concern a stream
	return &answer{status: out.StatusCode, header: out.Header, body: recorder.Body.Bytes()}
}
