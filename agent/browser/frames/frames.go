//go:build js && wasm

package frames

import (
	"slices"
	"time"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/browser/page"
	"github.com/curfew-project/curfew/agent/cancel"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
)

// Frames are the links of a page. It is not safe for concurrent use.
type Frames struct {
	port             *page.Port
	window           safejs.Value
	object           safejs.Value // Object
	crypto, location safejs.Value
	origins          []string

	links    []*link
	calls    map[string]safejs.Value // the windows that have not answered a hello, by its token
	called   int                     // how often they were said again
	calledAt activity.Stamp
	hellos   budget // of others
	asked    activity.Stamp
	soon     bool // look will be called without anybody's doing

	heard   chan<- tabs.Message // nil: this page only reports
	choices chan warning.Choice
	offered bool // a warning shows that a person can answer with staying
}

// Join makes a guarded page take part, and returns the ports that its agent is to run with.
func Join(port *page.Port, ports agent.Ports, others chan<- tabs.Message) (agent.Ports, error) {
	f, err := open(port)
	if f == nil || err != nil {
		return ports, err
	}
	f.heard, f.choices = others, make(chan warning.Choice, 1)
	go func(made <-chan warning.Choice) {
		for choice := range made {
			if choice == warning.Stay {
				f.stayed()
			}
			f.choices <- choice
		}
	}(ports.Choices)
	ports.Choices = f.choices
	ports.Page = watched{ports.Page, f}
	ports.Screen = screen{ports.Screen, f}
	return ports, nil
}

// Report makes a page that has no session tell the windows above it of its activity, until ctx ends.
func Report(ctx *cancel.Context, port *page.Port) error {
	f, err := open(port)
	if err != nil {
		return err
	}
	port.Expect(minute, 0)
	if f != nil {
		f.lookOften(ctx)
	}
	return nil
}

// lookOften looks each minute, as an agent that guards does.
func (f *Frames) lookOften(ctx *cancel.Context) {
	if ctx.Err() == nil {
		f.look()
		time.AfterFunc(minute*time.Millisecond, func() { f.lookOften(ctx) })
	}
}

