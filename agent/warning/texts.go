package warning

import (
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
)

// Key names one text. The keys of a language's file are these (C7).
type Key string

// What the dialog says.
const (
	keySessionTitle    Key = "session.title"
	keySessionBody     Key = "session.body"
	keyUncheckedTitle  Key = "unchecked.title"
	keyUncheckedBody   Key = "unchecked.body"
	keyInactivityTitle Key = "inactivity.title"
	keyInactivityBody  Key = "inactivity.body"
	keyUnsaved         Key = "unsaved" // follows a body
	keyOffline         Key = "offline"
	keyDeciding        Key = "deciding"

	// Spoken; {time} is a length such as "5 minutes".
	keySayInactivity Key = "say.inactivity"
	keySaySession    Key = "say.session"
	keySayUnchecked  Key = "say.unchecked"
)

// What the buttons say: button. and the Choice.
const (
	keyStay        Key = "button.stay"
	keySignOut     Key = "button.sign_out"
	keyDismiss     Key = "button.dismiss"
	keySignInAgain Key = "button.sign_in_again"
	keySignIn      Key = "button.sign_in"
	keyRetry       Key = "button.retry"
)

// What the cover says: its kind, and .title or .body; of an end, the body is that of its reason. ended.other is for a reason that
// nobody knows.
const (
	keyEndedTitle Key = "ended.title"
	keyEndedOther Key = "ended.other"
)

// What the loader says when the agent cannot run.
const (
	keyFailureTitle       Key = "failure.title"
	keyFailureGeneral     Key = "failure.general"
	keyFailureNetwork     Key = "failure.network"
	keyFailureUnsupported Key = "failure.unsupported"
	keyFailureStorage     Key = "failure.storage"
)

// Place stands in a text for a length of time.
const Place = "{time}"

// Texts are all texts of one language. A Texts is complete when it has a text for each of Keys.
type Texts map[Key]string

// English is what is said until another language's texts are there, and where there are none.
func English() Texts {
	return Texts{
		keySessionTitle:    "Your session is about to end",
		keySessionBody:     "You will be signed out when the time is up, even while you are working. Save your work, or sign in again now to start a new session.",
		keyUncheckedTitle:  "We cannot confirm your account right now",
		keyUncheckedBody:   "Your organisation’s sign-in service cannot be reached. We keep trying. Save your work: if there is no answer before the time is up, you will be signed out.",
		keyInactivityTitle: "Are you still there?",
		keyInactivityBody:  "You have not been active for a while. To protect your information you will be signed out when the time is up.",
		keyUnsaved:         "There is unsaved work on this page.",
		keyOffline:         "There is no connection right now. We keep trying.",
		keyDeciding:        "One moment…",

		keySayInactivity: "You will be signed out within {time}",
		keySaySession:    "Your session ends within {time}",
		keySayUnchecked:  "If your account is not confirmed, you will be signed out within {time}",

		keyStay:        "Stay signed in",
		keySignOut:     "Sign out",
		keyDismiss:     "Dismiss",
		keySignInAgain: "Sign in again now",
		keySignIn:      "Sign in",
		keyRetry:       "Try again",

		"checking.title":            "One moment…",
		"checking.body":             "We are checking that your session is still open.",
		"unreachable.title":         "We cannot check your session",
		"unreachable.body":          "The page is covered to protect your information. It comes back by itself as soon as the connection does.",
		"signing_out.title":         "Signing you out…",
		"not_signed_out.title":      "You may still be signed in",
		"not_signed_out.body":       "We could not reach the service to sign you out. Try again, or close the browser.",
		"no_session.title":          "Please sign in",
		"no_session.body":           "There is no open session in this browser for this page.",
		"signing_in.title":          "Signing you in…",
		"sign_in_unavailable.title": "We cannot sign you in right now",
		"sign_in_unavailable.body":  "The sign-in service cannot be reached. Please try again in a minute.",
		"elsewhere.title":           "Continue in the other window",
		"elsewhere.body":            "Sign in there. This page stays as you left it, and comes back as soon as you are signed in.",
		"blocked.title":             "The window to sign in was blocked",
		"blocked.body":              "Allow this page to open a window and try again. Your work on this page is still here.",

		keyEndedTitle:                           "You have been signed out",
		"ended." + Key(wire.SessionTimeout):     "Your session reached its longest duration. Sign in to continue.",
		"ended." + Key(wire.Inactivity):         "You were not active for a while, so we signed you out to protect your information. Sign in to continue.",
		"ended." + Key(wire.SignedOut):          "You signed out. Sign in to continue.",
		"ended." + Key(wire.SignedOutElsewhere): "You signed out in another window. Sign in to continue.",
		"ended." + Key(wire.EndedByAdmin):       "An administrator ended your session. Sign in to continue.",
		"ended." + Key(wire.EndedByProvider):    "You were signed out at your organisation’s sign-in service. Sign in to continue.",
		"ended." + Key(wire.ProviderRefused):    "Your organisation’s sign-in service no longer accepts your sign-in. Sign in again. If that does not work, ask your administrator.",
		"ended." + Key(wire.PolicyCheckOverdue): "Your organisation’s sign-in service could not confirm your account in time. Sign in to continue. If that does not work yet, try again in a few minutes.",
		"ended." + Key(wire.UserMismatch):       "Somebody else signed in with this browser, so we signed you out to protect your information. Sign in to continue.",
		"ended." + Key(wire.KeyMismatch):        "We could not be sure that this is still your browser, so we signed you out to protect your information. Sign in to continue.",
		"ended." + Key(wire.AgentSilent):        "We did not hear from your browser for a while, so we signed you out to protect your information. Sign in to continue.",
		keyEndedOther:                           "Your session was ended. Sign in to continue.",

		keyFailureTitle:       "This page cannot be shown right now",
		keyFailureGeneral:     "Part of this page, which keeps your session safe, could not start. Try again. If that does not help, ask the people who run this service.",
		keyFailureNetwork:     "Check your connection and try again.",
		keyFailureUnsupported: "This browser is too old for this page. Update it, or use another one.",
		keyFailureStorage:     "This browser does not allow the page to store what keeps your session safe. Leave private browsing, or allow this site to store data, and try again.",
	}
}

