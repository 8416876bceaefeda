package audit

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of the texts of an entry, in bytes. What is longer is cut when it enters the chain.
const (
	MaxDetail = 64 << 10 // room for the longest list of matchers, old and new
	MaxField  = 1 << 10
)

// Validate names the field that no event can have, or returns nil.
func (e Event) Validate() error {
	switch {
	case e.At < 0:
		return fmt.Errorf("at is %d; allowed: milliseconds since the epoch, 0 or more", e.At)
	case !e.Kind.Valid():
		return fmt.Errorf("kind is %q; allowed: %s", e.Kind, list(Kinds()))
	}
	return validWhy(e.Reason, e.Code)
}

// check is Validate for events that come from outside the chain: what was dropped only the store itself can say.
func (e Event) check() error {
	if e.Kind == Trimmed {
		return fmt.Errorf("kind is %q; allowed: any other, because only Trim drops entries", e.Kind)
	}
	return e.Validate()
}

// CheckAll is what Append refuses: it names the first event that no caller may add, or returns nil.
func CheckAll(events []Event) error {
	for i, e := range events {
		if err := e.check(); err != nil {
			return fmt.Errorf("event %d of %d: %w", i+1, len(events), err)
		}
	}
	return nil
}

// tidy makes the texts fit for one JSON line of bounded length, which must give back exactly what was hashed.
func (e Event) tidy() Event {
	for _, text := range []*string{&e.Environment, &e.Session, &e.Subject, &e.Client, &e.Actor, &e.Digest} {
		*text = tidy(*text, MaxField)
	}
	e.Detail = tidy(e.Detail, MaxDetail)
	return e
}

// cut stands at the end of a text that was cut.
const cut = "…"

func tidy(text string, most int) string {
	if utf8.ValidString(text) && len(text) <= most {
		return text
	}
	if text = strings.ToValidUTF8(text, string(utf8.RuneError)); len(text) <= most {
		return text
	}
	end := most - len(cut)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cut
}

// size is about what an event takes in memory, in bytes.
func (e Event) size() int {
	return 200 + len(e.Environment) + len(e.Session) + len(e.Subject) + len(e.Client) + len(e.Actor) + len(e.Digest) + len(e.Detail)
}

func list[T ~string](all []T) string {
	var text []string
	for _, one := range all {
		text = append(text, string(one))
	}
	return strings.Join(text, ", ")
}

// oneOf refuses a value that is not known. None at all is allowed.
func oneOf[T ~string](field string, value T, known []T) error {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s is %q; allowed: %s", field, value, list(known))
}
