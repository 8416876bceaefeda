package simbrowser

import (
	"errors"
	"fmt"

	"github.com/curfew-project/curfew/wasm/host"
)

// loader is the loader's side of the port (wasm/loader/port.js, failure.js).
type loader struct {
	page     *page
	activity *activity
	stage    stage
	object   *host.Object
	asked    float64 // when the agent was woken without having answered since
	state    string
	pending  bool // the agent was not there yet when somebody came back to the page
	failed   bool
	alone    bool // nothing is guarded here
}

// patience is how long in milliseconds a woken agent may take.
const patience = 20_000

func newLoader(p *page) *loader {
	l := &loader{page: p, activity: newActivity(p), state: "starting"}
	l.stage.page = p
	l.activity.gap = func() error { return l.look("gap") }
	return l
}

// State is globalThis.curfew.state of the tab's page, empty where there is no loader.
func (t *Tab) State() string {
	if t.page == nil || t.page.loader == nil {
		return ""
	}
	return t.page.loader.state
}

// port makes the object that the agent takes. script are the attributes of the script's tag.
func (l *loader) port(prefix string, script map[string]string) *host.Object {
	or := func(text, otherwise string) host.Value {
		if text == "" {
			return host.String(otherwise)
		}
		return host.String(text)
	}
	l.object = l.page.realm.NewObject().
		Define("mode", or(script["data-mode"], "guard")).
		Define("prefix", host.String(prefix)).
		Define("nonce", host.String(script["data-nonce"])).
		Define("returnTo", or(script["data-return-to"], "/")).
		Define("stay", host.Bool(script["data-stay"] == "1")).
		Define("activity", l.activity.object).
		Define("checking", l.page.realm.NewArray(host.String("One moment…"), host.String("We are checking that your session is still open.")))
	for _, set := range [...]string{"wake", "seen", "gap", "life", "choose"} {
		l.object.Define(set, host.Null)
	}
	l.alone = script["data-mode"] == "sign-in" || script["data-mode"] == "signed-in"
	l.defineAPI()
	method := func(name string, do func(c host.Call) error) {
		l.object.DefineFunc(name, func(c host.Call) (host.Value, error) { return host.Undefined, do(c) })
	}
	method("armed", func(host.Call) error { return l.setState("armed") })
	method("ended", func(host.Call) error { return l.setState("ended") })
	method("expect", func(c host.Call) error {
		wake, err := c.Number(0)
		if err != nil {
			return err
		}
		end, err := c.Number(1)
		l.asked = 0
		l.activity.expect(wake, end)
		return err
	})
	method("present", func(c host.Call) error {
		dialog, err := elementOf(c.Arg(0))
		if err != nil {
			return err
		}
		escape, _ := host.AsFunc(c.Arg(1))
		l.stage.present(dialog, escape)
		return nil
	})
	method("hear", func(c host.Call) error {
		e, err := elementOf(c.Arg(0))
		if err != nil {
			return err
		}
		kind, err := c.String(1)
		if err != nil || kind != "click" {
			return errors.Join(err, host.TypeError("no %s events on elements here", kind))
		}
		then, err := c.Func(2)
		if err == nil {
			e.clicked = append(e.clicked, then)
		}
		return err
	})
	method("begin", func(host.Call) error {
		if !l.pending {
			return nil
		}
		return l.look("gap")
	})
	method("dismiss", func(c host.Call) error {
		dialog, err := elementOf(c.Arg(0))
		if err == nil {
			l.stage.dismiss(dialog)
		}
		return err
	})
	method("cover", func(c host.Call) error {
		var texts [3]string
		for i := range texts {
			var err error
			if texts[i], err = c.String(i); err != nil {
				return err
			}
		}
		press, _ := host.AsFunc(c.Arg(3))
		if !l.failed {
			l.stage.cover(texts[0], texts[1], texts[2], call(press))
		}
		return nil
	})
	method("uncover", func(host.Call) error {
		if l.failed {
			return nil
		}
		if l.state == "ended" {
			l.state = "armed"
		}
		l.stage.uncover()
		return nil
	})
	method("fail", func(c host.Call) error {
		kind, err := c.String(0)
		if err != nil {
			return err
		}
		l.fail(kind, host.Describe(c.Arg(1)))
		return nil
	})
	return l.object
}

func (l *loader) setState(state string) error {
	if !l.failed {
		l.state = state
	}
	return nil
}

// call makes a function of the guest's, or of nobody's.
func call(f *host.Object) func() error {
	return func() error {
		if f == nil {
			return nil
		}
		_, err := f.Call(host.Undefined)
		return err
	}
}

// look wakes the agent by what it set: wake, seen because of a person, or gap, which covers the page first, within the same event.
func (l *loader) look(how string) error {
	v, err := l.object.Get(how)
	if err != nil || l.failed || l.alone {
		return err
	}
	if how == "gap" && !l.stage.covered() {
		var texts [2]string
		for i := range texts {
			if texts[i], err = l.checking(i); err != nil {
				return err
			}
		}
		l.stage.cover(texts[0], texts[1], "", nil)
	}
	if host.IsNullish(v) {
		l.pending = l.pending || how == "gap"
		return nil
	}
	now := l.page.stamp().mono
	if l.asked > 0 && now-l.asked > patience {
		l.fail("crash", "it does not answer")
		return nil
	}
	if l.asked == 0 {
		l.asked = now
	}
	return l.call(how)
}

// checking is a text of the cover for a gap, which the agent may have put into the page's language.
func (l *loader) checking(i int) (string, error) {
	v, err := l.object.Get("checking")
	if err != nil {
		return "", err
	}
	list, err := host.Elements(v)
	if err != nil || i >= len(list) {
		return "", err
	}
	return host.ToString(list[i])
}

// lifecycle is what the loader does about the events of the page's lifecycle and about focus.
func (l *loader) lifecycle(kind string, persisted bool) error {
	if l.alone {
		return nil
	}
	if err := l.call("life", host.String(kind)); err != nil {
		return err
	}
	switch seen := l.page.visible(); {
	case kind == "resume", persisted && kind == "pageshow", seen && l.activity.late():
		return l.look("gap")
	case seen:
		return l.look("seen")
	}
	return l.look("wake")
}

// fail covers the page for good (D5).
func (l *loader) fail(kind, detail string) {
	if l.failed {
		return
	}
	l.state, l.failed = "failed", true
	l.page.tab.problem("%s: covered (%s): %s", l.page.tab.address, kind, detail)
	l.page.tab.console = append(l.page.tab.console, fmt.Sprintf("error: Curfew covered this page (%s): %s", kind, detail))
	l.stage.cover("This page cannot be shown right now", "Try again. If it happens again, tell the people who run this site.", "Try again",
		func() error {
			l.page.tab.Reload()
			return nil
		})
}
