//go:build js && wasm

package dialog

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

// away is what reaches a person who looks at another tab: this one's title, and where the operator wants it and the browser allows it
// already, a notification. Nobody is ever asked to allow it.
type away struct {
	title bool // ours stands there now
	left  int64
	told  bool // of this warning
	note  safejs.Value
	focus safejs.Func
}

// blinkWithin is how near in milliseconds two looks at the title are when the tab may be slowed down no further than to one a second.
const blinkWithin = 2_500

// call reaches out while the tab is hidden, and stops when somebody has come.
func (d *Dialog) call() {
	if !d.port.Hidden() {
		d.quiet()
		return
	}
	// The title alternates with the page's own, unless that is too much motion, or the browser wakes hidden tabs so seldom that ours
	// would hardly be seen.
	a := &d.away
	near := a.left-d.view.Left < blinkWithin
	a.left = d.view.Left
	if a.title = !a.title || !near || d.port.Matches("(prefers-reduced-motion: reduce)"); a.title {
		d.port.Retitle(d.words.Countdown + " \u00b7 " + d.words.Title)
	} else {
		d.port.Retitle("")
	}
	if !a.told {
		a.told = true
		d.notify()
	}
}

// quiet gives the page its title back.
func (d *Dialog) quiet() {
	if d.away.title {
		d.away.title = false
		d.port.Retitle("")
	}
}

// forget ends all that call began.
func (d *Dialog) forget() {
	d.quiet()
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
	name, _ := jsvalue.OptionalText(site, "name", maxSite)
	logo, _ := jsvalue.OptionalText(site, "logo", maxSite)
	text := d.words.Body
	if name != "" {
		text = name + "\n" + text
	}
	// All tabs of the application warn of the same: with one tag the last notification takes the place of those before it.
	note, err := class.New(d.words.Title, map[string]any{
		"body": text, "icon": logo, "tag": "curfew:" + d.port.Prefix, "lang": d.language.Tag, "dir": d.language.Direction,
	})
	if err != nil {
		return // some browsers allow it only to a service worker
	}
	d.away.note = note
	if _, err := d.away.focus.Value().Type(), note.Set("onclick", d.away.focus); err != nil {
		return
	}
}

const maxSite = 4 << 10 // bytes in one of the operator's settings
