// Package agenttest runs the agent's state machine in virtual time against a verifier that a test supplies.
package agenttest

import (
	"errors"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

// ErrUnreachable is what a Verifier returns when a request or its answer is lost.
var ErrUnreachable = errors.New("unreachable")

// Verifier answers a request that arrives at an instant of the verifier's clock: with a reply, a *agent.Refused, ErrUnreachable, or
// agent.ErrNoKey where the browser could not even prove it.
type Verifier func(request agent.Request, now int64) (wire.Reply, error)

// Drive is one page's agent in virtual time. The client's clocks and the verifier's run apart: Skew is what the client's wall
// clock shows more than the verifier's.
type Drive struct {
	Machine  agent.Machine
	Verifier Verifier
	Now      int64 // the verifier's clock, milliseconds since the epoch
	Mono     int64 // the client's monotonic clock
	Skew     int64
	Latency  int64 // of each direction

	Hidden  bool
	Unsaved bool
	Acted   activity.Stamp // the last human activity
	Orders  agent.Orders   // what is on the screen now
	Left    string         // the last address the page was told to leave for; "sign-in" for the sign-in page
	Wakes   int            // how often the machine was woken by its own timer
	Sent    int            // requests

	Told     []agent.Event  // what the page was told
	Reloaded bool           // the page was told to load anew
	Cleared  bool           // the page was told to forget everything
	Saving   int64          // how long the page takes to save its work before a sign-out
	Posts    []tabs.Message // what the other tabs were told, until somebody takes it

	Then func() // what is done after each of the machine's orders; nil: nothing

	savedAt   int64 // by the verifier's clock; 0: nothing is being saved
	wakeAt    int64 // by the monotonic clock
	asked     *agent.Request
	arrives   int64
	returns   int64
	reply     wire.Reply
	err       error
	delivered bool
}

// New makes a drive whose machine has just been loaded.
func New(start int64, verifier Verifier) *Drive {
	d := &Drive{Verifier: verifier, Now: start, Mono: 1000, Latency: 20}
	d.take(d.Machine.Wake(d.Moment()))
	return d
}

// Moment is what the machine is told at this time.
func (d *Drive) Moment() agent.Moment {
	return agent.Moment{Now: d.stamp(), Activity: d.Acted, Hidden: d.Hidden, Unsaved: d.Unsaved}
}

func (d *Drive) stamp() activity.Stamp { return activity.Stamp{Wall: d.Now + d.Skew, Mono: d.Mono} }

// Act is human activity now. As in a page, it does not wake the machine.
func (d *Drive) Act() { d.Acted = d.stamp() }

// Choose picks a button.
func (d *Drive) Choose(choice warning.Choice) { d.take(d.Machine.Choose(d.Moment(), choice)) }

// Wake is an event of the page that makes the agent look, such as becoming visible.
func (d *Drive) Wake() { d.take(d.Machine.Wake(d.Moment())) }

// Gap is the page's return from where it did not run.
func (d *Drive) Gap() { d.take(d.Machine.Gap(d.Moment())) }

// Seen is somebody coming to the page.
func (d *Drive) Seen() { d.take(d.Machine.Seen(d.Moment())) }

// Changed is the verifier's hint that the settings have changed.
func (d *Drive) Changed() { d.take(d.Machine.Changed(d.Moment())) }

// Blocked is the browser not opening the window to sign in.
func (d *Drive) Blocked() { d.take(d.Machine.Blocked(d.Moment())) }

// Hear hands the machine a message of another tab.
func (d *Drive) Hear(message tabs.Message) { d.take(d.Machine.Heard(d.Moment(), message)) }

// Sleep lets time pass with the machine suspended: the monotonic clock stands still and no timer fires.
func (d *Drive) Sleep(length int64) { d.Now += length }

// Pass lets time pass, waking the machine and carrying its requests.
func (d *Drive) Pass(length int64) {
	for until := d.Now + length; ; {
		next := min(d.next(), until)
		d.Mono += next - d.Now
		d.Now = next
		if !d.fire() && d.Now >= until {
			return
		}
	}
}

// Asking reports whether a request is under way.
func (d *Drive) Asking() bool { return d.asked != nil }

// Next is when something happens by itself, by the verifier's clock: nothing does before.
func (d *Drive) Next() int64 { return d.next() }

// next is when something happens by itself, by the verifier's clock.
func (d *Drive) next() int64 {
	next := d.Now + d.wakeAt - d.Mono
	switch {
	case d.asked != nil && !d.delivered:
		next = min(next, d.arrives)
	case d.asked != nil:
		next = min(next, d.returns)
	}
	if d.savedAt != 0 {
		next = min(next, d.savedAt)
	}
	return max(next, d.Now)
}

// fire lets one thing happen that is due, and reports whether there was one.
func (d *Drive) fire() bool {
	switch {
	case d.asked != nil && !d.delivered && d.Now >= d.arrives:
		d.reply, d.err = d.Verifier(*d.asked, d.Now)
		d.delivered, d.returns = true, d.Now+d.Latency
	case d.asked != nil && d.delivered && d.Now >= d.returns:
		d.answer()
	case d.savedAt != 0 && d.Now >= d.savedAt:
		d.savedAt = 0
		d.take(d.Machine.Saved(d.Moment()))
	case d.Mono >= d.wakeAt:
		d.Wakes++
		d.take(d.Machine.Wake(d.Moment()))
	default:
		return false
	}
	return true
}

func (d *Drive) answer() {
	request := *d.asked
	d.asked = nil
	var refused *agent.Refused
	switch {
	case errors.Is(d.err, agent.ErrNoKey):
		d.take(d.Machine.NoKey(d.Moment()))
	case errors.As(d.err, &refused):
		d.take(d.Machine.Refused(d.Moment(), refused.Refusal))
	case d.err != nil:
		d.take(d.Machine.Unreachable(d.Moment()))
	case request.SignOut:
		d.take(d.Machine.SignedOut(d.Moment(), "/signed-out"))
	default:
		d.take(d.Machine.Answered(d.Moment(), d.reply))
	}
}

func (d *Drive) take(orders agent.Orders) {
	d.Orders = orders
	if orders.Abort && d.asked != nil {
		d.delivered, d.err, d.returns = true, ErrUnreachable, d.Now
	}
	if orders.SignIn {
		d.Left = "sign-in"
	} else if orders.Leave != "" {
		d.Left = orders.Leave
	}
	d.Cleared = d.Cleared || orders.Clear
	d.Reloaded = d.Reloaded || orders.Reload
	d.Told = append(d.Told, orders.Tell...)
	d.Posts = append(d.Posts, orders.Post...)
	for _, event := range orders.Tell {
		if event.Type == agent.Ending && event.Reason == wire.SignedOut {
			d.savedAt = d.Now + d.Saving
		}
	}
	d.wakeAt = d.Mono + max(orders.Wake, 1)
	if orders.Send != nil {
		d.Sent++
		d.asked, d.delivered, d.arrives = orders.Send, false, d.Now+d.Latency
	}
	if d.Then != nil {
		d.Then()
	}
}

// Screen is what a person sees, in one word.
func (d *Drive) Screen() string {
	switch {
	case d.Orders.Cover != nil:
		return "cover: " + warning.English().Cover(*d.Orders.Cover).Title
	case d.Orders.Show != nil:
		return "warning: " + string(d.Orders.Show.Kind)
	}
	return "page"
}