// Keys are the keys of a complete Texts, in no order.
func Keys() []Key {
	var all []Key
	for key := range English() {
		all = append(all, key)
	}
	return all
}

func endedBy(reason wire.Reason) Key { return Key("ended." + string(reason)) }

// ViewWords are the words of a View.
type ViewWords struct {
	Title     string
	Body      string
	Countdown string // changes every second
	Announce  string // what a screen reader says; changes each minute, then at 60, 40 and 20 seconds
	Note      string // a difficulty; or empty
	Buttons   [2]string
}

// View puts a view into words.
func (t Texts) View(v View, format Format) ViewWords {
	title, body, say := keySessionTitle, keySessionBody, keySaySession
	switch v.Reason {
	case wire.Inactivity:
		title, body, say = keyInactivityTitle, keyInactivityBody, keySayInactivity
	case wire.PolicyCheckOverdue:
		title, body, say = keyUncheckedTitle, keyUncheckedBody, keySayUnchecked
	}
	words := ViewWords{
		Title:     t[title],
		Body:      t[body],
		Countdown: format.Clock(v.Left),
		Announce:  strings.Replace(t[say], Place, spoken(v.Left, format), 1),
	}
	if v.Unsaved {
		words.Body += " " + t[keyUnsaved]
	}
	switch {
	case v.Offline:
		words.Note = t[keyOffline]
	case v.Deciding:
		words.Note = t[keyDeciding]
	}
	for i, choice := range v.Buttons {
		words.Buttons[i] = t.button(choice)
	}
	return words
}

// CoverWords are the words of a Cover.
type CoverWords struct{ Title, Body, Button string }

// Cover puts a cover into words.
func (t Texts) Cover(c Cover) CoverWords {
	words := CoverWords{Title: t[c.Kind.title()], Body: t[c.Kind.body()], Button: t.button(c.Button)}
	if c.Kind == coverEnded {
		var known bool
		if words.Body, known = t[endedBy(c.Reason)]; !known {
			words.Body = t[keyEndedOther]
		}
	}
	if c.Button == SignInAgain {
		words.Button = t[keySignIn] // there is no session to sign in again to
	}
	if c.Unsaved {
		words.Body += " " + t[keyUnsaved]
	}
	return words
}

func (t Texts) button(choice Choice) string {
	switch choice {
	case Stay:
		return t[keyStay]
	case SignOut:
		return t[keySignOut]
	case Dismiss:
		return t[keyDismiss]
	case SignInAgain:
		return t[keySignInAgain]
	case Retry:
		return t[keyRetry]
	}
	return ""
}
