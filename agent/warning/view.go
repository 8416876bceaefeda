// Package warning decides what the dialog and the cover show and say, as plain data. Wording rules: say what happened or
// will happen, what the person can do, and when; nothing technical; no blame; the same words for the same thing.
package warning

import (
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

// Choice is what a person picks in the dialog or on the cover. The empty Choice is none.
type Choice string

const (
	Stay        Choice = "stay"
	SignOut     Choice = "sign_out"
	Dismiss     Choice = "dismiss"
	SignInAgain Choice = "sign_in"
	Retry       Choice = "retry"
)

// View is all that the dialog shows at one moment, as data; Texts.View has its words. Equal views look equal, so a renderer draws
// only what differs.
type View struct {
	Kind     wire.Warning
	Reason   wire.Reason // what will end the session
	Left     int64       // milliseconds, rounded up to whole seconds
	Offline  bool
	Deciding bool
	Unsaved  bool
	Buttons  [2]Choice // the first is the primary one and gets the focus
	Escape   Choice    // what the Escape key means
}

// Inputs are what a view depends on besides the deadline state.
type Inputs struct {
	Offline  bool // the last heartbeat did not reach the verifier
	Deciding bool // a choice to stay is on its way
	Unsaved  bool // the page is marked as having unsaved work (A15)
}

// LastMinute is how near in milliseconds the end a dismissed session warning comes back (A2).
const LastMinute = 60_000

// Session returns the warning for an end that activity cannot extend, for a state in which it is due: the session timeout (A2), or
// the end of the identity provider's silence (A7).
func Session(s deadline.State, now deadline.Instant, in Inputs) View {
	view := View{
		Kind:    wire.WarnSession,
		Reason:  s.SessionReason(),
		Left:    seconds(s.SessionEnds()-now) * 1000,
		Offline: in.Offline,
		Unsaved: in.Unsaved,
		Buttons: [2]Choice{SignInAgain, Dismiss},
		Escape:  Dismiss,
	}
	if view.Reason == wire.PolicyCheckOverdue {
		// While the provider cannot be reached nobody can sign in: leaving the page would lose the work on it, and signing out would
		// lock the person out. What helps is to go back and save it.
		view.Buttons = [2]Choice{Dismiss}
	}
	return view
}

// InLastMinute reports whether a dismissed session warning is due again (A2).
func InLastMinute(s deadline.State, now deadline.Instant) bool {
	return s.SessionEnds()-now <= LastMinute
}

// Inactivity returns the inactivity warning (A4) for a state in which it is due.
func Inactivity(s deadline.State, now deadline.Instant, in Inputs) View {
	return View{
		Kind:     wire.WarnInactivity,
		Reason:   wire.Inactivity,
		Left:     seconds(s.InactivityEnds()-now) * 1000,
		Offline:  in.Offline,
		Deciding: in.Deciding && !in.Offline,
		Unsaved:  in.Unsaved,
		Buttons:  [2]Choice{Stay, SignOut},
		Escape:   Stay,
	}
}
