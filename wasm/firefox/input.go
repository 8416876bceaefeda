package firefox

import (
	"testing"
)

// These act as a person's mouse, wheel and keyboard do: the page's events are trusted, and count as the person's. Places are in CSS pixels from the
// upper left corner of what the tab shows. Each returns when the page has heard its events.

// Keys that write nothing, for Press (WebDriver, "keyboard actions").
const (
	Escape = "\uE00C"
	Enter  = "\uE007"
	TabKey = "\uE004"
	Shift  = "\uE008"
	Space  = " "
	PageUp = "\uE00E"
	Down   = "\uE015"
)

// Move moves the mouse to a place.
func Move(t testing.TB, p *Page, x, y int) {
	t.Helper()
	p.perform(t, mouse(object{"type": "pointerMove", "x": x, "y": y}))
}

// Click moves the mouse to a place and clicks there.
func Click(t testing.TB, p *Page, x, y int) {
	t.Helper()
	p.perform(t, mouse(object{"type": "pointerMove", "x": x, "y": y}, object{"type": "pointerDown", "button": 0}, object{"type": "pointerUp", "button": 0}))
}

// ClickOn clicks on the middle of the element that an expression finds, shadow trees included.
func ClickOn(t testing.TB, p *Page, element string) {
	t.Helper()
	at := Eval[[2]float64](t, p, `(() => {
		const box = (`+element+`).getBoundingClientRect();
		return [box.x + box.width / 2, box.y + box.height / 2];
	})()`)
	Click(t, p, int(at[0]), int(at[1]))
}

// Touch taps with a finger at a place.
func Touch(t testing.TB, p *Page, x, y int) {
	t.Helper()
	p.perform(t, object{"type": "pointer", "id": "finger", "parameters": object{"pointerType": "touch"}, "actions": []object{
		{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0},
	}})
}

// Wheel turns the wheel at a place, so many pixels down (or up, when negative).
func Wheel(t testing.TB, p *Page, x, y, by int) {
	t.Helper()
	p.perform(t, object{"type": "wheel", "id": "wheel", "actions": []object{
		{"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": by},
	}})
}

// Press holds the keys down one after another and then lets them go, last first: Press(t, p, Shift, TabKey).
func Press(t testing.TB, p *Page, keys ...string) {
	t.Helper()
	var actions []object
	for _, key := range keys {
		actions = append(actions, object{"type": "keyDown", "value": key})
	}
	for i := range keys {
		actions = append(actions, object{"type": "keyUp", "value": keys[len(keys)-1-i]})
	}
	p.perform(t, keyboard(actions))
}

// Type writes a text where the focus is, a key at a time.
func Type(t testing.TB, p *Page, text string) {
	t.Helper()
	var actions []object
	for _, letter := range text {
		actions = append(actions, object{"type": "keyDown", "value": string(letter)}, object{"type": "keyUp", "value": string(letter)})
	}
	p.perform(t, keyboard(actions))
}

func mouse(actions ...object) object {
	return object{"type": "pointer", "id": "mouse", "parameters": object{"pointerType": "mouse"}, "actions": actions}
}

func keyboard(actions []object) object {
	return object{"type": "key", "id": "keyboard", "actions": actions}
}

func (p *Page) perform(t testing.TB, source object) {
	t.Helper()
	p.must(t, "input.performActions", object{"actions": []object{source}})
}
