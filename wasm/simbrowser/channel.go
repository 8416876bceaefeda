package simbrowser

import (
	"slices"

	"github.com/curfew-project/curfew/wasm/host"
)

// channel is the state of a BroadcastChannel (HTML section 9.5).
type channel struct {
	page   *page
	object *host.Object
	origin string
	name   string
	closed bool
}

// defineBroadcastChannel defines the part of BroadcastChannel that the agent uses: strings, and the handler onmessage.
func (p *page) defineBroadcastChannel() {
	b := p.tab.browser
	class := p.realm.DefineClass("BroadcastChannel", nil, func(c host.Call) error {
		name, err := c.String(0)
		if err != nil {
			return err
		}
		this := c.This.(*host.Object)
		opened := &channel{page: p, object: this, origin: originOf(p.tab.address), name: name}
		this.SetData(opened).Define("name", host.String(name)).Define("onmessage", host.Null)
		b.channels = append(b.channels, opened)
		return nil
	})
	class.Prototype.DefineFunc("postMessage", func(c host.Call) (host.Value, error) {
		from, ok := host.DataOf[*channel](c.This)
		if !ok {
			return nil, host.TypeError("Illegal invocation")
		}
		text, ok := c.Arg(0).(host.String)
		if !ok {
			return nil, host.TypeError("simbrowser: only strings can be posted")
		}
		if from.closed {
			return nil, host.Errorf("InvalidStateError", "Channel is closed")
		}
		for _, to := range b.channels {
			if to != from && to.origin == from.origin && to.name == from.name {
				from.post(to, text)
			}
		}
		return host.Undefined, nil
	})
	class.Prototype.DefineFunc("close", func(c host.Call) (host.Value, error) {
		closed, ok := host.DataOf[*channel](c.This)
		if !ok {
			return nil, host.TypeError("Illegal invocation")
		}
		closed.close()
		return host.Undefined, nil
	})
}

// post sends a text to one other channel. Chromium takes a page that is in the back/forward cache out of it for good then, and lets
// one that is frozen handle the message although nothing else of it runs, unless Browser.QueuesForFrozen says otherwise. A page
// that hangs finds it when it goes on.
func (from *channel) post(to *channel, text host.String) {
	way, ok := from.page.ways[to.page]
	if !ok {
		way = &courier{browser: from.page.tab.browser}
		from.page.ways[to.page] = way
	}
	way.carry(func() {
		p := to.page
		deliver := func() error { return to.deliver(text) }
		switch {
		case to.closed:
		case p.cached:
			p.evict()
		case p.tab.frozen && !p.hung && !p.tab.browser.QueuesForFrozen:
			p.realm.Thaw()
			if err := deliver(); err != nil {
				p.tab.problem("%s: in a message: %v", p.tab.address, err)
			}
			p.realm.Loop().Checkpoint()
			p.hold()
		default:
			p.realm.Post(deliver)
		}
	})
}

func (c *channel) deliver(text host.String) error {
	if c.closed {
		return nil
	}
	v, err := c.object.Get("onmessage")
	if err != nil {
		return err
	}
	if f, ok := host.AsFunc(v); ok {
		event := c.page.realm.NewObject().Define("type", host.String("message")).Define("target", c.object).Define("data", text)
		_, err = f.Call(c.object, event)
	}
	return err
}

func (c *channel) close() {
	c.closed = true
	b := c.page.tab.browser
	b.channels = slices.DeleteFunc(b.channels, func(other *channel) bool { return other == c })
}
