//go:build js && wasm

package page

import "github.com/hack-pad/safejs"

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

// Cover covers the whole page. With a label it has a button, which calls press when the person, not a script, presses it.
func (p *Port) Cover(title, body, label string, press safejs.Func) error {
	_, err := p.port.Call("cover", title, body, label, press)
	return err
}

// Uncover removes the cover, also the one that the loader showed by itself. After Fail it does nothing.
func (p *Port) Uncover() { p.call("uncover") }

// Ended says that the session is over for this page.
func (p *Port) Ended() { p.call("ended") }
