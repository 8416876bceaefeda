package figure

import (
	"strings"
	"testing"
)

func TestPrintJudgesRatiosAndLimits(t *testing.T) {
	for name, c := range map[string]struct {
		row  Row
		want []string
	}{
		"ratio reached": {Row{Figure: "a", Measured: 12.5, Unit: "µs", With: "b", Base: 10, AtMost: 1.25}, []string{"12.5 µs", "b: 10 µs", "1.25", "≤ 1.25", "reached"}},
		"ratio missed":  {Row{Measured: 12.6, Unit: "µs", With: "b", Base: 10, AtMost: 1.25}, []string{"1.26", "missed"}},
		"limit reached": {Row{Measured: 8192, Unit: "bytes", AtMost: 8192}, []string{"8192 bytes", "≤ 8192 bytes", "reached"}},
		"limit missed":  {Row{Measured: 1.0625, Unit: "a minute", AtMost: 1}, []string{"1.06 a minute", "missed"}},
		"no target":     {Row{Measured: 3, Unit: "ms", With: "b", Base: 2}, []string{"1.50", "told"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := Print(&out, c.row); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
			if len(lines) != 3 || lines[0] != "" {
				t.Fatalf("not an empty line, a heading and a row:\n%s", out.String())
			}
			for _, want := range c.want {
				if !strings.Contains(lines[2], want) {
					t.Errorf("%q lacks %q", lines[2], want)
				}
			}
			if at, heading := strings.LastIndex(lines[2], " | "), strings.LastIndex(lines[1], " | "); at < heading {
				t.Errorf("columns do not stand below each other:\n%s", out.String())
			}
		})
	}
}
