package simbrowser

import (
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// Event is one DOM event that the agent dispatched on the page by way of the port: curfew:warning and its kin.
type Event struct {
	Type   string         // without the prefix
	Detail map[string]any // strings, numbers (float64), booleans and nil
}

// Events are the events that the agent dispatched in the tab, on whatever page it showed, the oldest first.
func (t *Tab) Events() []Event { return t.events }

// OnEvent sets what the site's own code does when the agent dispatches an event: with more than 0 it hands in a promise that
// settles after so long, by a timer of the page. nil ends it.
func (t *Tab) OnEvent(answer func(Event) time.Duration) { t.answer = answer }

// API is a call of the page's own code to the agent, "stay" or "sign_out", while the browser handles what a person did (navigator.
// userActivation). It does nothing before the agent is there.
func (t *Tab) API(name string) error { return t.choose(name) }

// ScriptAPI is the same call with nobody there. The loader does not hand on that a script wants to stay (D1).
func (t *Tab) ScriptAPI(name string) error {
	if name == "stay" {
		name = ""
	}
	return t.choose(name)
}

func (t *Tab) choose(name string) error {
	p := t.page
	if p == nil || p.loader == nil || t.browser.asleep {
		return errNoTab
	}
	p.realm.Post(func() error {
		if name == "" || p.loader.alone {
			return nil
		}
		return p.loader.call("choose", host.String(name))
	})
	return t.browser.world.Pass(0)
}

// MarkUnsaved is the page's own code saying that it has unsaved work, or none any more. The next page has none.
func (t *Tab) MarkUnsaved(unsaved bool) {
	if t.page != nil {
		t.page.unsaved = unsaved
	}
}

// defineAPI gives the port what lies between the agent and the page's own code, and the texts (wasm/loader/port.js).
func (l *loader) defineAPI() {
	p := l.page
	l.object.
		Define("site", host.String("{}")).
		DefineFunc("texts", func(host.Call) (host.Value, error) { return p.realm.Resolved(host.Null), nil }).
		DefineFunc("speak", func(c host.Call) (host.Value, error) {
			_, err := c.String(0)
			return host.Undefined, err
		}).
		DefineFunc("unsaved", func(host.Call) (host.Value, error) { return host.Bool(p.unsaved), nil }).
		DefineFunc("tell", func(c host.Call) (host.Value, error) {
			kind, err := c.String(0)
			if err != nil {
				return nil, err
			}
			detail, err := detailOf(c.Arg(1))
			if err != nil {
				return nil, err
			}
			return p.tell(Event{Type: kind, Detail: detail}), nil
		})
}

// tell is the event's dispatch. It returns a promise when the site's code handed one in.
func (p *page) tell(e Event) host.Value {
	t := p.tab
	t.events = append(t.events, e)
	if t.answer == nil {
		return host.Undefined
	}
	wait := t.answer(e)
	if wait <= 0 {
		return host.Undefined
	}
	d := p.realm.NewDeferred()
	p.realm.SetTimeout(wait, func() error {
		d.Resolve(host.Undefined)
		return nil
	})
	return d.Promise
}

func detailOf(v host.Value) (map[string]any, error) {
	detail := map[string]any{}
	o, ok := v.(*host.Object)
	if !ok {
		return detail, nil
	}
	for _, name := range o.Keys() {
		v, err := o.Get(name)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case host.String:
			detail[name] = string(v)
		case host.Number:
			detail[name] = float64(v)
		case host.Bool:
			detail[name] = bool(v)
		default:
			if !host.IsNullish(v) {
				return nil, host.TypeError("simbrowser: the detail %s is no plain value", name)
			}
			detail[name] = nil
		}
	}
	return detail, nil
}

// call calls what the agent set on the port, if it did.
func (l *loader) call(name string, args ...host.Value) error {
	v, err := l.object.Get(name)
	if err != nil {
		return err
	}
	if f, ok := host.AsFunc(v); ok {
		_, err = f.Call(host.Undefined, args...)
	}
	return err
}
