package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// progressAfter is how long something may take before a bar shows how far it is.
const progressAfter = 2 * time.Second

// redraw is how often a bar changes at most.
const redraw = 100 * time.Millisecond

const barWidth = 30

// progress is a bar on the terminal. Without a terminal it says nothing.
type progress struct {
	to    io.Writer // nil: nobody looks
	unit  string
	now   func() time.Time
	begun time.Time
	drawn time.Time
}

func newProgress(cmd *cobra.Command, unit string) *progress {
	p := &progress{unit: unit, now: time.Now, begun: time.Now()}
	if terminal(cmd.ErrOrStderr()) {
		p.to = cmd.ErrOrStderr()
	}
	return p
}

// at draws how much of all is done; all 0: nobody knows.
func (p *progress) at(done, all int64) {
	now := p.now()
	if p.to == nil || now.Sub(p.begun) < progressAfter || now.Sub(p.drawn) < redraw {
		return
	}
	p.drawn = now
	if all <= 0 {
		fmt.Fprintf(p.to, "\r%d %s", done, p.unit)
		return
	}
	full := int(min(done, all) * barWidth / all)
	fmt.Fprintf(p.to, "\r[%s%s] %d of %d %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, all, p.unit)
}

// end clears the bar.
func (p *progress) end() {
	if !p.drawn.IsZero() {
		fmt.Fprintf(p.to, "\r%s\r", strings.Repeat(" ", barWidth+50))
	}
}
