//go:build js && wasm

// Package siblings is what the tabs of one browser share (agent.Tabs): a channel that all hear, a lock that elects the one that
// talks to the verifier, and that tab's event stream.
//
// A page that is left may be kept, frozen, and come back. Until then it must hold nothing: a lock that is kept in the back/forward
// cache never becomes free, and what a frozen page hears is old when it comes back. So everything is given up when the page is
// hidden away and taken up again when it is shown.
package siblings

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/browser/page"
	"github.com/curfew-project/curfew/agent/tabs"
)

// Siblings implements agent.Tabs. It is not safe for concurrent use.
type Siblings struct {
	Led     chan bool
	Heard   chan tabs.Message
	Doubts  chan struct{}
	Changes chan struct{}

	channel *channel
	lock    *lock // nil: the browser has none, or no channel
	stream  *stream
	want    tabs.Want
	asked   bool // somebody has called Want: the page is guarded
	leads   bool
	still   bool // the page may be frozen at any moment
	hidden  func() bool
}

// heardAtOnce is how many messages may wait for the agent. More are dropped; whoever waits for an answer asks again.
const heardAtOnce = 256

// New joins the tabs under the page's prefix.
func New(port *page.Port) (*Siblings, error) {
	s := &Siblings{
		Led: make(chan bool, 1), Heard: make(chan tabs.Message, heardAtOnce), Doubts: make(chan struct{}, 1), Changes: make(chan struct{}, 1),
		hidden: port.Hidden,
	}
	name := "curfew:" + port.Prefix
	var err error
	if s.channel, err = newChannel(name, s.hear); err != nil {
		return nil, err
	}
	if s.channel != nil {
		if s.lock, err = newLock(name, s.led, func(release safejs.Value) { port.Entrust("release", release) }); err != nil {
			return nil, err
		}
	}
	if s.stream, err = newStream(port.Prefix+"events", func() int64 { return port.Now().Mono }, s.Doubts, s.Changes,
		func(source safejs.Value) { port.Entrust("stream", source) }); err != nil {
		return nil, err
	}
	port.OnLife(s.life)
	return s, nil
}

// Shared reports whether the tabs have a lock.
func (s *Siblings) Shared() bool { return s.lock != nil }

// Ask has the verifier asked soon, as after a change of the settings: its answer says how the session is.
func (s *Siblings) Ask() { hint(s.Changes) }

// Post tells all other tabs. A browser without channels has none that could hear it.
func (s *Siblings) Post(message tabs.Message) {
	if s.channel != nil {
		s.channel.post(tabs.Encode(message))
	}
}

// Want says what this tab wants of the lock.
func (s *Siblings) Want(want tabs.Want) {
	s.want, s.asked = want, true
	s.update()
}

func (s *Siblings) update() {
	want := s.want
	if s.still {
		want = tabs.None
	}
	if s.lock != nil && s.asked {
		s.lock.want(want)
	}
	// Without a lock each page that is seen has a stream of its own: a browser has few connections.
	s.stream.follow(s.asked && want != tabs.None && (s.leads || s.lock == nil && !s.hidden()))
}

// life takes the page's life events; see the package's comment.
func (s *Siblings) life(kind string) {
	switch kind {
	case "pagehide", "freeze":
		s.still = true
	case "pageshow", "resume":
		s.still = false
	case "visibilitychange", "focus":
		s.still = s.still && s.hidden() // who comes back to a page may be told of that before pageshow
	}
	if s.channel != nil {
		s.channel.listen(!s.still)
	}
	s.update()
}

func (s *Siblings) led(leads bool) {
	if s.leads == leads {
		return
	}
	s.leads = leads
	select {
	case <-s.Led: // it came and went
	default:
	}
	s.Led <- leads
	s.update()
}

func (s *Siblings) hear(text string) {
	message, err := tabs.Parse(text)
	if err != nil {
		return // some other script's
	}
	select {
	case s.Heard <- message:
	default:
	}
}

// optional reads a global that a browser may not have; ok is false then.
func optional(from safejs.Value, name string) (value safejs.Value, ok bool) {
	value, err := jsvalue.Object(from, name)
	return value, err == nil
}
