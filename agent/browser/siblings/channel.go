//go:build js && wasm

package siblings

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
)

const maxText = 8 << 10 // bytes; what is longer is no message

// channel is a BroadcastChannel.
type channel struct {
	class   safejs.Value
	name    string
	heard   safejs.Func
	open    bool
	current safejs.Value
}

// newChannel opens a channel, or returns nil where the browser has none.
func newChannel(name string, hear func(string)) (*channel, error) {
	class, ok := optional(safejs.Global(), "BroadcastChannel")
	if !ok {
		return nil, nil
	}
	c := &channel{class: class, name: name}
	var err error
	c.heard, err = safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		if len(args) == 1 {
			if text, err := jsvalue.Text(args[0], "data", maxText); err == nil {
				hear(text)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.listen(true)
	return c, nil
}

func (c *channel) listen(open bool) {
	if c.open == open {
		return
	}
	if !open {
		_, _ = c.current.Call("close")
		c.open = false
		return
	}
	opened, err := c.class.New(c.name)
	if err != nil || opened.Set("onmessage", c.heard) != nil {
		return // a page that may not have one is on its own
	}
	c.current, c.open = opened, true
}

func (c *channel) post(text string) {
	if c.open {
		_, _ = c.current.Call("postMessage", text)
	}
}