// open returns nil where the operator lets no other origin take part.
func open(port *page.Port) (*Frames, error) {
	f := &Frames{port: port, calls: map[string]safejs.Value{}}
	var err error
	if f.origins, err = origins(port.Site); err != nil || len(f.origins) == 0 {
		return nil, err
	}
	global := safejs.Global()
	document, err := jsvalue.Object(global, "document")
	if err != nil {
		return nil, err
	}
	for _, object := range [...]struct {
		from safejs.Value
		name string
		to   *safejs.Value
	}{{document, "defaultView", &f.window}, {global, "Object", &f.object}, {global, "crypto", &f.crypto}, {global, "location", &f.location}} {
		if *object.to, err = jsvalue.Object(object.from, object.name); err != nil {
			return nil, err
		}
	}
	for _, kind := range [...]string{"message", "pagehide", "pageshow"} {
		listener, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			// A script of the page can send these events too.
			if trusted, err := jsvalue.Bool(args[0], "isTrusted"); err == nil && trusted {
				f.happened(kind, args[0])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if _, err := f.window.Call("addEventListener", kind, listener); err != nil {
			return nil, err
		}
	}
	f.call()
	return f, nil
}

// origins reads which other origins may take part.
func origins(site string) ([]string, error) {
	json, err := jsvalue.Object(safejs.Global(), "JSON")
	if err != nil {
		return nil, err
	}
	settings, err := json.Call("parse", site)
	if err != nil || settings.Type() != safejs.TypeObject {
		return nil, nil // the loader of nobody in particular
	}
	list, err := jsvalue.Object(settings, "frames")
	if err != nil {
		return nil, nil
	}
	count, err := list.Length()
	if err != nil {
		return nil, err
	}
	var found []string
	for i := range min(count, maxOrigins) {
		value, err := list.Index(i)
		if err != nil || value.Type() != safejs.TypeString {
			continue
		}
		if origin, err := value.String(); err == nil && len(origin) <= maxOrigin && web(origin) {
			found = append(found, origin)
		}
	}
	return found, nil
}

func (f *Frames) happened(kind string, event safejs.Value) {
	switch kind {
	case "message":
		f.greeted(event)
	case "pagehide":
		// It may be kept, frozen, and come back. What it held until then nobody could rely on.
		for _, l := range f.links {
			f.drop(l, true)
		}
		clear(f.calls)
	case "pageshow":
		if kept, err := jsvalue.Bool(event, "persisted"); err == nil && kept {
			f.called = 0
			f.call()
		}
	}
}

// look tells linked pages what they should know by now. It is called whenever the agent has looked at the page.
func (f *Frames) look() {
	now, last := f.port.Now(), f.port.LastActivity()
	attending := false
	for _, l := range f.links { // drop makes another slice
		if closed, err := jsvalue.Bool(l.source, "closed"); err != nil || closed {
			f.drop(l, false)
			continue
		}
		if l.news.due(now, last) {
			l.say(tabs.Encode(acted(now, last)))
		}
		attending = attending || l.news.attending(now)
	}
	if attending && !f.soon {
		f.soon = true
		time.AfterFunc(glance*time.Millisecond, func() {
			f.soon = false
			f.look()
		})
	}
	f.callAgain(now)
}

// ask asks linked pages for activity that this one does not know of, because it is about to warn or warns.
func (f *Frames) ask() {
	now := f.port.Now()
	if !f.asked.IsZero() && now.Since(f.asked) < pause {
		return
	}
	f.asked = now
	last := f.port.LastActivity()
	for _, l := range f.links {
		m := tabs.Message{Kind: tabs.Ask, Wall: now.Wall, Idle: unknown}
		if l.news.due(now, last) {
			m.Idle = acted(now, last).Idle
		}
		l.say(tabs.Encode(m))
	}
}

// stayed tells linked pages that a person has just chosen to stay signed in here.
func (f *Frames) stayed() {
	for _, l := range f.links {
		l.say(tabs.Encode(tabs.Message{Kind: tabs.Ask, Wall: f.port.Now().Wall, Idle: unknown, Stay: true}))
	}
}

// take takes what a linked page says, and reports whether it is what such pages say.
func (f *Frames) take(l *link, text string) bool {
	now := f.port.Now()
	if !l.budget.take(now.Mono) {
		return false
	}
	h, ok := understand(text, now)
	if !ok {
		return false
	}
	if h.acted != nil && f.heard != nil {
		select {
		case f.heard <- *h.acted:
		default: // the other says it again when it is asked
		}
	}
	if h.stay && f.offered {
		select {
		case f.choices <- warning.Stay:
		default: // there is a choice already
		}
	}
	if h.asks {
		l.news.asked = now
		f.look()
	}
	return true
}

// watched is the page as the agent sees it.
type watched struct {
	agent.Page
	frames *Frames
}

// Expect is called after every look at the page.
func (w watched) Expect(wake, ends int64) {
	w.Page.Expect(wake, ends)
	w.frames.look()
}

// Tell also notes that a warning is near.
func (w watched) Tell(event agent.Event) <-chan struct{} {
	if event.Type == agent.Notice {
		w.frames.ask()
	}
	return w.Page.Tell(event)
}

// screen is the screen as the agent sees it.
type screen struct {
	agent.Screen
	frames *Frames
}

// Show also notes whether staying is offered. What somebody did elsewhere just before may still be unknown here.
func (s screen) Show(view warning.View) {
	s.frames.offered = slices.Contains(view.Buttons[:], warning.Stay)
	if s.frames.offered {
		s.frames.ask()
	}
	s.Screen.Show(view)
}

func (s screen) Hide() {
	s.frames.offered = false
	s.Screen.Hide()
}
