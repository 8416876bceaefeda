//go:build js && wasm

// Package dialog shows the warning and the cover in a page (agent.Screen). The warning is a native modal <dialog> with the role
// alertdialog in the loader's shadow root; its look is in dialog.css and wasm/loader/style.css. Only what differs from the last view
// is drawn, so that a countdown writes one text each second and a quiet page nothing.
package dialog

import (
	_ "embed"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/dom"
	"github.com/curfew-project/curfew/agent/browser/language"
	"github.com/curfew-project/curfew/agent/browser/page"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

//go:embed dialog.css
var look string

// Dialog implements agent.Screen. It is not safe for concurrent use: Go runs on the page's one thread, and nothing here waits.
type Dialog struct {
	Choices chan warning.Choice

	port     *page.Port
	box      box
	built    bool
	dressed  bool
	language language.Language
	asking   bool // for the page's language
	asked    bool
	view     warning.View
	words    warning.ViewWords // as they were last drawn
	showing  bool
	cover    warning.Cover
	covered  bool
	escape   safejs.Func
	press    safejs.Func
	away     away
}

// box are the elements of the warning.
type box struct {
	dialog, title, body, countdown, announce, note dom.Element
	buttons                                        [2]dom.Element
}

// New returns a screen that shows nothing yet.
func New(port *page.Port) (*Dialog, error) {
	d := &Dialog{Choices: make(chan warning.Choice, 1), port: port, language: language.English()}
	var err error
	if d.escape, err = safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		if d.showing {
			d.offer(d.view.Escape)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if d.press, err = safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		if d.covered {
			d.offer(d.cover.Button)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	port.OnLife(func(kind string) {
		if kind == "visibilitychange" && d.showing {
			d.reach() // at once, and not only with the next second
		}
	})
	d.away.focus, err = d.newFocus()
	return d, err
}

// Choose takes a choice that a script of the page makes, and reports whether it was taken.
func (d *Dialog) Choose(choice warning.Choice) bool {
	if choice == warning.Stay && d.showing && d.view.Kind == wire.WarnInactivity {
		return false // the dialog has its own button, and only that is the explicit choice that it asks for (A4)
	}
	return d.offer(choice)
}

// offer hands a choice to the agent, unless one is still waiting: the agent takes choices at once, so that is the second of a double click.
func (d *Dialog) offer(choice warning.Choice) bool {
	select {
	case d.Choices <- choice:
		return true
	default:
		return false
	}
}

// Show shows the warning, or changes what it says.
func (d *Dialog) Show(view warning.View) {
	if d.showing && view == d.view {
		return
	}
	if !d.showing {
		d.ask()
	}
	if err := d.show(view); err != nil {
		d.port.Fail(page.FailedAgent, err)
		return
	}
	d.reach()
}

// Hide closes the warning.
func (d *Dialog) Hide() {
	d.askOnce()
	if !d.showing {
		return
	}
	d.showing = false
	d.back()
	if err := d.port.Dismiss(d.box.dialog.Value); err != nil {
		d.port.Fail(page.FailedAgent, err)
	}
}

// Cover covers the page, or changes what the cover says. The loader writes on the cover too, when somebody touches the page late,
// so it is told every time; it draws only what differs.
func (d *Dialog) Cover(cover warning.Cover) {
	if !d.covered {
		d.ask()
	}
	d.covered, d.cover = true, cover
	d.dress()
	words := d.language.Texts.Cover(cover)
	if err := d.port.Cover(words.Title, words.Body, words.Button, d.press); err != nil {
		d.port.Fail(page.FailedAgent, err)
	}
	if cover.Button == warning.SignInAgain {
		d.port.Ended()
	}
}

// Uncover shows the page again. The loader may have covered it by itself, so it is always told.
func (d *Dialog) Uncover() {
	d.covered = false
	d.port.Uncover()
}

// dress hands the look over when there is something to look at.
func (d *Dialog) dress() {
	if !d.dressed {
		d.dressed = true
		d.port.Style(look)
	}
}

func (d *Dialog) show(view warning.View) error {
	d.dress()
	if !d.built {
		if err := d.build(); err != nil {
			return err
		}
		d.built = true
	}
	if err := d.draw(view); err != nil {
		return err
	}
	again := d.showing && view.Buttons != d.view.Buttons
	first := !d.showing
	d.view, d.showing = view, true
	switch {
	case first:
		return d.port.Present(d.box.dialog.Value, d.escape)
	case again:
		// Another warning with other choices: whoever is about to press a button must notice, and one that had the focus may be gone.
		return d.box.buttons[0].Focus()
	}
	return nil
}

// draw writes what differs between the last words and these. What was last drawn stays in the elements while the dialog is closed.
func (d *Dialog) draw(view warning.View) error {
	last, now, b := d.words, d.language.Texts.View(view, d.language.Format), &d.box
	d.words = now
	for _, text := range [...]struct {
		of       dom.Element
		was, now string
	}{
		{b.title, last.Title, now.Title},
		{b.body, last.Body, now.Body},
		{b.countdown, last.Countdown, now.Countdown},
		{b.announce, last.Announce, now.Announce},
		{b.note, last.Note, now.Note},
		{b.buttons[0], last.Buttons[0], now.Buttons[0]},
		{b.buttons[1], last.Buttons[1], now.Buttons[1]},
	} {
		if text.was == text.now {
			continue
		}
		if err := text.of.SetText(text.now); err != nil {
			return err
		}
	}
	for i, label := range now.Buttons {
		if none := label == ""; none != (last.Buttons[i] == "") {
			if err := b.buttons[i].SetHidden(none); err != nil {
				return err
			}
		}
	}
	if view.Kind != d.view.Kind {
		return b.dialog.Set("data-kind", string(view.Kind))
	}
	return nil
}

// build makes the elements once.
func (d *Dialog) build() error {
	var failed error
	element := func(tag string, attributes []dom.Attr, children ...dom.Element) dom.Element {
		made, err := dom.New(tag, attributes, children...)
		if err != nil && failed == nil {
			failed = err
		}
		return made
	}
	b := &d.box
	b.title = element("h2", []dom.Attr{{Name: "id", Value: "title"}, {Name: "part", Value: "title"}})
	b.body = element("p", []dom.Attr{{Name: "id", Value: "body"}, {Name: "part", Value: "body"}})
	// What changes every second is for the eye only. The ear has the announcement.
	b.countdown = element("p", []dom.Attr{{Name: "part", Value: "countdown"}, {Name: "aria-hidden", Value: "true"}})
	b.announce = element("p", []dom.Attr{{Name: "id", Value: "announce"}, {Name: "class", Value: "spoken"}, {Name: "aria-live", Value: "assertive"}})
	b.note = element("p", []dom.Attr{{Name: "part", Value: "note"}, {Name: "role", Value: "status"}})
	for i, part := range [...]string{"button primary", "button"} {
		attributes := []dom.Attr{{Name: "type", Value: "button"}, {Name: "part", Value: part}}
		if i == 0 {
			attributes = append(attributes, dom.Attr{Name: "autofocus"})
		}
		b.buttons[i] = element("button", attributes)
	}
	buttons := element("div", []dom.Attr{{Name: "part", Value: "buttons"}}, b.buttons[0], b.buttons[1])
	b.dialog = element("dialog", []dom.Attr{
		{Name: "part", Value: "dialog"},
		{Name: "role", Value: "alertdialog"},
		{Name: "aria-labelledby", Value: "title"},
		{Name: "aria-describedby", Value: "body announce"},
	}, b.title, b.body, b.countdown, b.announce, b.note, buttons)
	if failed != nil {
		return failed
	}
	if brand, err := d.port.Brand(); err == nil {
		if _, err := b.dialog.Value.Call("prepend", brand); err != nil {
			return err
		}
	}
	for i := range b.buttons {
		if err := d.port.OnClick(b.buttons[i].Value, func() {
			if d.showing {
				d.offer(d.view.Buttons[i])
			}
		}); err != nil {
			return err
		}
		if err := b.buttons[i].SetHidden(true); err != nil { // as in the zero View
			return err
		}
	}
	return nil
}
