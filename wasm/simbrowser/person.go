package simbrowser

import (
	"fmt"
	"strings"
)

// Screen is what a person sees in the tab, in a few words: "page", "warning: inactivity", "warning: session", "cover: " and its
// title, or "no page: " and why.
func (t *Tab) Screen() string {
	switch {
	case t.failed != nil:
		return "no page: " + t.failed.Error()
	case t.page == nil:
		return "no page"
	case t.page.loader == nil:
		return "page"
	}
	s := &t.page.loader.stage
	switch top := s.top(); {
	case top == nil:
		return "page"
	case top == s.curtain:
		return "cover: " + s.title.text
	default:
		return "warning: " + top.attributes["data-kind"]
	}
}

// Title is the title of the page below.
func (t *Tab) Title() string {
	if t.page == nil {
		return ""
	}
	return t.page.title
}

// Texts is all text of what is on top of the page, one line for each element that has any.
func (t *Tab) Texts() []string {
	var texts []string
	t.onTop(func(e *element) {
		if e.text != "" {
			texts = append(texts, e.text)
		}
	})
	return texts
}

// Buttons are the labels of the buttons that a person can press now, in their order.
func (t *Tab) Buttons() []string {
	var labels []string
	t.onTop(func(e *element) {
		if e.tag == "button" {
			labels = append(labels, e.content())
		}
	})
	return labels
}

// Focused is the text of what has the keyboard focus.
func (t *Tab) Focused() string {
	if t.page == nil || t.page.focus == nil {
		return ""
	}
	return t.page.focus.content()
}

func (t *Tab) onTop(do func(*element)) {
	if t.page == nil || t.page.loader == nil {
		return
	}
	if top := t.page.loader.stage.top(); top != nil {
		top.visible(do)
	}
}

// MoveMouse moves the mouse to a place where it was not.
func (t *Tab) MoveMouse() error {
	if t.page == nil || t.page.loader == nil {
		return t.send(input{})
	}
	a := t.page.loader.activity
	if !a.moved {
		// The first move only says where the mouse is.
		if err := t.send(input{kind: "pointermove", trusted: true, x: a.x + 1, y: a.y}); err != nil {
			return err
		}
	}
	return t.send(input{kind: "pointermove", trusted: true, x: a.x + 1, y: a.y})
}

// RestMouse is the pointermove that Chromium sends when the page moves under a resting mouse.
func (t *Tab) RestMouse() error {
	if t.page == nil || t.page.loader == nil {
		return t.send(input{})
	}
	a := t.page.loader.activity
	return t.send(input{kind: "pointermove", trusted: true, x: a.x, y: a.y})
}

// Key presses a key in the page.
func (t *Tab) Key() error { return t.send(input{kind: "keydown", trusted: true}) }

// Scroll turns the mouse's wheel, which also scrolls.
func (t *Tab) Scroll() error {
	if err := t.send(input{kind: "wheel", trusted: true}); err != nil {
		return err
	}
	return t.send(input{kind: "scroll", trusted: true})
}

// ScriptEvent is an event that a script of the page makes up and dispatches.
func (t *Tab) ScriptEvent(kind string) error {
	if t.page == nil || t.page.loader == nil {
		return t.send(input{})
	}
	a := t.page.loader.activity
	return t.send(input{kind: kind, x: a.x + 1, y: a.y + 1})
}

// ScriptScroll is a scroll by a script of the page. Its event is trusted.
func (t *Tab) ScriptScroll() error { return t.send(input{kind: "scroll", trusted: true}) }

func (t *Tab) send(in input) error {
	return t.do(func(p *page) error {
		if p.loader == nil {
			return nil
		}
		return p.loader.activity.take(in)
	})
}

// do runs something that a person or a script does in the page as a task, and what follows from it at once.
func (t *Tab) do(task func(p *page) error) error {
	p := t.page
	switch {
	case p == nil || t.browser.asleep:
		return errNoTab
	case t.hidden || t.frozen:
		return fmt.Errorf("simbrowser: %s is hidden or frozen", t.name)
	}
	p.realm.Post(func() error { return task(p) })
	return t.browser.world.Pass(0)
}

// Click presses the button with this label with the mouse, as a person does.
func (t *Tab) Click(label string) error { return t.press(label, true) }

// ScriptClick is a script's button.click().
func (t *Tab) ScriptClick(label string) error { return t.press(label, false) }

func (t *Tab) press(label string, trusted bool) error {
	var button *element
	t.onTop(func(e *element) {
		if e.tag == "button" && e.content() == label {
			button = e
		}
	})
	if button == nil {
		return fmt.Errorf("simbrowser: there is no button %q on %q, only %s", label, t.Screen(), strings.Join(t.Buttons(), ", "))
	}
	return t.do(func(p *page) error {
		if trusted {
			if err := p.loader.activity.take(input{kind: "pointerdown", trusted: true}); err != nil {
				return err
			}
			p.focus = button
		}
		return p.click(button, trusted)
	})
}

// Press presses a key by name: Escape, or Enter on what has the focus.
func (t *Tab) Press(key string) error { return t.key(key, true) }

// ScriptPress is a key event that a script made up.
func (t *Tab) ScriptPress(key string) error { return t.key(key, false) }

func (t *Tab) key(key string, trusted bool) error {
	return t.do(func(p *page) error {
		if p.loader == nil {
			return nil
		}
		if err := p.loader.activity.take(input{kind: "keydown", trusted: trusted}); err != nil {
			return err
		}
		top := p.loader.stage.top()
		if top == nil || !trusted {
			return nil
		}
		switch key {
		case "Escape":
			return call(p.loader.stage.escape[top])()
		case "Enter":
			if p.focus != nil && p.focus.tag == "button" {
				return p.click(p.focus, true)
			}
		}
		return nil
	})
}
