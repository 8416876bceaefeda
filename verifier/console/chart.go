package console

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
)

// chart is a picture of numbers, and the numbers. Its widths are parts of its own width, so that its texts keep their size on every
// screen.
type chart struct {
	Height, Ground int // in CSS pixels: of all, and where bars stand
	Bars           []bar
	Total          int
	Says           string // for who does not see it
}

// bar is one number of a chart. X, Middle and W are percentages, Y and H are in CSS pixels.
type bar struct {
	Label, Long  string // below the bar, and in the table
	Count        int
	Text         string // Count for people
	X, Middle, W string
	Y, H, TextY  int
}

func percent(part float64) string { return strconv.FormatFloat(100*part, 'f', 3, 64) + "%" }

// leftChart shows how long living sessions have left, as bars from left to right.
func leftChart(all []admin.Bucket) *chart {
	const top, tall = 22, 120
	c := &chart{Height: top + tall + 24, Ground: top + tall}
	highest := 1
	for _, b := range all {
		c.Total += b.Count
		highest = max(highest, b.Count)
	}
	before, biggest := "", bar{Count: -1}
	for i, b := range all {
		label, long := "more", "longer, or by no deadline"
		if b.Below != 0 {
			end := policy.Format(time.Duration(b.Below) * time.Millisecond)
			label, long = "<"+end, "less than "+end
			if before != "" {
				long = before + " to " + end
			}
			before = end
		} else if before != "" {
			long = before + " or longer, or by no deadline"
		}
		slot := 1 / float64(len(all))
		h := b.Count * tall / highest
		if b.Count > 0 {
			h = max(h, 2)
		}
		one := bar{Label: label, Long: long, Count: b.Count, Text: grouped(b.Count), X: percent((float64(i) + .12) * slot), Middle: percent((float64(i) + .5) * slot),
			W: percent(.76 * slot), Y: top + tall - h, H: h, TextY: top + tall - h - 6}
		if c.Bars = append(c.Bars, one); b.Count > biggest.Count {
			biggest = one
		}
	}
	if c.Total > 0 {
		c.Says = count(c.Total, "living session") + "; most of them, " + biggest.Text + ", end in " + biggest.Long + "."
	}
	return c
}

// endsChart shows why sessions have ended, as bars one below the other, the longest first.
func endsChart(all map[wire.Reason]int) *chart {
	const each, thick = 38, 10
	c := &chart{}
	highest := 1
	for _, reason := range wire.Reasons() {
		n := all[reason]
		if n == 0 {
			continue
		}
		highest = max(highest, n)
		c.Total += n
		c.Bars = append(c.Bars, bar{Label: reasonName(reason), Long: string(reason), Count: n, Text: grouped(n), X: "0", H: thick})
	}
	slices.SortStableFunc(c.Bars, func(x, y bar) int { return cmp.Compare(y.Count, x.Count) })
	for i := range c.Bars {
		b := &c.Bars[i]
		b.TextY, b.Y = each*i+15, each*i+22
		b.W = percent(max(.005, float64(b.Count)/float64(highest)))
	}
	c.Height = each * len(c.Bars)
	if c.Total > 0 {
		c.Says = count(c.Total, "session") + " ended in the last day; most often, " + c.Bars[0].Text + " times, because of: " + c.Bars[0].Label + "."
	}
	return c
}
