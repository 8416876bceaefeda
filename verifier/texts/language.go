package texts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// Language is all texts of one language. It does not change, and is safe for concurrent use.
type Language struct {
	tag       language.Tag
	name      string // as the file writes the tag
	direction string
	texts     map[Key]string
}

// Tag is the language's tag (BCP 47), such as pt-BR.
func (l *Language) Tag() string { return l.name }

// Direction is ltr or rtl.
func (l *Language) Direction() string { return l.direction }

// Text is the text of a key. Every language has one for every key that there is.
func (l *Language) Text(key Key) string { return l.texts[key] }

// Bounds of a text, in characters. Titles and buttons must fit where they stand.
const (
	maxText  = 600
	maxShort = 100
)

// short reports whether a key's text is a title or on a button.
func short(key Key) bool {
	return strings.HasSuffix(string(key), ".title") || strings.HasSuffix(string(key), ".label") ||
		strings.HasPrefix(strings.TrimPrefix(string(key), pagePrefix), "button.")
}

var (
	tagPattern = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
	places     = regexp.MustCompile(`\{[^{}]*\}`) // what is put in later, such as {time}
)

// parse reads the file of one language. required has every key with its English text; nil takes any keys. The error lists all that is
// wrong, each with its line or key.
func parse(text []byte, required map[Key]string) (*Language, error) {
	fields, err := object(text)
	if err != nil {
		return nil, err
	}
	l := &Language{name: fields["language"], direction: fields["direction"], texts: map[Key]string{}}
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if l.tag, err = language.Parse(l.name); err != nil || !tagPattern.MatchString(l.name) {
		add("language is %q; allowed: a language tag such as nl or pt-BR (BCP 47)", l.name)
	}
	if l.direction != "ltr" && l.direction != "rtl" {
		add("direction is %q; allowed: ltr, rtl", l.direction)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "language" || name == "direction" {
			continue
		}
		key := Key(name)
		english, ok := required[key]
		if !ok && required != nil {
			add("%s is not known; the keys that there are stand in `curfew texts en`", name)
			continue
		}
		if problem := check(key, fields[name], english, required != nil); problem != "" {
			add("%s is %q; %s", name, fields[name], problem)
		}
		l.texts[key] = fields[name]
	}
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(required)) {
		if _, ok := fields[string(key)]; !ok {
			missing = append(missing, string(key))
		}
	}
	if len(missing) > 0 {
		add("missing: %s; `curfew texts en` has their English", strings.Join(missing, ", "))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return l, nil
}

// check says what is wrong with a text, or nothing.
func check(key Key, text, english string, hasEnglish bool) string {
	most := maxText
	if short(key) {
		most = maxShort
	}
	if n := utf8.RuneCountInString(text); n < 1 || n > most {
		return fmt.Sprintf("it has %d characters; allowed: 1 to %d", n, most)
	}
	if text != strings.TrimSpace(text) {
		return "it begins or ends with a space; allowed: none there"
	}
	if strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsRune(text, utf8.RuneError) {
		return "it has a control character or one that cannot be read; allowed: one line of text"
	}
	if got, want := placesOf(text), placesOf(english); hasEnglish && got != want {
		if want == "" {
			want = "none"
		}
		return fmt.Sprintf("places for values are %q; allowed: %s", got, want)
	}
	return ""
}

func placesOf(text string) string {
	found := places.FindAllString(text, -1)
	slices.Sort(found)
	return strings.Join(found, " ")
}

// object reads a JSON object of strings, each name once.
func object(text []byte) (map[string]string, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	in := json.NewDecoder(bytes.NewReader(text))
	wrong := func(err error) error {
		line := 1 + bytes.Count(text[:min(int(in.InputOffset()), len(text))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return nil, wrong(errors.New("it is no JSON object of keys and texts"))
	}
	fields := map[string]string{}
	for in.More() {
		token, err := in.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, wrong(errors.New("a key in quotes is expected"))
		}
		if _, twice := fields[name]; twice {
			return nil, wrong(fmt.Errorf("%s stands twice", name))
		}
		token, err = in.Token()
		value, ok := token.(string)
		if err != nil || !ok {
			return nil, wrong(fmt.Errorf("%s has no text in quotes", name))
		}
		fields[name] = value
	}
	if end, err := in.Token(); err != nil || end != json.Delim('}') {
		return nil, wrong(errors.New("a comma or the closing brace is missing"))
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong(errors.New("there is something after the closing brace"))
	}
	return fields, nil
}
