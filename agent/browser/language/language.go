//go:build js && wasm

// Package language reads the texts of the page's language (C7), which the loader fetches, and writes numbers and lengths the way that
// language does, by the browser's own Intl.
package language

import (
	"errors"
	"strings"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/warning"
)

// Language is all that is needed to speak to a person. It does not change.
type Language struct {
	Tag       string // such as da or pt-BR (BCP 47)
	Direction string // ltr or rtl
	Texts     warning.Texts
	Format    warning.Format
}

// English is what is built in.
func English() Language {
	return Language{Tag: "en", Direction: "ltr", Texts: warning.English(), Format: warning.EnglishFormat{}}
}

const (
	maxTag  = 35      // characters: the longest that anybody must be able to read (RFC 5646 section 4.4.1)
	maxText = 4 << 10 // bytes
)

// Read takes what the loader's texts promises: the texts of a language by their keys, with the language's tag and direction, or null
// for English. Nobody is told half in one language and half in another, so texts that lack anything are an error.
func Read(value safejs.Value) (Language, error) {
	if value.IsNull() {
		return English(), nil
	}
	if value.Type() != safejs.TypeObject {
		return English(), errors.New("the texts are no object")
	}
	l := English()
	english := l.Texts
	l.Texts = make(warning.Texts, len(english))
	var err error
	if l.Tag, err = jsvalue.Text(value, "language", maxTag); err != nil {
		return English(), err
	}
	if l.Direction, err = jsvalue.Text(value, "direction", len("rtl")); err != nil {
		return English(), err
	}
	if l.Tag == "" || l.Direction != "ltr" && l.Direction != "rtl" {
		return English(), errors.New("language or direction is none: " + l.Tag + " " + l.Direction)
	}
	for key, in := range english {
		text, err := jsvalue.Text(value, string(key), maxText)
		if err != nil {
			return English(), err
		}
		if text == "" || strings.Count(text, warning.Place) != strings.Count(in, warning.Place) {
			return English(), errors.New("the text of " + string(key) + " is empty, or its place for a length of time is not as in English")
		}
		l.Texts[key] = text
	}
	if intl, err := newIntl(l.Tag); err == nil {
		l.Format = intl
	}
	return l, nil
}
