package clinic

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

type pair struct {
	front, back string
	atLeast     float64
}

var customColour = regexp.MustCompile(`--([a-z-]+):\s*#([0-9a-f]{6});`)

// The colours reach the contrast that WCAG 2.2 AA asks for, in light and dark:
// 4.5 for text (1.4.3), 3 for outlines, marks and lines (1.4.11). The provider's
// style sheet is built in the same way and is measured here too.
func TestContrast(t *testing.T) {
	sheets := map[string][]pair{
		"assets/clinic.css": {
			{"ink", "ground", 4.5}, {"ink", "card", 4.5}, {"ink", "soft", 4.5}, {"ink", "wash", 4.5},
			{"dim", "ground", 4.5}, {"dim", "card", 4.5}, {"dim", "soft", 4.5},
			{"accent", "ground", 4.5}, {"accent", "card", 4.5}, {"accent", "soft", 4.5}, {"accent", "wash", 4.5},
			{"on-accent", "accent", 4.5}, {"on-accent", "accent-strong", 4.5}, {"accent-strong", "card", 4.5},
			{"good", "good-wash", 4.5}, {"raised", "raised-wash", 4.5}, {"high", "high-wash", 4.5},
			{"ink", "tint-a", 4.5}, {"ink", "tint-b", 4.5}, {"ink", "tint-c", 4.5}, {"ink", "tint-d", 4.5},
			{"field-line", "card", 3}, {"field-line", "ground", 3},
			{"systolic", "card", 3}, {"systolic", "good-wash", 3}, {"diastolic", "card", 3}, {"diastolic", "good-wash", 3},
		},
		"../provider/assets/provider.css": {
			{"ink", "ground", 4.5}, {"ink", "card", 4.5}, {"ink", "soft", 4.5},
			{"dim", "card", 4.5}, {"dim", "ground", 4.5}, {"dim", "soft", 4.5},
			{"accent", "soft", 4.5}, {"accent-strong", "soft", 4.5}, {"accent", "card", 3},
			{"on-accent", "accent", 4.5}, {"on-accent", "accent-strong", 4.5}, {"good", "card", 4.5},
			{"problem", "card", 4.5}, {"problem", "problem-ground", 4.5}, {"field-line", "card", 3},
		},
	}
	for name, pairs := range sheets {
		t.Run(name, func(t *testing.T) {
			css, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			checkContrast(t, string(css), pairs)
		})
	}
}

// checkContrast reads the custom properties of a style sheet, first those above
// the dark media query, then those in it, and measures each pair in both.
func checkContrast(t *testing.T, css string, pairs []pair) {
	t.Helper()
	light, dark, found := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("no dark colours")
	}
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]float64{}
		for _, m := range customColour.FindAllStringSubmatch(part, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, p := range pairs {
			a, okA := colours[p.front]
			b, okB := colours[p.back]
			if !okA || !okB {
				t.Errorf("%s: colour %s or %s is not defined", scheme, p.front, p.back)
				continue
			}
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < p.atLeast {
				t.Errorf("%s: %s on %s has contrast %.2f, want %.1f", scheme, p.front, p.back, ratio, p.atLeast)
			}
		}
	}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
