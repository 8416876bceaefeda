// Package figure prints what benchmarks found, all in one form: a figure, what it is compared with in the same run, their
// ratio, and whether the target is reached. Only benchmarks use it; nothing fails because of a figure.
package figure

import (
	"fmt"
	"io"
	"strconv"
)

// Row is one figure. With a Base the target is of the ratio Measured to Base, without one it is of Measured itself.
type Row struct {
	Figure   string
	Measured float64
	Unit     string  // of Measured and Base, such as µs or bytes
	With     string  // what it is compared with
	Base     float64 // 0: it is not compared
	AtMost   float64 // the target; 0: none, the figure is only told
}

// Ratio is Measured to Base, or 0 when there is no Base.
func (r Row) Ratio() float64 {
	if r.Base == 0 {
		return 0
	}
	return r.Measured / r.Base
}

// Reached reports whether the figure is within its target.
func (r Row) Reached() bool {
	if r.Base == 0 {
		return r.Measured <= r.AtMost
	}
	return r.Ratio() <= r.AtMost
}

// The widths are fixed, so that tables of several programs stand below each other as one.
const line = "%-50s | %16s | %-56s | %6s | %14s | %s\n"

// Print writes rows as a table. It begins with an empty line, because go test leaves the line with a benchmark's name open.
func Print(to io.Writer, rows ...Row) error {
	if _, err := fmt.Fprintf(to, "\n"+line, "figure", "measured", "compared with", "ratio", "target", "verdict"); err != nil {
		return err
	}
	for _, r := range rows {
		with, ratio, target, verdict := r.With, "", "", "told"
		if r.Base != 0 {
			with += ": " + quantity(r.Base, r.Unit)
			ratio = strconv.FormatFloat(r.Ratio(), 'f', 2, 64)
		}
		if r.AtMost != 0 {
			target, verdict = "≤ "+quantity(r.AtMost, r.Unit), "missed"
			if r.Base != 0 {
				target = "≤ " + strconv.FormatFloat(r.AtMost, 'f', 2, 64)
			}
			if r.Reached() {
				verdict = "reached"
			}
		}
		if _, err := fmt.Fprintf(to, line, r.Figure, quantity(r.Measured, r.Unit), with, ratio, target, verdict); err != nil {
			return err
		}
	}
	return nil
}

// quantity writes three or more significant digits and never an exponent.
func quantity(value float64, unit string) string {
	digits := 0
	for scale := value; digits < 3 && scale < 100 && value != float64(int64(value)); digits++ {
		scale *= 10
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + unit
}
