package simbrowser

import (
	"slices"

	"github.com/curfew-project/curfew/wasm/host"
)

// stage is what lies above the page (wasm/loader/stage.js, cover.js): modal dialogs, the last one on top.
type stage struct {
	page     *page
	shown    []*element
	escape   map[*element]*host.Object // what Escape calls while that dialog is on top
	before   *element                  // what had the focus before the first one was shown
	curtain  *element                  // the cover; nil until it was first needed
	title    *element
	body     *element
	button   *element
	pressing func() error
}

func (s *stage) top() *element {
	if len(s.shown) == 0 {
		return nil
	}
	return s.shown[len(s.shown)-1]
}

func (s *stage) present(dialog *element, escape *host.Object) {
	if s.escape == nil {
		s.escape = map[*element]*host.Object{}
	}
	if len(s.shown) == 0 {
		s.before = s.page.focus
	}
	if !slices.Contains(s.shown, dialog) {
		s.shown = append(s.shown, dialog)
		s.escape[dialog] = escape
	}
	s.focusInto(dialog)
}

// focusInto moves the focus as showModal does: to what has the attribute autofocus.
func (s *stage) focusInto(dialog *element) {
	s.page.focus = dialog
	dialog.visible(func(e *element) {
		if _, ok := e.attributes["autofocus"]; ok && s.page.focus == dialog {
			s.page.focus = e
		}
	})
}

func (s *stage) dismiss(dialog *element) {
	at := slices.Index(s.shown, dialog)
	if at < 0 {
		return
	}
	s.shown = slices.Delete(s.shown, at, at+1)
	delete(s.escape, dialog)
	if len(s.shown) == 0 {
		s.page.focus, s.before = s.before, nil
	}
}

func (s *stage) cover(title, body, label string, press func() error) {
	if s.curtain == nil {
		p := s.page
		s.curtain, s.title, s.body, s.button = p.newElement("dialog"), p.newElement("h1"), p.newElement("p"), p.newElement("button")
		s.title.attributes["autofocus"] = ""
		s.curtain.children = []*element{s.title, s.body, s.button}
		s.button.press = func(trusted bool) error {
			if !trusted || s.pressing == nil {
				return nil
			}
			return s.pressing()
		}
	}
	s.pressing = press
	for _, part := range [...]struct {
		of   *element
		text string
	}{{s.title, title}, {s.body, body}, {s.button, label}} {
		part.of.text, part.of.hidden = part.text, part.text == ""
	}
	if !slices.Contains(s.shown, s.curtain) {
		s.present(s.curtain, nil)
	}
}

func (s *stage) covered() bool { return s.curtain != nil && slices.Contains(s.shown, s.curtain) }

func (s *stage) uncover() {
	if s.curtain != nil {
		s.dismiss(s.curtain)
	}
}
