package agenttest

import (
	"slices"

	"github.com/curfew-project/curfew/agent/tabs"
)

// Browser is one browser with several tabs in virtual time: a lock, a channel and one verifier for all. Its tabs can hang, freeze and
// die at any moment.
type Browser struct {
	Verifier Verifier
	Now      int64
	Dice     Dice
	Tabs     []*Tab

	holder *Tab
	queue  []*Tab
	later  []delivery
}

// Tab is one of them.
type Tab struct {
	Drive
	browser *Browser
	stopped bool      // nothing of it runs; what it holds stays held
	want    tabs.Want // what it last asked of the browser
	missed  []func()  // what happened to it meanwhile
}

// delivery is something that reaches a tab at a time.
type delivery struct {
	at int64
	to *Tab
	do func()
}

// Dice draw what is left to chance. A *rand.Rand from a seed makes a course of events that can be repeated.
type Dice interface {
	IntN(n int) int
	Int64N(n int64) int64
}

// NewBrowser returns a browser without tabs.
func NewBrowser(start int64, dice Dice, verifier Verifier) *Browser {
	return &Browser{Verifier: verifier, Now: start, Dice: dice}
}

// Open opens a tab. Each has a monotonic clock of its own.
func (b *Browser) Open() *Tab {
	t := &Tab{browser: b, Drive: Drive{Verifier: b.Verifier, Now: b.Now, Mono: 1000 + b.Dice.Int64N(1e6), Latency: 20 + b.Dice.Int64N(50)}}
	t.Drive.Then = t.told
	b.Tabs = append(b.Tabs, t)
	t.Machine.Join()
	t.take(t.Machine.Wake(t.Moment()))
	return t
}

// told carries out what the machine wants of the other tabs.
func (t *Tab) told() {
	posts := t.Posts
	t.Posts = nil
	for _, message := range posts {
		text := tabs.Encode(message)
		for _, other := range t.browser.Tabs {
			if other != t {
				t.browser.deliver(other, func() {
					if m, err := tabs.Parse(text); err == nil {
						other.take(other.Machine.Heard(other.Moment(), m))
					}
				})
			}
		}
	}
	t.browser.wants(t, t.Orders.Want)
}

func (b *Browser) deliver(to *Tab, do func()) {
	at := b.Now + b.Dice.Int64N(4)
	for i := len(b.later) - 1; i >= 0; i-- {
		if b.later[i].to == to {
			at = max(at, b.later[i].at) // in order
			break
		}
	}
	b.later = append(b.later, delivery{at, to, do})
}

// wants follows what a tab wants of the lock, as agent/browser/siblings does.
func (b *Browser) wants(t *Tab, want tabs.Want) {
	switch {
	case want == t.want, want == "":
		return
	case want == tabs.None:
		b.drop(t)
	case want == tabs.Queue && t.want == tabs.Steal:
	case want == tabs.Queue:
		b.queue = append(b.queue, t)
	case want == tabs.Steal && b.holder != t:
		b.queue = slices.DeleteFunc(b.queue, func(other *Tab) bool { return other == t })
		if loser := b.holder; loser != nil {
			loser.want = tabs.Queue
			b.queue = append(b.queue, loser)
			b.deliver(loser, func() { loser.take(loser.Machine.Led(loser.Moment(), false)) })
		}
		b.grant(t)
	}
	t.want = want
	b.next()
}

func (b *Browser) grant(t *Tab) {
	b.holder = t
	b.deliver(t, func() {
		if b.holder == t {
			t.take(t.Machine.Led(t.Moment(), true))
		}
	})
}

func (b *Browser) next() {
	if b.holder == nil && len(b.queue) > 0 {
		t := b.queue[0]
		b.queue = b.queue[1:]
		b.grant(t)
	}
}

// drop takes the lock, or the place in the queue, from a tab.
func (b *Browser) drop(t *Tab) {
	b.queue = slices.DeleteFunc(b.queue, func(other *Tab) bool { return other == t })
	if b.holder == t {
		b.holder = nil
		if !t.stopped {
			b.deliver(t, func() { t.take(t.Machine.Led(t.Moment(), false)) })
		}
	}
	t.want = ""
	b.next()
}

// Crash ends a tab without a word.
func (b *Browser) Crash(t *Tab) {
	t.stopped = true
	b.Tabs = slices.DeleteFunc(b.Tabs, func(other *Tab) bool { return other == t })
	b.later = slices.DeleteFunc(b.later, func(d delivery) bool { return d.to == t })
	b.drop(t)
}

// Hang stops a tab, which keeps the lock if it has it.
func (t *Tab) Hang() { t.stopped = true }

// Freeze stops a tab that is told so, and gives everything back.
func (t *Tab) Freeze() {
	t.browser.drop(t)
	t.stopped = true
	t.browser.later = slices.DeleteFunc(t.browser.later, func(d delivery) bool { return d.to == t })
}

// Go lets a stopped tab go on. One that was frozen knows it (resume).
func (t *Tab) Go(frozen bool) {
	t.stopped = false
	t.Mono += t.browser.Now - t.Now
	t.Now = t.browser.Now
	if frozen {
		t.take(t.Machine.Led(t.Moment(), false))
		t.take(t.Machine.Gap(t.Moment()))
	}
	missed := t.missed
	t.missed = nil
	for _, do := range missed {
		do()
	}
}

// Show puts a tab in front or away.
func (t *Tab) Show(seen bool) {
	t.Hidden = !seen
	if t.stopped {
		return
	}
	if seen {
		t.take(t.Machine.Seen(t.Moment()))
	} else {
		t.take(t.Machine.Wake(t.Moment()))
	}
}

// Leads reports whether a tab has the lock.
func (t *Tab) Leads() bool { return t.browser.holder == t }

// Pass lets time pass for all tabs.
func (b *Browser) Pass(length int64) {
	for until := b.Now + length; ; {
		next := until
		for _, t := range b.Tabs {
			if !t.stopped {
				next = min(next, t.next())
			}
		}
		for _, d := range b.later {
			next = min(next, max(d.at, b.Now))
		}
		b.Now = next
		for _, t := range b.Tabs {
			if !t.stopped {
				t.Mono += next - t.Now
				t.Now = next
			}
		}
		if !b.fire() && b.Now >= until {
			return
		}
	}
}

func (b *Browser) fire() bool {
	for i, d := range b.later {
		if d.at > b.Now {
			continue
		}
		b.later = slices.Delete(b.later, i, i+1)
		if d.to.stopped {
			d.to.missed = append(d.to.missed, d.do)
		} else {
			d.do()
		}
		return true
	}
	for _, t := range slices.Clone(b.Tabs) {
		if !t.stopped && t.next() <= b.Now && t.fire() {
			return true
		}
	}
	return false
}

// Sleep lets time pass with the machine suspended: monotonic clocks stand still and nothing runs.
func (b *Browser) Sleep(length int64) {
	b.Now += length
	for _, t := range b.Tabs {
		if !t.stopped {
			t.Now += length
		}
	}
	for i := range b.later {
		b.later[i].at = max(b.later[i].at, b.Now)
	}
}

// SetClock moves the wall clock of the whole browser.
func (b *Browser) SetClock(by int64) {
	for _, t := range b.Tabs {
		t.Skew += by
	}
}
