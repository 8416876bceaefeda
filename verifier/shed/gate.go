// Package shed keeps a verifier that has more to do than it can from falling behind with all of it: so many requests are carried out at
// once, some wait, and the rest are refused before they have cost anything, each with a time to come back. What is refused first is what can
// wait; nothing is let through for it, and no session ends.
package shed

import (
	"slices"
	"time"
)

// Class is what a request is to the verifier, the most important first.
type Class int

const (
	Check   Class = iota // the verdict on a request to the application: somebody waits for a page
	Urgent               // a heartbeat whose session would feel its loss soon, see engine.Slack
	Routine              // any other heartbeat
	classes
)

func (c Class) String() string { return [...]string{"check", "urgent heartbeat", "heartbeat"}[c] }

// Patience is how long a request of a class waits before it is refused. Agents give up after 15 seconds, and reverse proxies usually after a
// minute.
func (c Class) Patience() time.Duration {
	return [...]time.Duration{5 * time.Second, 10 * time.Second, time.Second}[c]
}

// Limits bound what a Gate lets in and lets wait.
type Limits struct {
	Checks     int // at once
	Heartbeats int // at once, of both classes
	Waiting    [classes]int
}

// Ticket is one request at a gate. The zero Ticket of a class is ready to Enter once.
type Ticket struct {
	Class Class
	Turn  func() // is called when its turn has come, by whoever Leaves; it must not block
	gone  bool
}

// Place is what a gate says to a request.
type Place int

const (
	In     Place = iota // it is carried out; Leave must follow
	Waits               // its Turn comes, or it gives up
	Turned              // it is turned away
)

// Gate decides who may come in. It is pure and not safe for concurrent use.
//
// Checks and heartbeats do not take each other's places, so that no number of heartbeats makes a check wait for more than the few that are
// carried out, and no number of checks starves a session. No heartbeat that can wait comes in while a check or an urgent one waits. Within a
// class, who came first comes in first.
type Gate struct {
	limits  Limits
	running [2]int // checks, heartbeats
	queues  [classes][]*Ticket
	waiting [classes]int // those in the queues that have not given up
}

// NewGate makes a gate that is empty.
func NewGate(limits Limits) *Gate { return &Gate{limits: limits} }

func (g *Gate) pool(c Class) (running *int, limit int) {
	if c == Check {
		return &g.running[0], g.limits.Checks
	}
	return &g.running[1], g.limits.Heartbeats
}

// Full reports whether a request of a class would not come in at once.
func (g *Gate) Full(c Class) bool {
	running, limit := g.pool(c)
	return *running >= limit || g.ahead(c)
}

// ahead reports whether somebody waits who comes in before a newcomer of a class.
func (g *Gate) ahead(c Class) bool {
	return g.waiting[c] > 0 || c == Routine && g.waiting[Check]+g.waiting[Urgent] > 0
}

// Enter asks to come in.
func (g *Gate) Enter(t *Ticket) Place {
	running, _ := g.pool(t.Class)
	switch {
	case !g.Full(t.Class):
		*running++
		return In
	case g.waiting[t.Class] >= g.limits.Waiting[t.Class]:
		return Turned
	}
	g.queues[t.Class] = append(g.queues[t.Class], t)
	g.waiting[t.Class]++
	return Waits
}

// GiveUp takes away a ticket that waits. It reports false when its turn has come already: then it is In.
func (g *Gate) GiveUp(t *Ticket) bool {
	if t.gone {
		return false
	}
	t.gone = true
	g.waiting[t.Class]--
	if queue := g.queues[t.Class]; len(queue) > 2*g.limits.Waiting[t.Class] {
		g.queues[t.Class] = slices.DeleteFunc(queue, func(other *Ticket) bool { return other.gone }) // nobody may leave for long
	}
	g.admit() // others may have waited for this one only
	return true
}

// Leave says that a request of a class that was In has been carried out, and lets in whose turn it is.
func (g *Gate) Leave(c Class) {
	running, _ := g.pool(c)
	*running--
	g.admit()
}

func (g *Gate) admit() {
	for c := Check; c < classes; c++ {
		running, limit := g.pool(c)
		for g.waiting[c] > 0 && *running < limit && (c != Routine || g.waiting[Check]+g.waiting[Urgent] == 0) {
			t := g.pop(c)
			t.gone = true
			g.waiting[c]--
			*running++
			t.Turn()
		}
		if g.waiting[c] == 0 {
			g.queues[c] = nil // only who gave up is left
		}
	}
}

// pop is the first in a queue that has not given up.
func (g *Gate) pop(c Class) *Ticket {
	for {
		t := g.queues[c][0]
		g.queues[c] = g.queues[c][1:]
		if !t.gone {
			return t
		}
	}
}

// Pressure is how full of heartbeats the gate is, from 0 to 1, which is when those that can wait are turned away.
func (g *Gate) Pressure() float64 {
	waiting := g.waiting[Urgent] + g.waiting[Routine]
	return float64(min(waiting, g.limits.Waiting[Routine])) / float64(max(g.limits.Waiting[Routine], 1))
}
