//go:build js && wasm

package dialog

import (
	"maps"

	"github.com/curfew-project/curfew/agent/browser/language"
	"github.com/curfew-project/curfew/agent/browser/page"
	"github.com/curfew-project/curfew/agent/warning"
)

// askOnce asks for the page's language when the agent gives its first order, so that the texts are there when they are needed. The agent
// arms the page in the same order, before anything that is begun here runs.
func (d *Dialog) askOnce() {
	if !d.asked {
		d.ask()
	}
}

// ask asks for the page's language, which may be another one than before, and says everything in it from then on.
func (d *Dialog) ask() {
	d.asked = true
	if d.asking {
		return
	}
	d.asking = true
	go func() {
		value, err := d.port.Texts()
		spoken := language.English()
		if err == nil {
			spoken, err = language.Read(value)
		}
		if err != nil {
			d.port.Warn("the texts of the page's language cannot be used, so English is: " + err.Error())
		}
		d.asking = false
		d.speak(spoken)
	}()
}

func (d *Dialog) speak(spoken language.Language) {
	if spoken.Tag == d.language.Tag && maps.Equal(spoken.Texts, d.language.Texts) {
		return
	}
	d.language = spoken
	checking := spoken.Texts.Cover(warning.Checking())
	d.port.Speak(spoken.Tag, spoken.Direction, checking.Title, checking.Body)
	if d.covered {
		d.Cover(d.cover)
	}
	if d.showing {
		if err := d.draw(d.view); err != nil {
			d.port.Fail(page.FailedAgent, err)
		}
	}
}
