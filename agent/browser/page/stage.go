//go:build js && wasm

package page

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// Present shows a <dialog> as a modal one on top of everything and keeps it there until Dismiss. escape is called when the
// person, not a script, presses Escape.
func (p *Port) Present(dialog safejs.Value, escape safejs.Func) error {
	_, err := p.port.Call("present", dialog, escape)
	return err
}

// Dismiss closes what Present showed and gives the focus back.
func (p *Port) Dismiss(dialog safejs.Value) error {
	_, err := p.port.Call("dismiss", dialog)
	return err
}

// Style adds a style sheet to what is shown.
func (p *Port) Style(css string) { p.call("style", css) }

// Brand makes an element that shows whose application this is.
func (p *Port) Brand() (safejs.Value, error) { return p.port.Call("brand") }

// Retitle gives the tab another title, or with none the page's own again. While the page is covered it does nothing: the tab has the
// cover's title.
func (p *Port) Retitle(title string) { p.call("retitle", title) }

// Cover covers the whole page. With a label it has a button, which calls press when the person, not a script, presses it.
func (p *Port) Cover(title, body, label string, press safejs.Func) error {
	_, err := p.port.Call("cover", title, body, label, press)
	return err
}

// Uncover removes the cover, also the one that the loader showed by itself. After Fail it does nothing.
func (p *Port) Uncover() { p.call("uncover") }

// Ended says that the session is over for this page.
func (p *Port) Ended() { p.call("ended") }

// Texts are the texts of the page's language as language.Read takes them. It must not be called from a callback.
func (p *Port) Texts() (safejs.Value, error) {
	promise, err := p.port.Call("texts")
	if err != nil {
		return promise, err
	}
	return jsvalue.Await(nil, promise)
}

// Speak says which language is shown from now on, and what the loader says in it when it covers the page by itself.
func (p *Port) Speak(tag, direction, checkingTitle, checkingBody string) {
	p.call("speak", tag, direction)
	_ = p.port.Set("checking", []any{checkingTitle, checkingBody}) // or it stays in the language before
}

// Warn writes on the console, for whoever runs the application.
func (p *Port) Warn(text string) {
	if console, err := jsvalue.Object(safejs.Global(), "console"); err == nil {
		_, _ = console.Call("warn", "Curfew: "+text)
	}
}

// ToFront asks the browser to show this tab.
func (p *Port) ToFront() {
	if window, err := jsvalue.Object(p.document, "defaultView"); err == nil {
		_, _ = window.Call("focus")
	}
}

// Matches reports whether a media query is true.
func (p *Port) Matches(query string) bool {
	window, err := jsvalue.Object(p.document, "defaultView")
	if err != nil {
		return false
	}
	list, err := window.Call("matchMedia", query)
	if err != nil {
		return false
	}
	matches, err := jsvalue.Bool(list, "matches")
	return err == nil && matches
}

// OnClick calls then for every click by a person on an element: a click that a script made up is not one (D1). The loader listens,
// with the browser's own functions as they were before any script of the page could put others in their place.
func (p *Port) OnClick(element safejs.Value, then func()) error {
	clicked, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		then()
		return nil
	})
	if err == nil {
		_, err = p.port.Call("hear", element, "click", clicked)
	}
	return err
}
