package console

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// walk visits the elements of a page, each with its attributes and the texts in it.
func walk(t testing.TB, page string, visit func(name string, attrs map[string]string, text string, path []string)) {
	t.Helper()
	type open struct {
		name  string
		attrs map[string]string
		text  strings.Builder
	}
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var stack []*open
	for {
		tok, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v\n%s", err, page)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			o := &open{name: tok.Name.Local, attrs: map[string]string{}}
			for _, a := range tok.Attr {
				o.attrs[a.Name.Local] = a.Value
			}
			stack = append(stack, o)
		case xml.CharData:
			for _, o := range stack {
				o.text.Write(tok)
			}
		case xml.EndElement:
			last := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			var path []string
			for _, o := range stack {
				path = append(path, o.name)
			}
			visit(last.name, last.attrs, last.text.String(), path)
		}
	}
}

// formOf is what a browser would send of the first posted form of a page.
func formOf(t testing.TB, page string) url.Values {
	t.Helper()
	_, from, ok := strings.Cut(page, `<form method="post"`)
	if !ok {
		t.Fatalf("the page has no form\n%s", page)
	}
	inside, _, _ := strings.Cut(from, "</form>")
	form := url.Values{}
	var options []string
	chosen, chosenAny := "", false
	walk(t, `<form method="post"`+inside+"</form>", func(name string, attrs map[string]string, text string, _ []string) {
		_, checked := attrs["checked"]
		switch {
		case name == "input" && attrs["name"] != "" && (attrs["type"] != "radio" && attrs["type"] != "checkbox" || checked):
			form.Add(attrs["name"], attrs["value"])
		case name == "textarea":
			form.Add(attrs["name"], strings.TrimPrefix(text, "\n"))
		case name == "option":
			value, has := attrs["value"]
			if !has {
				value = text
			}
			options = append(options, value)
			if _, is := attrs["selected"]; is {
				chosen, chosenAny = value, true
			}
		case name == "select":
			if !chosenAny && len(options) > 0 {
				chosen = options[0]
			}
			form.Add(attrs["name"], chosen)
			options, chosen, chosenAny = nil, "", false
		}
	})
	return form
}

var marks = regexp.MustCompile(`<[^>]*>`)

// textOf is what a page says, without its marks.
func textOf(t testing.TB, page string) string {
	t.Helper()
	return strings.Join(strings.Fields(html.UnescapeString(marks.ReplaceAllString(page, " "))), " ")
}
