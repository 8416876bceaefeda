// Package warning decides what the dialog and the cover show and say, as plain data. Wording rules: say what happened or
// will happen, what the person can do, and when; nothing technical; no blame; the same words for the same thing.
package warning

import (
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

// Choice is what a person picks in the dialog or on the cover.
type Choice string

const (
	Stay        Choice = "stay"
	SignOut     Choice = "sign_out"
	Dismiss     Choice = "dismiss"
	SignInAgain Choice = "sign_in"
	Retry       Choice = "retry"
)

// Button is one button; the zero Button is none. The first of a view is the primary one and gets the focus.
type Button struct {
	Label  string
	Choice Choice
}

// View is all that the dialog shows at one moment. Equal views look equal, so a renderer draws only what differs.
type View struct {
	Kind      wire.Warning
	Title     string
	Body      string
	Countdown string // what is left, e.g. 1:59; changes every second
	Announce  string // what a screen reader says now; changes each minute, then at 60, 40 and 20 seconds
	Note      string // a difficulty, e.g. no connection; or empty
	Buttons   [2]Button
	Escape    Choice // what the Escape key means
}

// Inputs are what a view depends on besides the deadline state.
type Inputs struct {
	Offline  bool // the last heartbeat did not reach the verifier
	Deciding bool // a choice to stay is on its way
}

// LastMinute is how near in milliseconds the end a dismissed session warning comes back (A2).
const LastMinute = 60_000

// Session returns the warning for an end that activity cannot extend, for a state in which it is due: the session timeout (A2), or
// the end of the identity provider's silence (A7).
func Session(s deadline.State, now deadline.Instant, in Inputs) View {
	left := s.SessionEnds() - now
	view := View{
		Kind:      wire.WarnSession,
		Title:     english.sessionTitle,
		Body:      english.sessionBody,
		Countdown: Clock(left),
		Announce:  english.announcement(s.SessionReason(), left),
		Buttons:   [2]Button{{english.signInAgain, SignInAgain}, {english.dismiss, Dismiss}},
		Escape:    Dismiss,
	}
	if s.SessionReason() == wire.PolicyCheckOverdue {
		// While the provider cannot be reached nobody can sign in: leaving the page would lose the work on it, and signing out would
		// lock the person out. What helps is to go back and save it.
		view.Title, view.Body = english.uncheckedTitle, english.uncheckedBody
		view.Buttons = [2]Button{{english.dismiss, Dismiss}}
	}
	if in.Offline {
		view.Note = english.offline
	}
	return view
}

// InLastMinute reports whether a dismissed session warning is due again (A2).
func InLastMinute(s deadline.State, now deadline.Instant) bool {
	return s.SessionEnds()-now <= LastMinute
}

// Inactivity returns the inactivity warning (A4) for a state in which it is due.
func Inactivity(s deadline.State, now deadline.Instant, in Inputs) View {
	left := s.InactivityEnds() - now
	view := View{
		Kind:      wire.WarnInactivity,
		Title:     english.inactivityTitle,
		Body:      english.inactivityBody,
		Countdown: Clock(left),
		Announce:  english.announcement(wire.Inactivity, left),
		Buttons:   [2]Button{{english.stay, Stay}, {english.signOut, SignOut}},
		Escape:    Stay,
	}
	switch {
	case in.Offline:
		view.Note = english.offline
	case in.Deciding:
		view.Note = english.deciding
	}
	return view
}
