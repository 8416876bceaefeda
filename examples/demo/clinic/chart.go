package clinic

import (
	"fmt"
	"strings"
)

// The chart's drawing area, in units of its SVG.
const (
	chartWidth, chartHeight = 680, 260
	plotLeft, plotRight     = 4, 640
	plotTop, plotBottom     = 12, 226
	lowest, highest         = 40, 180 // mmHg at the plot's bottom and top
)

// chartView is a chart as its template draws it.
type chartView struct {
	Width, Height       int
	Left                int
	Rules, Days         []mark
	Systolic, Diastolic string // points of the two lines
	Dots                []dot
	Target              box
}

type mark struct {
	X, Y  int
	Label string
}

type dot struct {
	X, Y        int
	Class, Text string
}

type box struct{ X, Y, Width, Height int }

func plotY(mmHg int) int {
	mmHg = min(max(mmHg, lowest), highest)
	return plotBottom - (mmHg-lowest)*(plotBottom-plotTop)/(highest-lowest)
}

// plotX spreads the readings evenly: there is one for each day.
func plotX(i, of int) int {
	const margin = 20 // room for the outermost dates
	return plotLeft + margin + i*(plotRight-plotLeft-2*margin)/max(of-1, 1)
}

func chartOf(p patient) chartView {
	v := chartView{
		Width: chartWidth, Height: chartHeight, Left: plotLeft,
		// Systolic pressure under treatment should lie here.
		Target: box{plotLeft, plotY(129), plotRight - plotLeft, plotY(120) - plotY(129)},
	}
	for mmHg := lowest; mmHg <= highest; mmHg += 20 {
		v.Rules = append(v.Rules, mark{plotRight, plotY(mmHg), fmt.Sprint(mmHg)})
	}
	var systolic, diastolic strings.Builder
	for i, r := range p.Readings {
		x, day := plotX(i, len(p.Readings)), r.At.Format("2 Jan")
		fmt.Fprintf(&systolic, "%d,%d ", x, plotY(r.Systolic))
		fmt.Fprintf(&diastolic, "%d,%d ", x, plotY(r.Diastolic))
		v.Dots = append(v.Dots,
			dot{x, plotY(r.Systolic), "systolic", fmt.Sprintf("%s: systolic %d", day, r.Systolic)},
			dot{x, plotY(r.Diastolic), "diastolic", fmt.Sprintf("%s: diastolic %d", day, r.Diastolic)})
		// Counted from the newest, so that the newest always has its date.
		if (len(p.Readings)-1-i)%5 == 0 {
			v.Days = append(v.Days, mark{x, plotBottom, day})
		}
	}
	v.Systolic, v.Diastolic = strings.TrimSpace(systolic.String()), strings.TrimSpace(diastolic.String())
	return v
}
