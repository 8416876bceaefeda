package chrome

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// mediaParams are emulation.SetEmulatedMediaParams with a list that is sent when it is empty too: without it the browser keeps the
// features that it has.
type mediaParams struct {
	Features []emulation.MediaFeature `json:"features"`
}

// Emulate makes the tab answer media queries as a person's settings would, such as {"prefers-color-scheme": "dark"},
// {"prefers-reduced-motion": "reduce"} or {"forced-colors": "active"}. What is not named goes back to the browser's own answer.
func Emulate(t testing.TB, tab context.Context, features map[string]string) {
	t.Helper()
	params := mediaParams{Features: []emulation.MediaFeature{}}
	for _, name := range slices.Sorted(maps.Keys(features)) {
		params.Features = append(params.Features, emulation.MediaFeature{Name: name, Value: features[name]})
	}
	if _, err := chromedp.Call(tab, cdp.Command[mediaParams, cdp.Empty]{Method: emulation.CommandSetEmulatedMedia}, params); err != nil {
		t.Fatalf("emulating %v: %v", features, err)
	}
	// The browser takes any name. One that no media query answers to would test nothing.
	for name, value := range features {
		if query := "(" + name + ": " + value + ")"; !Eval[bool](t, tab, `matchMedia(`+strconv.Quote(query)+`).matches`) {
			t.Fatalf("the page does not match %s", query)
		}
	}
}

// Size gives the tab's page a width and a height, in CSS pixels.
func Size(t testing.TB, tab context.Context, width, height int) {
	t.Helper()
	params := emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: int64(height), DeviceScaleFactor: 1}
	if _, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, params); err != nil {
		t.Fatalf("making the page %d by %d: %v", width, height, err)
	}
}
