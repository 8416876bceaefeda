//go:build js && wasm

package dialog

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// away is what reaches a person who looks at another tab: this one's title and, where the operator wants it and the person has allowed
// it already, a notification. Nobody is ever asked to allow it.
type away struct {
	title string // that stands there now; empty: the page's own
	left  int64  // milliseconds, when the title was last looked at
	told  bool   // the notification of this warning was tried
	note  safejs.Value
	focus safejs.Func // lets the browser show this tab
}

// slow is how far apart in milliseconds two looks at the title are when the browser wakes this tab less than once a second.
const slow = 2_500

// reach reaches out while the tab is hidden.
func (d *Dialog) reach() {
	if !d.port.Hidden() {
		d.retitle("")
		return
	}
	// The title alternates with the page's own, unless that is too much motion, or the browser wakes the tab so seldom that ours would
	// hardly be seen.
	a := &d.away
	far := a.left-d.view.Left > slow
	a.left = d.view.Left
	switch {
	case d.port.Matches("(prefers-reduced-motion: reduce)"):
		d.retitle(d.words.Title)
	case a.title == "" || far:
		d.retitle(d.words.Countdown + " \u00b7 " + d.words.Title)
	default:
		d.retitle("")
	}
	if !a.told {
		a.told = true
		d.notify()
	}
}

func (d *Dialog) retitle(title string) {
	if title != d.away.title {
		d.away.title = title
		d.port.Retitle(title)
	}
}

// back ends all that reach began.
func (d *Dialog) back() {
	d.retitle("")
	if d.away.note.Type() == safejs.TypeObject {
		_, _ = d.away.note.Call("close")
	}
	d.away.told, d.away.note = false, safejs.Undefined()
}

func (d *Dialog) notify() {
	json, err := jsvalue.Object(safejs.Global(), "JSON")
	if err != nil {
		return
	}
	site, err := json.Call("parse", d.port.Site)
	if err != nil || site.Type() != safejs.TypeObject {
		return
	}
	if wanted, err := jsvalue.Bool(site, "notify"); err != nil || !wanted {
		return
	}
	class, err := jsvalue.Object(safejs.Global(), "Notification")
	if err != nil {
		return
	}
	if allowed, err := jsvalue.Text(class, "permission", len("granted")); err != nil || allowed != "granted" {
		return
	}
	options := map[string]any{
		"body": d.words.Body, "lang": d.language.Tag, "dir": d.language.Direction,
		// All tabs of the application warn of the same: with one tag the last notification takes the place of those before it.
		"tag": "curfew:" + d.port.Prefix,
	}
	if name, err := jsvalue.Text(site, "name", maxSite); err == nil {
		options["body"] = name + "\n" + d.words.Body
	}
	if logo, err := jsvalue.Text(site, "logo", maxSite); err == nil {
		options["icon"] = logo
	}
	note, err := class.New(d.words.Title, options)
	if err != nil {
		return // some browsers allow it only to a service worker
	}
	d.away.note = note
	_ = note.Set("onclick", d.away.focus) // without it the browser does what it does with other notifications
}

// newFocus makes what a click on the notification does.
func (d *Dialog) newFocus() (safejs.Func, error) {
	return safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		d.port.ToFront()
		return nil
	})
}

const maxSite = 4 << 10 // bytes in one of the operator's settings
