package console

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
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// C3: the main pages for people and for the README, at a desk and at 320 px, and as the settings of a person change them. What must be in
// sight is, without scrolling.
func TestC3_MainPages(t *testing.T) {
	address := gallery(t)
	browser := chrome.New(t)
	for _, c := range []struct {
		picture, state string
		width, height  int
		media          map[string]string
		direction      string
		sees           string
	}{
		{"overview", "overview", 1200, 900, nil, "", ".chart .bar"},
		{"overview-dark", "overview", 1200, 900, map[string]string{"prefers-color-scheme": "dark"}, "", ".chart .bar"},
		{"settings", "settings", 1200, 900, nil, "", ".save .button"},
		{"settings-narrow", "settings", 320, 640, nil, "", ".save .button"},
		{"preview", "preview", 1200, 760, nil, "", "button[value=apply]"},
		{"sessions", "sessions", 1200, 760, nil, "", "table time"},
		{"audit", "audit", 1200, 760, nil, "", "table .detail"},
		{"right-to-left", "settings", 1200, 760, nil, "rtl", ".save .button"},
		{"forced-colors", "overview", 1200, 900, map[string]string{"forced-colors": "active"}, "", ".chart .bar"},
	} {
		t.Run(c.picture, func(t *testing.T) {
			tab := chrome.Tab(t, browser)
			chrome.Size(t, tab, c.width, c.height)
			chrome.Go(t, tab, address+"/state/"+c.state)
			chrome.Emulate(t, tab, c.media)
			if c.direction != "" {
				chrome.Eval[string](t, tab, `document.documentElement.dir = "`+c.direction+`"`)
			}
			if !chrome.Eval[bool](t, tab, `(() => { const box = document.querySelector("`+c.sees+`").getBoundingClientRect(); return box.width > 0 && box.height > 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth; })()`) {
				t.Errorf("%s is not in sight", c.sees)
			}
			shot(t, tab, c.picture)
		})
	}
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
	chrome.Screenshot(t, tab, file)
	data, err := os.ReadFile(file)
	must(t, err)
	full, err := png.Decode(bytes.NewReader(data))
	must(t, err)
	count := map[color.RGBA]int{}
	for y := range full.Bounds().Dy() {
		for x := range full.Bounds().Dx() {
			count[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	palette := color.Palette{}
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	few := image.NewPaletted(full.Bounds(), palette)
	draw.Draw(few, full.Bounds(), full, full.Bounds().Min, draw.Src)
	var small bytes.Buffer
	must(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, few))
	if small.Len() > 90<<10 {
		t.Errorf("%s has %d bytes", file, small.Len())
	}
	must(t, os.WriteFile(file, small.Bytes(), 0o644))
}
