package console

import (
	"strings"

	"github.com/curfew-project/curfew/verifier/settings"
)

// form is a form as it is shown: with what was typed, and with what is wrong with it.
type form struct {
	Action  string // where it is sent
	Token   string
	Version int64 // that somebody saw who began to type
	Base    draft // what it held then
	Values  draft
	wrong   map[string][]string // by field
}

// field is one field of a form.
type field struct {
	ID, Label, Hint, Value string
	Wrong                  []string
}

// Described are the elements that describe the field.
func (f field) Described() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if len(f.Wrong) > 0 {
		ids = append(ids, f.ID+"-wrong")
	}
	return strings.Join(ids, " ")
}

// Field is a field by its key, with what people call it and a hint, which may be empty.
func (f *form) Field(key, label, hint string) field {
	return field{key, label, hint, f.Values[key], f.wrong[key]}
}

// Is reports whether a field holds a value.
func (f *form) Is(key, value string) bool { return f.Values[key] == value }

// Has reports whether the form has a field.
func (f *form) Has(key string) bool {
	_, ok := f.Values[key]
	return ok
}

// Wrong is what is wrong with a field.
func (f *form) Wrong(key string) []string { return f.wrong[key] }

// Encoded is Base as a hidden field.
func (f *form) Encoded() string { return f.Base.encode() }

// anchors says which element shows a field, where that is not called as the field.
type anchors map[string]string

// refuse puts problems to their fields, and all of them into the summary. A field that the form does not show has no link.
func (f *form) refuse(all settings.Problems, at anchors) []problem {
	f.wrong = map[string][]string{}
	var summary []problem
	for _, p := range all {
		f.wrong[p.Field] = append(f.wrong[p.Field], p.Message)
		anchor, known := at[p.Field]
		if _, own := f.Values[p.Field]; !known && own {
			anchor = p.Field
		}
		summary = append(summary, problem{anchor, p.Message})
	}
	return summary
}
