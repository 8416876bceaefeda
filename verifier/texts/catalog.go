// Package texts holds what people read, in every language that there is (C7): the agent's texts, which browsers fetch one language at a
// time, and those of the verifier's own pages. An operator adds a language, or replaces one, with a file.
package texts

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed languages/*.json
var embedded embed.FS

// English is the tag of the language that is there when no other fits.
const English = "en"

// Bounds of an operator's directory.
const (
	maxFile  = 64 << 10 // bytes
	maxFiles = 100
)

// Catalog is the languages that a verifier speaks. It is safe for concurrent use.
type Catalog struct {
	languages []*Language // English first, the others by their tags
	matcher   language.Matcher
	files     map[string]file // by name
	names     map[string]string
}

// builtIn are the embedded languages by their lower-case tags.
var builtIn = sync.OnceValues(func() (map[string]*Language, error) {
	text, err := Template(English)
	if err != nil {
		return nil, err
	}
	english, err := parse(text, nil)
	if err != nil {
		return nil, fmt.Errorf("embedded en.json: %w", err)
	}
	all := map[string]*Language{}
	entries, err := embedded.ReadDir("languages")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		tag := strings.TrimSuffix(entry.Name(), ".json")
		if text, err = Template(tag); err != nil {
			return nil, err
		}
		l, err := parse(text, english.texts)
		if err == nil && l.name != tag {
			err = fmt.Errorf("language is %q", l.name)
		}
		if err != nil {
			return nil, fmt.Errorf("embedded %s: %w", entry.Name(), err)
		}
		all[strings.ToLower(tag)] = l
	}
	return all, nil
})

// Load makes the catalog of the embedded languages and those in a directory of the operator's, one file each; empty means none. The
// error names each file, its keys and what is wrong with them.
func Load(dir string) (*Catalog, error) {
	own, err := builtIn()
	if err != nil {
		return nil, err
	}
	all := map[string]*Language{}
	for tag, l := range own {
		all[tag] = l
	}
	if dir != "" {
		added, err := readDir(dir, own[English].texts)
		if err != nil {
			return nil, err
		}
		for tag, l := range added {
			all[tag] = l
		}
	}
	c := &Catalog{files: map[string]file{}, names: map[string]string{}}
	for tag, l := range all {
		c.languages = append(c.languages, l)
		f, err := newFile(l)
		if err != nil {
			return nil, err
		}
		name := "texts." + tag + "." + f.hash + ".json"
		c.files[name] = f
		if l != own[English] {
			c.names[tag] = name
		}
	}
	slices.SortFunc(c.languages, func(a, b *Language) int {
		if first := rank(a) - rank(b); first != 0 {
			return first
		}
		return strings.Compare(a.name, b.name)
	})
	tags := make([]language.Tag, len(c.languages))
	for i, l := range c.languages {
		tags[i] = l.tag
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func rank(l *Language) int {
	if l.name == English {
		return 0
	}
	return 1
}

// readDir reads an operator's languages by their lower-case tags.
func readDir(dir string, required map[Key]string) (map[string]*Language, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("texts: %s has %d files; allowed: %d", dir, len(entries), maxFiles)
	}
	all := map[string]*Language{}
	var wrong []error
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") { // what mounts and editors keep beside the files
			continue
		}
		path := filepath.Join(dir, name)
		l, err := readFile(path, required)
		switch {
		case err != nil:
		case name != l.name+".json":
			err = fmt.Errorf("language is %q; allowed: that of the file's name", l.name)
		case all[strings.ToLower(l.name)] != nil:
			err = errors.New("another file has this language")
		}
		if err != nil {
			wrong = append(wrong, prefix("texts: "+path, err))
			continue
		}
		all[strings.ToLower(l.name)] = l
	}
	return all, errors.Join(wrong...)
}

// prefix puts a place before each line of an error.
func prefix(place string, err error) error {
	var all []error
	for line := range strings.Lines(err.Error()) {
		all = append(all, errors.New(place+": "+strings.TrimSuffix(line, "\n")))
	}
	return errors.Join(all...)
}

func readFile(path string, required map[Key]string) (*Language, error) {
	if filepath.Ext(path) != ".json" {
		return nil, errors.New("it is no language; allowed: files such as nl.json, and names with a dot in front")
	}
	// A pipe would never end.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("it cannot be read as a file"), err)
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return parse(text, required)
}

// ErrNoLanguage is returned by Template for a language that is not embedded.
var ErrNoLanguage = errors.New("there is no such language")

// Template is the file of an embedded language, to begin another with.
func Template(tag string) ([]byte, error) {
	text, err := embedded.ReadFile("languages/" + tag + ".json")
	if errors.Is(err, fs.ErrNotExist) || err != nil && !fs.ValidPath(tag) {
		return nil, fmt.Errorf("%w: %q", ErrNoLanguage, tag)
	}
	return text, err
}

// Embedded lists the tags of the embedded languages.
func Embedded() []string {
	entries, err := embedded.ReadDir("languages")
	if err != nil {
		return nil // the directory is compiled in
	}
	var tags []string
	for _, entry := range entries {
		tags = append(tags, strings.TrimSuffix(entry.Name(), ".json"))
	}
	return tags
}

// Languages lists the languages, English first.
func (c *Catalog) Languages() []*Language { return slices.Clone(c.languages) }

// maxAccept bounds what is read of an Accept-Language header, in bytes.
const maxAccept = 1 << 10

// Match finds the language that an Accept-Language header (RFC 9110 section 12.5.4) likes best among those that there are. A header
// that likes none of them gets English. What cannot be read in it is left out.
func (c *Catalog) Match(accept string) *Language {
	accept = accept[:min(len(accept), maxAccept)]
	type wish struct {
		tag    language.Tag
		weight float32
	}
	var wishes []wish
	for item := range strings.SplitSeq(accept, ",") {
		// One by one, because an item that cannot be read makes the library drop the others.
		if tags, weights, err := language.ParseAcceptLanguage(item); err == nil && len(tags) == 1 {
			wishes = append(wishes, wish{tags[0], weights[0]})
		}
	}
	if len(wishes) == 0 {
		return c.languages[0]
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.weight, a.weight) })
	tags := make([]language.Tag, len(wishes))
	for i, w := range wishes {
		tags[i] = w.tag
	}
	_, i, confidence := c.matcher.Match(tags...)
	if confidence == language.No {
		return c.languages[0]
	}
	return c.languages[i]
}

// Default is the embedded English, for what knows no catalog. Load fails when there is none.
func Default() *Language {
	all, err := builtIn()
	if err != nil {
		return &Language{name: English, direction: "ltr"}
	}
	return all[English]
}
