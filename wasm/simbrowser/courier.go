package simbrowser

import "time"

// maxDelivery bounds how long what one page has for another, or for the browser, is under way between their processes.
const maxDelivery = 5 * time.Millisecond

// courier carries things one way between two parties of one browser: each takes a time that is drawn from the world's dice, none
// overtakes the one before.
type courier struct {
	browser *Browser
	last    int64 // when the last one arrives, by the monotonic clock
}

// carry does something when it has arrived. Nothing arrives while the machine sleeps.
func (c *courier) carry(arrived func()) {
	b := c.browser
	at := b.clock.Mono + b.delivery.Int64N(int64(maxDelivery)+1)
	c.last = max(c.last, at)
	b.loop.At(c.last, arrived)
}
