//go:build js && wasm

// Package dom makes elements. Text only ever becomes text: there is no way here to write markup.
package dom

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// Element is one element of the page.
type Element struct{ Value safejs.Value }

// Attr is an attribute's name and value.
type Attr struct{ Name, Value string }

// New makes an element with attributes and children. It belongs to no tree yet.
func New(tag string, attributes []Attr, children ...Element) (Element, error) {
	document, err := jsvalue.Object(safejs.Global(), "document")
	if err != nil {
		return Element{}, err
	}
	value, err := document.Call("createElement", tag)
	if err != nil {
		return Element{}, err
	}
	element := Element{value}
	for _, attribute := range attributes {
		if err := element.Set(attribute.Name, attribute.Value); err != nil {
			return element, err
		}
	}
	for _, child := range children {
		if _, err := value.Call("append", child.Value); err != nil {
			return element, err
		}
	}
	return element, nil
}

// Set sets an attribute.
func (e Element) Set(name, value string) error {
	_, err := e.Value.Call("setAttribute", name, value)
	return err
}

// SetText replaces the element's content by text.
func (e Element) SetText(text string) error { return e.Value.Set("textContent", text) }

// SetHidden hides the element or shows it again.
func (e Element) SetHidden(hidden bool) error { return e.Value.Set("hidden", hidden) }

// Focus moves the focus to the element.
func (e Element) Focus() error {
	_, err := e.Value.Call("focus")
	return err
}
