//go:build js && wasm

package frames

import (
	"slices"
	"time"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// link is a page of another origin that takes part.
type link struct {
	source safejs.Value // its window
	port   safejs.Value // this page's end of the channel
	spoke  safejs.Func
	news   news
	budget budget
}

func (l *link) say(text string) { _, _ = l.port.Call("postMessage", text) }

// greeted takes a message that came to the window. Only what the browser says of it decides: it comes first, so that a message that
// means nothing here is not even read.
func (f *Frames) greeted(event safejs.Value) {
	origin, err := jsvalue.Text(event, "origin", maxOrigin)
	if err != nil || !slices.Contains(f.origins, origin) {
		return
	}
	source, err := jsvalue.Object(event, "source")
	if err != nil {
		return
	}
	text, ok := f.text(event)
	if !ok {
		return
	}
	switch word, token, _ := greeting(text); word {
	case hello:
		// A page that only reports has nobody to be told.
		if f.heard != nil && f.below(source) && f.hellos.take(f.port.Now().Mono) {
			f.answer(source, origin, token)
		}
	case welcome:
		f.welcomed(event, source, token)
	}
}

// text reads the text that a message carries. It looks at its length first: what is copied into this module's memory never makes
// that smaller again.
func (f *Frames) text(event safejs.Value) (string, bool) {
	data, err := event.Get("data")
	if err != nil || data.Type() != safejs.TypeString {
		return "", false
	}
	boxed, err := f.object.Invoke(data)
	if err != nil {
		return "", false
	}
	if length, err := boxed.Length(); err != nil || length > maxText {
		return "", false
	}
	text, err := data.String()
	return text, err == nil
}

// below reports whether a window is a frame of this one, at any depth. Only the browser makes what it looks at: a page of another
// origin cannot say who its parent is.
func (f *Frames) below(view safejs.Value) bool {
	for range maxDepth {
		parent, err := jsvalue.Object(view, "parent")
		if err != nil || parent.Equal(view) {
			return false
		}
		if parent.Equal(f.window) {
			return true
		}
		view = parent
	}
	return false
}

// answer gives a page in a frame one end of a channel. The browser delivers it only if the page is still there.
func (f *Frames) answer(source safejs.Value, origin, token string) {
	class, err := jsvalue.Object(f.window, "MessageChannel")
	if err != nil {
		return
	}
	channel, err := class.New()
	if err != nil {
		return
	}
	mine, err := jsvalue.Object(channel, "port1")
	if err != nil {
		return
	}
	theirs, err := jsvalue.Object(channel, "port2")
	if err != nil {
		return
	}
	if _, err := source.Call("postMessage", welcome+token, origin, []any{theirs}); err != nil {
		return
	}
	f.link(source, mine)
}

// welcomed takes the answer to a hello, once, and only from the window that it was said to.
func (f *Frames) welcomed(event, source safejs.Value, token string) {
	if called, ok := f.calls[token]; !ok || !called.Equal(source) {
		return
	}
	ports, err := jsvalue.Object(event, "ports")
	if err != nil {
		return
	}
	if count, err := ports.Length(); err != nil || count != 1 {
		return
	}
	port, err := ports.Index(0)
	if err != nil {
		return
	}
	delete(f.calls, token)
	f.link(source, port)
}

// link begins a link with a window. It takes the place of an earlier one, and of the oldest one of all where there are too many.
func (f *Frames) link(source, port safejs.Value) {
	f.drop(f.linked(source), true)
	if len(f.links) == maxLinks {
		f.drop(f.links[0], true)
	}
	l := &link{source: source, port: port}
	var err error
	if l.spoke, err = safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		switch text, ok := f.text(args[0]); {
		case ok && text == bye:
			f.drop(l, false)
		case !ok || !f.take(l, text):
			f.drop(l, true) // it says what nobody of ours says, or too much, or the other end was closed
		}
		return nil
	}); err != nil {
		return
	}
	f.links = append(f.links, l)
	if port.Set("onclose", l.spoke) != nil || port.Set("onmessage", l.spoke) != nil {
		f.drop(l, false)
		return
	}
	f.look()
}

// linked is the link with a window, or nil.
func (f *Frames) linked(view safejs.Value) *link {
	for _, l := range f.links {
		if l.source.Equal(view) {
			return l
		}
	}
	return nil
}

// drop ends a link, if it has not ended. Nothing of it stays.
func (f *Frames) drop(l *link, tell bool) {
	i := slices.Index(f.links, l)
	if i < 0 {
		return
	}
	f.links = append(f.links[:i:i], f.links[i+1:]...)
	if tell {
		l.say(bye)
	}
	for _, name := range [...]string{"onmessage", "onclose"} {
		_ = l.port.Set(name, nil)
	}
	_, _ = l.port.Call("close")
	time.AfterFunc(0, l.spoke.Release) // it may be what runs at this moment
}

// callAgain says hello once more to windows that have not answered, or whose link has ended: soon after the page was loaded, because
// their agents may begin later, and then when there is an occasion.
func (f *Frames) callAgain(now activity.Stamp) {
	if !f.calledAt.IsZero() && now.Since(f.calledAt) >= pause {
		f.call()
	}
}

// call says hello to every window above that may be of an allowed origin and is not linked.
func (f *Frames) call() {
	f.calledAt = f.port.Now()
	clear(f.calls)
	f.eachAbove(func(view safejs.Value, origins []string) {
		if f.linked(view) != nil {
			return
		}
		token, err := f.crypto.Call("randomUUID")
		if err != nil {
			return
		}
		text, err := token.String()
		if err != nil {
			return
		}
		f.calls[text] = view
		for _, origin := range origins {
			_, _ = view.Call("postMessage", hello+text, origin)
		}
	})
	// 1, 4 and 16 seconds after the page was loaded, and then only when it is looked at.
	if wait := time.Second << (2 * f.called); len(f.calls) > 0 && f.called < 3 {
		f.called++
		time.AfterFunc(wait, func() {
			if len(f.calls) > 0 {
				f.call()
			}
		})
	}
}

// eachAbove goes through the windows above this one, each with the allowed origins that it may have. Browsers that say which one it
// has are asked, because a message with another one is noise on the console.
func (f *Frames) eachAbove(then func(view safejs.Value, origins []string)) {
	view := f.window
	known, err := jsvalue.Object(f.location, "ancestorOrigins")
	says := err == nil
	for i := range maxDepth {
		parent, err := jsvalue.Object(view, "parent")
		if err != nil || parent.Equal(view) {
			return
		}
		view = parent
		origins := f.origins
		if says {
			value, err := known.Index(i)
			if err != nil || value.Type() != safejs.TypeString {
				return
			}
			origin, err := value.String()
			if err != nil || !slices.Contains(f.origins, origin) {
				continue
			}
			origins = []string{origin}
		}
		then(view, origins)
	}
}
