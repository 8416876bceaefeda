package storybook

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// The main states as they are on a page of their own, for people and for the README: at a desk, at 320 px, and as settings of a person
// change them.
func TestMainStates(t *testing.T) {
	book, address := newBook(t)
	browser := chrome.New(t)
	for _, c := range []struct {
		picture, story, language, theme string
		width, height                   int
		media                           map[string]string
	}{
		{"inactivity", "inactivity", "en", light, 640, 480, nil},
		{"inactivity-dark", "inactivity", "en", dark, 640, 480, nil},
		{"inactivity-preferred-dark", "inactivity", "en", preferred, 640, 480, map[string]string{"prefers-color-scheme": "dark"}},
		{"session", "session", "en", light, 640, 480, nil},
		{"ended", "ended-inactivity", "en", light, 640, 480, nil},
		{"arabic", "inactivity", "ar", light, 640, 480, nil},
		{"narrow", "inactivity-unsaved", "de", light, 320, 568, nil},
		{"short", "inactivity-unsaved", "de", light, 320, 256, nil},
		{"sessions", "page-sessions", "en", light, 800, 920, nil},
		{"sessions-dark", "page-sessions-stale", "fr", dark, 800, 1040, nil},
		{"sessions-arabic", "page-sessions", "ar", light, 800, 920, nil},
		{"sessions-narrow", "page-sessions", "de", light, 320, 1500, nil},
		{"sessions-one", "page-sessions-one", "da", dark, 480, 600, nil},
		{"forced-colors", "inactivity", "en", light, 640, 480, map[string]string{"forced-colors": "active"}},
	} {
		t.Run(c.picture, func(t *testing.T) {
			language := book.language(c.language)
			number := slices.IndexFunc(book.stories, func(s story) bool { return s.name == c.story })
			at := place{book.stories[number], language, c.theme, language.Direction()}
			tab := chrome.Tab(t, browser)
			console := chrome.Listen(t, tab)
			chrome.Size(t, tab, c.width, c.height)
			chrome.Go(t, tab, address+at.base())
			chrome.Emulate(t, tab, c.media)
			colours := scheme(c.theme)
			if c.media["forced-colors"] != "" {
				colours = "light dark" // the person's colours, whatever the page wants
			}
			var faults []string
			for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
				if faults = expects(at.story, language, colours, at.direction, look(t, tab)[0]); len(faults) == 0 {
					break
				}
			}
			if len(faults) > 0 || len(console.Errors()) > 0 {
				t.Errorf("%s\nconsole: %v", strings.Join(faults, "\n"), console.Errors())
			}
			shot(t, tab, c.picture)
		})
	}
	t.Run("index", func(t *testing.T) {
		tab := chrome.Tab(t, browser)
		chrome.Size(t, tab, 1080, 760)
		chrome.Go(t, tab, address+"/?width=320")
		chrome.Until(t, tab, `[...document.querySelectorAll("iframe")].slice(0, 3).every((frame) =>
			frame.contentDocument?.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog[open]"))`)
		// People read it from its beginning, whatever takes the focus in its frames.
		if top := chrome.Eval[float64](t, tab, `scrollY`); top != 0 {
			t.Errorf("the index has scrolled to %v by itself", top)
		}
		if chrome.Eval[bool](t, tab, `document.documentElement.scrollWidth > innerWidth`) {
			t.Error("the index is wider than its window")
		}
		shot(t, tab, "index")
	})
}

// shot takes a picture into the folder CURFEW_SCREENSHOTS when somebody wants to see it: `make screenshots` does. At most 256 colours are
// kept, so that the repository stays small.
func shot(t testing.TB, tab context.Context, name string) {
	t.Helper()
	dir := os.Getenv("CURFEW_SCREENSHOTS")
	if dir == "" {
		return
	}
	file := filepath.Join(dir, name+".png")
	chrome.Eval[bool](t, tab, `Promise.all(document.getAnimations().map((a) => a.finished)).then(() => new Promise((then) => setTimeout(() => then(true), 300)))`)
	chrome.Screenshot(t, tab, file)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, paletted(full)); err != nil {
		t.Fatal(err)
	}
	if small.Len() > 60<<10 {
		t.Errorf("%s has %d bytes", file, small.Len())
	}
	if err := os.WriteFile(file, small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// paletted is a picture in the 256 colours that it has most of.
func paletted(full image.Image) *image.Paletted {
	count := map[color.RGBA]int{}
	for y := full.Bounds().Min.Y; y < full.Bounds().Max.Y; y++ {
		for x := full.Bounds().Min.X; x < full.Bounds().Max.X; x++ {
			count[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	palette := color.Palette{}
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	out := image.NewPaletted(full.Bounds(), palette)
	draw.Draw(out, full.Bounds(), full, full.Bounds().Min, draw.Src)
	return out
}
