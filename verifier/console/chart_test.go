package console

import (
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
)

func share(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !strings.HasSuffix(text, "%") {
		t.Fatalf("%q is no share", text)
	}
	return n
}

// C3: the bars are as high as the numbers say, stand side by side within the chart, and none that is there cannot be seen.
func TestC3_LivingByTimeLeft(t *testing.T) {
	c := leftChart([]admin.Bucket{{Below: 5 * minute, Count: 1}, {Below: hour, Count: 0}, {Below: day, Count: 500}, {Count: 1000}})
	if c.Total != 1501 || c.Says != "1\u202f501 living sessions; most of them, 1\u202f000, end in 24h or longer, or by no deadline." {
		t.Errorf("%d, %s", c.Total, c.Says)
	}
	at := 0.0
	for i, b := range c.Bars {
		x, w := share(t, b.X), share(t, b.W)
		if x < at || w <= 0 || share(t, b.Middle) < x || share(t, b.Middle) > x+w || b.Y+b.H != c.Ground || b.TextY < 10 {
			t.Errorf("bar %d: %+v", i, b)
		}
		at = x + w
	}
	if at > 100 {
		t.Errorf("the bars end at %v %%", at)
	}
	if h := c.Bars; h[0].H < 2 || h[1].H != 0 || h[2].H*2 != h[3].H {
		t.Errorf("heights: %d, %d, %d, %d", h[0].H, h[1].H, h[2].H, h[3].H)
	}
	for i, want := range []string{"less than 5m", "5m to 1h", "1h to 24h", "24h or longer, or by no deadline"} {
		if c.Bars[i].Long != want {
			t.Errorf("bar %d is %q, want %q", i, c.Bars[i].Long, want)
		}
	}
	if empty := leftChart(nil); empty.Total != 0 || empty.Says != "" {
		t.Errorf("nobody: %+v", empty)
	}
}

// C3: the longest bar comes first and fills the chart; reasons that did not occur have none.
func TestC3_EndingsByReason(t *testing.T) {
	c := endsChart(map[wire.Reason]int{wire.SignedOut: 200, wire.Inactivity: 400, wire.KeyMismatch: 1, wire.AgentSilent: 0})
	if len(c.Bars) != 3 || c.Total != 601 || c.Bars[0].Label != "Inactivity" || c.Bars[0].W != "100.000%" || c.Bars[1].W != "50.000%" || share(t, c.Bars[2].W) <= 0 {
		t.Errorf("%+v", c)
	}
	if last := c.Bars[2]; last.Y+last.H > c.Height {
		t.Errorf("the last bar ends at %d of %d", last.Y+last.H, c.Height)
	}
	if empty := endsChart(nil); empty.Total != 0 || len(empty.Bars) != 0 {
		t.Errorf("none: %+v", empty)
	}
}
