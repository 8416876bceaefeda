package simbrowser

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// Values of readyState.
const (
	sourceConnecting = iota
	sourceOpen
	sourceClosed
)

// defaultRetry is how long Chromium waits before it connects again, until the stream says otherwise.
const defaultRetry = 3 * time.Second

// eventSource is the state of an EventSource (HTML section 9.2).
type eventSource struct {
	page      *page
	object    *host.Object
	request   request
	state     int
	retry     time.Duration
	lastID    string
	stream    *stream
	listeners map[string][]*host.Object
	parser    eventParser
}

// defineEventSource defines EventSource for addresses of the page's own origin.
func (p *page) defineEventSource() {
	class := p.realm.DefineClass("EventSource", nil, func(c host.Call) error {
		text, err := c.String(0)
		if err != nil {
			return err
		}
		u, err := p.url.Parse(text)
		if err != nil {
			return host.Errorf("SyntaxError", "Cannot open an EventSource to '%s'. The URL is invalid.", text)
		}
		u.Fragment = ""
		own := originOf(p.tab.address)
		if originOf(u.String()) != own {
			return host.TypeError("simbrowser: only streams of the page's own origin")
		}
		this := c.This.(*host.Object)
		s := &eventSource{
			page: p, object: this, retry: defaultRetry, listeners: map[string][]*host.Object{},
			request: request{method: http.MethodGet, url: u.String(), origin: own},
		}
		this.SetData(s)
		for _, handler := range [...]string{"onopen", "onmessage", "onerror"} {
			this.Define(handler, host.Null)
		}
		p.sources = append(p.sources, s)
		s.connect()
		return nil
	})
	for i, name := range [...]string{"CONNECTING", "OPEN", "CLOSED"} {
		class.Constructor.Define(name, host.Number(i))
		class.Prototype.Define(name, host.Number(i))
	}
	method := func(name string, do func(s *eventSource, c host.Call) error) {
		class.Prototype.DefineFunc(name, func(c host.Call) (host.Value, error) {
			s, ok := host.DataOf[*eventSource](c.This)
			if !ok {
				return nil, host.TypeError("Illegal invocation")
			}
			return host.Undefined, do(s, c)
		})
	}
	method("close", func(s *eventSource, _ host.Call) error {
		s.close()
		return nil
	})
	method("addEventListener", func(s *eventSource, c host.Call) error {
		kind, err := c.String(0)
		if err != nil {
			return err
		}
		f, err := c.Func(1)
		if err == nil && !slices.Contains(s.listeners[kind], f) {
			s.listeners[kind] = append(s.listeners[kind], f)
		}
		return err
	})
	class.Prototype.DefineAccessor("readyState", func(c host.Call) (host.Value, error) {
		s, ok := host.DataOf[*eventSource](c.This)
		if !ok {
			return nil, host.TypeError("Illegal invocation")
		}
		return host.Number(s.state), nil
	}, nil)
}

func (s *eventSource) connect() {
	s.state = sourceConnecting
	s.parser = eventParser{id: s.lastID}
	r := s.request
	r.header = http.Header{}
	for name, value := range map[string]string{
		"User-Agent": userAgent, "Accept": "text/event-stream", "Cache-Control": "no-cache", "Last-Event-ID": s.lastID,
		"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin",
	} {
		if value != "" {
			r.header.Set(name, value)
		}
	}
	this := &stream{}
	post := func(do func() error) {
		s.page.realm.Post(func() error {
			if s.stream != this {
				return nil // closed, or connected again
			}
			return do()
		})
	}
	this.came = func(a *answer) {
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		post(func() error {
			if a.status != http.StatusOK || strings.TrimSpace(kind) != "text/event-stream" {
				s.close()
				return s.dispatch("error", nil)
			}
			s.state = sourceOpen
			return s.dispatch("open", nil)
		})
	}
	this.data = func(text string) {
		post(func() error { return s.take(text) })
	}
	this.ended = func(error) { post(s.again) }
	s.stream = this
	s.page.tab.browser.open(r, this)
}

// again connects again after a while. The timer is the browser's own, not the page's.
func (s *eventSource) again() error {
	s.state, s.stream = sourceConnecting, nil
	s.page.tab.browser.loop.After(s.retry, func() {
		s.page.realm.Post(func() error {
			if s.state == sourceConnecting && s.stream == nil {
				s.connect()
			}
			return nil
		})
	})
	return s.dispatch("error", nil)
}

func (s *eventSource) close() {
	s.state = sourceClosed
	if s.stream != nil {
		s.stream.leave()
		s.stream = nil
	}
	s.page.sources = slices.DeleteFunc(s.page.sources, func(other *eventSource) bool { return other == s })
}

func (s *eventSource) take(text string) error {
	for _, e := range s.parser.take(text) {
		if e.retry >= 0 {
			s.retry = e.retry
			continue
		}
		if s.state != sourceOpen {
			return nil // a listener closed it
		}
		s.lastID = e.id
		if err := s.dispatch(e.kind, &e.data); err != nil {
			return err
		}
	}
	return nil
}

// dispatch calls the handler and then the listeners, with data where it is a message.
func (s *eventSource) dispatch(kind string, data *string) error {
	event := s.page.realm.NewObject().Define("type", host.String(kind)).Define("target", s.object)
	if data != nil {
		event.Define("data", host.String(*data)).Define("lastEventId", host.String(s.lastID))
	}
	v, err := s.object.Get("on" + kind)
	if err != nil {
		return err
	}
	called := slices.Clone(s.listeners[kind])
	if f, ok := host.AsFunc(v); ok {
		called = append([]*host.Object{f}, called...)
	}
	for _, f := range called {
		if _, err := f.Call(s.object, event); err != nil {
			return err
		}
		s.page.realm.Loop().Checkpoint()
	}
	return nil
}

// eventParser reads an event stream piece by piece.
type eventParser struct {
	rest           string
	kind, data, id string
	any            bool // there was data
}

// message is one event of a stream, or, when retry is not negative, how long to wait before connecting again.
type message struct {
	kind, data, id string
	retry          time.Duration
}

func (e *eventParser) take(text string) []message {
	var out []message
	e.rest += text
	for {
		line, rest, ok := strings.Cut(e.rest, "\n")
		if !ok {
			return out
		}
		e.rest = rest
		line = strings.TrimSuffix(line, "\r")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if e.any {
				out = append(out, message{kind: orText(e.kind, "message"), data: strings.TrimSuffix(e.data, "\n"), id: e.id, retry: -1})
			}
			e.kind, e.data, e.any = "", "", false
		case name == "event":
			e.kind = value
		case name == "data":
			e.data, e.any = e.data+value+"\n", true
		case name == "id" && !strings.Contains(value, "\x00"):
			e.id = value
		case name == "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				out = append(out, message{retry: time.Duration(ms) * time.Millisecond})
			}
		}
	}
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
