//go:build js && wasm

package page

import (
	"strings"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// refusedPause is how long, in milliseconds, after a hint no other is given: an application's own API may answer 401 again and again.
const refusedPause = 30_000

// mostEntries is how many requests of one report are looked at.
const mostEntries = 200

// OnRefused calls hint when something that the page asked this origin for was answered with 401: the session may have ended, or its cookie
// may be stale. Browsers report the status of a page's requests without anybody standing in their way (Resource Timing, responseStatus).
// One that does not, or a page that puts something else in the place of its PerformanceObserver, learns of an end by other means.
func (p *Port) OnRefused(hint func()) {
	view, err := jsvalue.Object(p.document, "defaultView")
	if err != nil {
		return
	}
	class, err := jsvalue.Object(view, "PerformanceObserver")
	if err != nil {
		return
	}
	origin, err := jsvalue.Text(p.location, "origin", maxText)
	if err != nil {
		return
	}
	var last int64
	called, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		if len(args) > 0 && anyRefused(args[0], origin+"/", origin+p.Prefix) {
			if now := p.Now().Mono; last == 0 || now-last >= refusedPause {
				last = now
				hint()
			}
		}
		return nil
	})
	if err != nil {
		return
	}
	if observer, err := class.New(called); err == nil {
		_, _ = observer.Call("observe", map[string]any{"type": "resource"})
	}
}

// anyRefused looks for a request below here, but not below own, that was answered with 401.
func anyRefused(report safejs.Value, here, own string) bool {
	entries, err := report.Call("getEntries")
	if err != nil {
		return false
	}
	count, err := jsvalue.Integer(entries, "length")
	if err != nil {
		return false
	}
	for i := range min(int(count), mostEntries) {
		entry, err := entries.Index(i)
		if err != nil {
			return false
		}
		if status, err := jsvalue.Integer(entry, "responseStatus"); err != nil || status != 401 {
			continue
		}
		if name, err := jsvalue.Text(entry, "name", maxText); err == nil && strings.HasPrefix(name, here) && !strings.HasPrefix(name, own) {
			return true
		}
	}
	return false
}
