package storybook

import (
	"net/http"
	"slices"
)

// indexPolicy is the index page's content security policy. The page has no scripts.
const indexPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// widths are those of the frames in CSS pixels: a page at 400 % zoom, a phone, a desk.
func widths() []string { return []string{"320", "480", "1000"} }

// choice is a parameter of the index: its name and its values, the first of which counts when none is given.
type choice struct {
	Name, Label string
	Values      []string
	Chosen      string
}

// tile is a story on the index.
type tile struct{ Title, Press, Address string }

type section struct {
	Title string
	Tiles []tile
}

// index shows all stories in frames.
func (b *Book) index(w http.ResponseWriter, r *http.Request) {
	var tags []string
	for _, l := range b.Texts.Languages() {
		tags = append(tags, l.Tag())
	}
	choices := []choice{
		{Name: "language", Label: "Language", Values: tags},
		{Name: "theme", Label: "Theme", Values: themes()},
		{Name: "direction", Label: "Page direction", Values: directions()},
		{Name: "width", Label: "Width", Values: widths()},
	}
	for i, c := range choices {
		choices[i].Chosen = c.Values[0]
		if given := r.FormValue(c.Name); slices.Contains(c.Values, given) {
			choices[i].Chosen = given
		}
	}
	at := place{language: b.language(choices[0].Chosen), theme: choices[1].Chosen, direction: choices[2].Chosen}
	var sections []section
	for _, s := range b.stories {
		if len(sections) == 0 || sections[len(sections)-1].Title != s.group {
			sections = append(sections, section{Title: s.group})
		}
		at.story = s
		last := &sections[len(sections)-1]
		last.Tiles = append(last.Tiles, tile{s.title, s.press, at.base()})
	}
	b.write(w, indexPolicy, "index.html", struct {
		Choices  []choice
		Sections []section
		Width    string
	}{choices, sections, choices[3].Chosen})
}
