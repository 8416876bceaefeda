package dist

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/andybalholm/brotli"
)

// Site is what one application's loader knows of it. The zero Site, with the default prefix, is what the loader is built for.
type Site struct {
	// Prefix is where the verifier's addresses are on this origin; it begins and ends with a slash. Empty means DefaultPrefix.
	Prefix string
	// Name and Logo are the operator's, for the dialog: a short text, and a path of this origin or an https address.
	Name, Logo string
	// Languages maps the lower-case tag of each language to the name of the file with its texts, below the prefix (C7).
	Languages map[string]string
	// Frames are the other origins whose frames may take part (A10).
	Frames []string
	// Notify lets the agent show a notification where the page may already (A14).
	Notify bool
}

// Placeholder is what stands in the bundled loader for a Site's settings, once, in quotes. The build puts it there as CURFEW_SITE.
const Placeholder = "curfew:site"

// settings is the JSON that the loader reads. What is empty is left out.
func (s Site) settings() []byte {
	text, err := json.Marshal(struct {
		Name      string            `json:"name,omitempty"`
		Logo      string            `json:"logo,omitempty"`
		Languages map[string]string `json:"languages,omitempty"`
		Frames    []string          `json:"frames,omitempty"`
		Notify    bool              `json:"notify,omitempty"`
	}{s.Name, s.Logo, s.Languages, s.Frames, s.Notify})
	if err != nil {
		return []byte("{}") // texts and a bool can always be written
	}
	return text
}

// maxSites is how many loaders are kept. There are as many as environments, and an old one for each that was renamed since the start:
// when there are more they are all made anew.
const maxSites = 256

// sites keeps the loader of each Site.
type sites struct {
	mu     sync.Mutex
	assets map[string]*asset
}

func (c *sites) get(built *asset, s Site) *asset {
	if s.Prefix == "" {
		s.Prefix = DefaultPrefix
	}
	settings := s.settings()
	key := strconv.Itoa(len(s.Prefix)) + s.Prefix + string(settings)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.assets[key]; ok {
		return a
	}
	text := built.plain
	if s.Prefix != DefaultPrefix {
		text = bytes.Replace(text, quoted(DefaultPrefix), quoted(s.Prefix), 1)
	}
	text = bytes.Replace(text, []byte(strconv.Quote(Placeholder)), literal(settings), 1)
	a := built
	if !bytes.Equal(text, built.plain) {
		personal := newAsset(built.kind, text)
		personal.compress()
		a = &personal
	}
	if c.assets == nil || len(c.assets) >= maxSites {
		c.assets = map[string]*asset{}
	}
	c.assets[key] = a
	return a
}

// compress makes the compressed forms that every browser takes. It takes some ten milliseconds for a loader.
func (a *asset) compress() {
	var out bytes.Buffer
	b := brotli.NewWriterLevel(&out, brotli.BestCompression)
	if _, err := b.Write(a.plain); err == nil && b.Close() == nil {
		a.encoded["br"] = bytes.Clone(out.Bytes())
	}
	out.Reset()
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(a.plain)
	}
	if err == nil && z.Close() == nil {
		a.encoded["gzip"] = out.Bytes()
	}
}

// literal is a text as a JavaScript string literal of ASCII characters. What could end the literal, a script element or an attribute
// is escaped, so that no setting can put code into a page, wherever the script's text ends up.
func literal(text []byte) []byte {
	out := []byte{'"'}
	for _, r := range string(text) {
		switch {
		case r < ' ' || r > '~' || strings.ContainsRune("\"\\'`<>&/$", r):
			for _, unit := range utf16.AppendRune(nil, r) {
				out = append(out, '\\', 'u')
				hex := strconv.FormatUint(uint64(unit), 16)
				out = append(out, "0000"[len(hex):]...)
				out = append(out, hex...)
			}
		default:
			out = append(out, byte(r))
		}
	}
	return append(out, '"')
}

// quoted is a prefix as it stands in the bundled loader. A prefix is made of URL path characters, so nothing needs escaping; what
// would is left out, so that no setting can put code into every page.
func quoted(text string) []byte {
	clean := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || strings.ContainsRune("\"\\<>`'", c) {
			return -1
		}
		return c
	}, text)
	return []byte(`"` + clean + `"`)
}
