//go:build js && wasm

package page

import (
	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/warning"
)

// OnLife calls then within each event of the page's life: pagehide, freeze, pageshow, resume, visibilitychange,
// focus and online. After the
// first two nothing of the page may run any more, so what must be given up is given up there.
func (p *Port) OnLife(then func(kind string)) { p.life = append(p.life, then) }

func (p *Port) lives(args []safejs.Value) any {
	if len(args) == 1 {
		if kind, err := args[0].String(); err == nil {
			for _, then := range p.life {
				then(kind)
			}
		}
	}
	return nil
}

// OnChoose calls then when a script of the page makes a choice that it may make. It returns whether the choice was taken.
func (p *Port) OnChoose(then func(warning.Choice) bool) { p.choose = then }

func (p *Port) chosen(args []safejs.Value) any {
	if len(args) != 1 || p.choose == nil {
		return false
	}
	word, err := args[0].String()
	if err != nil {
		return false
	}
	switch choice := warning.Choice(word); choice {
	case warning.Stay, warning.SignOut:
		return p.choose(choice)
	}
	return false
}

// Hidden reports whether nobody can see the page.
func (p *Port) Hidden() bool {
	state, err := jsvalue.Text(p.document, "visibilityState", maxText)
	return err == nil && state == "hidden"
}

// Unsaved reports whether the page or one of its frames is marked as having unsaved work (A15).
func (p *Port) Unsaved() bool {
	value, err := p.port.Call("unsaved")
	if err != nil {
		return false
	}
	unsaved, err := value.Bool()
	return err == nil && unsaved
}

// Tell dispatches a DOM event on the page's document and on those of its frames. What it returns is closed when all work has settled
// that their scripts handed in; it is nil when there is none.
func (p *Port) Tell(event agent.Event) <-chan struct{} {
	work, err := p.port.Call("tell", string(event.Type), map[string]any{"reason": string(event.Reason), "left": event.Left})
	if err != nil || work.Type() != safejs.TypeObject {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = jsvalue.Await(nil, work)
	}()
	return done
}
