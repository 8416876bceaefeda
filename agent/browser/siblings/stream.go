//go:build js && wasm

package siblings

import (
	"time"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/shared/wire"
)

// stream is the verifier's server-sent events. They say at once that the session has ended or that the settings have changed, instead
// of at the next heartbeat. What they say is a hint to ask and never authority, so losing one costs nothing but time.
type stream struct {
	class                      safejs.Value
	url                        string
	ended, changed, open, fail safejs.Func
	on                         bool
	source                     safejs.Value
	sourced                    bool
	now                        func() int64 // a monotonic clock, milliseconds
	since                      int64        // when the stream began to work; 0: it has not
	entrust                    func(source safejs.Value)
	stop                       func() bool // the timer; kept as a function because a time.Timer's type brings the printing of dates with it
}

const (
	quiet = time.Second      // before a stream is opened: the page's own load comes first
	lived = 10_000           // milliseconds; a stream that ends after less is none, whatever its status was
	pause = 30 * time.Second // up to twice this long until the next attempt where the browser makes none, or would make it too soon
)

// newStream returns a stream that is not followed yet. Where the browser has none, it never is.
func newStream(url string, now func() int64, doubts, changes chan<- struct{}, entrust func(safejs.Value)) (*stream, error) {
	s := &stream{url: url, now: now, entrust: entrust}
	var ok bool
	if s.class, ok = optional(safejs.Global(), "EventSource"); !ok {
		return s, nil
	}
	callback := func(to *safejs.Func, then func()) error {
		var err error
		*to, err = safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
			then()
			return nil
		})
		return err
	}
	if err := callback(&s.ended, func() { hint(doubts) }); err != nil {
		return nil, err
	}
	if err := callback(&s.changed, func() { hint(changes) }); err != nil {
		return nil, err
	}
	if err := callback(&s.open, func() { s.since = s.now() }); err != nil {
		return nil, err
	}
	return s, callback(&s.fail, s.failed)
}

func hint(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default: // one is pending already
	}
}

// follow opens the stream or closes it.
func (s *stream) follow(on bool) {
	if s.on == on || s.class.IsUndefined() {
		return
	}
	s.on = on
	if on {
		s.stop = time.AfterFunc(quiet, s.connect).Stop
		return
	}
	s.stop()
	s.close()
}

func (s *stream) connect() {
	if !s.on {
		return
	}
	s.since = 0
	source, err := s.class.New(s.url)
	if err != nil {
		return // a page that may not have one hears by its heartbeats
	}
	s.source, s.sourced = source, true
	s.entrust(source)
	if _, err := source.Call("addEventListener", wire.EventEnded, s.ended); err != nil {
		s.close()
		return
	}
	if _, err := source.Call("addEventListener", wire.EventSettings, s.changed); err != nil {
		s.close()
		return
	}
	if source.Set("onopen", s.open) != nil || source.Set("onerror", s.fail) != nil {
		s.close()
	}
}

func (s *stream) close() {
	if s.sourced {
		_, _ = s.source.Call("close")
		s.sourced = false
	}
}

// failed follows the end of a stream. The browser comes back by itself, as soon as the verifier told it to, but gives up for good on
// another status, and is never tired of a verifier that does not answer.
func (s *stream) failed() {
	const connecting = 0
	if !s.on || !s.sourced {
		return
	}
	if state, err := jsvalue.Integer(s.source, "readyState"); err == nil && state == connecting && s.since > 0 && s.now()-s.since > lived {
		s.since = 0
		return
	}
	s.close()
	s.stop = time.AfterFunc(pause+time.Duration(s.now())*time.Millisecond%pause, s.connect).Stop // at another moment in each browser
}
