package simbrowser

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// streamStep is how long time passes at most, while a stream is open, before it is asked for what its handler wrote by timers.
const streamStep = time.Second

// InBubble lets pages have EventSource. A handler that streams runs in a goroutine, by timers of its own, which is only
// deterministic, and in the World's time, when both live in a bubble of testing/synctest: sleep and wait are time.Sleep and
// synctest.Wait. What a handler writes by its timers arrives up to a second late. Call Close before the bubble ends.
func (w *World) InBubble(sleep func(time.Duration), wait func()) { w.sleep, w.wait = sleep, wait }

// Close ends all streams and waits for their handlers.
func (w *World) Close() {
	for _, s := range w.streams {
		s.cancel()
	}
	w.pump()
}

// stream is an answer that comes piece by piece. It is the handler's http.ResponseWriter.
type stream struct {
	browser *Browser
	origin  string
	cancel  context.CancelFunc
	came    func(*answer)     // the head
	data    func(text string) // a piece
	ended   func(error)       // nil when the handler is done
	begun   bool
	way     int64 // when the last piece arrives, by the true clock: no piece overtakes another
	gone    bool  // nobody listens any more

	mu     sync.Mutex // the handler's goroutine and the World's
	header http.Header
	status int
	body   bytes.Buffer
	done   bool
}

// Header implements http.ResponseWriter.
func (s *stream) Header() http.Header { return s.header }

// WriteHeader implements http.ResponseWriter.
func (s *stream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == 0 {
		s.status = status
	}
}

// Write implements http.ResponseWriter.
func (s *stream) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Write(p)
}

// Flush implements http.Flusher. Nothing is kept back anyway.
func (s *stream) Flush() { s.WriteHeader(http.StatusOK) }

// open sends a request whose answer is a stream. The functions are called in the order of the answer, outside of any task.
func (b *Browser) open(r request, s *stream) {
	w := b.world
	s.browser, s.origin, s.header = b, r.origin, http.Header{}
	site, known := w.sites[r.origin]
	failed := func(err error) { w.after(0, func() { s.end(err) }) }
	switch {
	case b.Network.Offline:
		failed(errOffline)
		return
	case !known:
		failed(errNoSite)
		return
	}
	if cookies := b.cookieHeader(r.origin); cookies != "" {
		r.header.Set("Cookie", cookies)
	}
	lost := b.chance.Float64() < b.Network.LoseRequest
	b.streams = append(b.streams, s)
	w.after(b.latency(), func() {
		if s.gone || lost || b.Network.Silent || b.Network.Offline {
			return
		}
		ctx, cancel := context.WithCancel(w.ctx)
		s.cancel = cancel
		in := httptest.NewRequestWithContext(ctx, r.method, r.url, http.NoBody)
		in.Header = r.header
		if b.Wire != nil {
			b.Wire(in)
		}
		seen := Exchange{At: w.Now(), Browser: b.name, Method: in.Method, URL: in.URL.String(), Header: in.Header.Clone()}
		w.streams = append(w.streams, s)
		go func() {
			defer func() {
				s.mu.Lock()
				s.done = true
				s.mu.Unlock()
			}()
			site.ServeHTTP(s, in)
		}()
		w.wait()
		s.mu.Lock()
		seen.Status, seen.Answer, seen.Text = s.status, s.header.Clone(), s.body.String()
		s.mu.Unlock()
		w.trace = append(w.trace, seen)
		w.pump()
	})
}

// pump sends what the handlers of streams wrote on its way.
func (w *World) pump() {
	if w.wait == nil || len(w.streams) == 0 {
		return
	}
	w.wait()
	w.streams = slices.DeleteFunc(w.streams, (*stream).pump)
}

// pump reports whether the handler is done.
func (s *stream) pump() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun && (s.status != 0 || s.done) {
		s.begun = true
		head := &answer{status: s.status, header: s.header.Clone()}
		if head.status == 0 {
			head.status = http.StatusOK // the handler wrote nothing
		}
		s.carry(func() {
			s.browser.keepCookies(s.origin, head.header)
			s.came(head)
		})
	}
	if s.body.Len() > 0 {
		text := s.body.String()
		s.body.Reset()
		s.carry(func() { s.data(text) })
	}
	if s.done {
		s.carry(func() { s.end(nil) })
	}
	return s.done
}

// carry lets something arrive in the browser, after all before it. When it is lost, nothing more arrives.
func (s *stream) carry(arrived func()) {
	w := s.browser.world
	s.way = max(s.way, w.now.Load()+int64(s.browser.latency()))
	w.at(s.way, func() {
		switch {
		case s.gone:
		case s.browser.Network.Offline:
			s.end(errOffline)
		case s.browser.Network.Silent:
			s.leave()
		default:
			arrived()
		}
	})
}

// end is the end of the answer, as the browser hears of it.
func (s *stream) end(err error) {
	if !s.gone {
		s.leave()
		s.ended(err)
	}
}

// leave closes the connection from the browser's side. Nothing of it is called any more.
func (s *stream) leave() {
	s.gone = true
	b := s.browser
	b.streams = slices.DeleteFunc(b.streams, func(other *stream) bool { return other == s })
	if s.cancel != nil {
		s.cancel()
	}
}
