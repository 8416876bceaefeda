package simbrowser

import (
	"slices"

	"github.com/curfew-project/curfew/wasm/host"
)

// element is one element, made by the agent or by the loader.
type element struct {
	object     *host.Object
	tag        string
	attributes map[string]string
	text       string // content, when it has no children
	children   []*element
	hidden     bool
	clicked    []*host.Object // the guest's listeners for click
	press      func(trusted bool) error
}

// document can make elements, and has a title, a language and a visibility. The agent looks at nothing else that is there.
func (p *page) document() *host.Object {
	p.elem = p.elementClass()
	root := p.realm.NewObject().DefineAccessor("lang", func(host.Call) (host.Value, error) { return host.String(p.lang), nil }, nil)
	return p.realm.NewObject().
		Define("documentElement", root).
		DefineAccessor("title", func(host.Call) (host.Value, error) { return host.String(p.title), nil },
			func(c host.Call) (host.Value, error) {
				title, err := c.String(0)
				if err == nil {
					p.title = title
				}
				return host.Undefined, err
			}).
		DefineAccessor("visibilityState", func(host.Call) (host.Value, error) {
			if p.visible() {
				return host.String("visible"), nil
			}
			return host.String("hidden"), nil
		}, nil).
		DefineFunc("createElement", func(c host.Call) (host.Value, error) {
			tag, err := c.String(0)
			if err != nil {
				return nil, err
			}
			return p.newElement(tag).object, nil
		})
}

func (p *page) newElement(tag string) *element {
	e := &element{tag: tag, attributes: map[string]string{}}
	e.object = p.elem.New().SetData(e)
	return e
}

func elementOf(v host.Value) (*element, error) {
	e, ok := host.DataOf[*element](v)
	if !ok {
		return nil, host.TypeError("Illegal invocation")
	}
	return e, nil
}

func (p *page) elementClass() *host.Class {
	class := p.realm.NewClass("HTMLElement", nil, nil)
	method := func(name string, do func(e *element, c host.Call) error) {
		class.Prototype.DefineFunc(name, func(c host.Call) (host.Value, error) {
			e, err := elementOf(c.This)
			if err != nil {
				return nil, err
			}
			return host.Undefined, do(e, c)
		})
	}
	method("setAttribute", func(e *element, c host.Call) error {
		name, err := c.String(0)
		if err != nil {
			return err
		}
		e.attributes[name], err = c.String(1)
		return err
	})
	method("append", func(e *element, c host.Call) error {
		for _, arg := range c.Args {
			child, err := elementOf(arg)
			if err != nil {
				return host.TypeError("only elements can be appended here")
			}
			e.children = append(e.children, child)
		}
		return nil
	})
	method("focus", func(e *element, _ host.Call) error {
		p.focus = e
		return nil
	})
	accessor := func(name string, get func(e *element) host.Value, set func(e *element, v host.Value) error) {
		class.Prototype.DefineAccessor(name, func(c host.Call) (host.Value, error) {
			e, err := elementOf(c.This)
			if err != nil {
				return nil, err
			}
			return get(e), nil
		}, func(c host.Call) (host.Value, error) {
			e, err := elementOf(c.This)
			if err != nil {
				return nil, err
			}
			return host.Undefined, set(e, c.Arg(0))
		})
	}
	accessor("textContent", func(e *element) host.Value { return host.String(e.content()) }, func(e *element, v host.Value) error {
		text, err := host.ToString(v)
		e.text, e.children = text, nil
		return err
	})
	accessor("hidden", func(e *element) host.Value { return host.Bool(e.hidden) }, func(e *element, v host.Value) error {
		e.hidden = host.Truthy(v)
		return nil
	})
	return class
}

// content is all text in the element, as textContent gives it.
func (e *element) content() string {
	text := e.text
	for _, child := range e.children {
		text += child.content()
	}
	return text
}

// visible calls do for every element in it that a person can see, itself included, in the order of the document.
func (e *element) visible(do func(*element)) {
	if e.hidden {
		return
	}
	do(e)
	for _, child := range e.children {
		child.visible(do)
	}
}

// click clicks the element: with trusted, a person did.
func (p *page) click(e *element, trusted bool) error {
	for _, heard := range slices.Clone(e.clicked) { // what the loader hears: clicks by people only
		if !trusted {
			break
		}
		if _, err := heard.Call(host.Undefined); err != nil {
			return err
		}
		p.realm.Loop().Checkpoint()
	}
	if e.press != nil {
		return e.press(trusted)
	}
	return nil
}
