package warning

import (
	"strconv"

	"github.com/curfew-project/curfew/shared/wire"
)

// texts are the sentences of one language.
type texts struct {
	sessionTitle, sessionBody         string
	uncheckedTitle, uncheckedBody     string
	inactivityTitle, inactivityBody   string
	stay, signOut, dismiss            string
	signInAgain, signIn, retry        string
	offline, deciding                 string
	checkingTitle, checkingBody       string
	unreachableTitle, unreachableBody string
	signingOutTitle                   string
	notSignedOutTitle                 string
	notSignedOutBody                  string
	noSessionTitle, noSessionBody     string
	signingInTitle                    string
	signInUnavailableTitle            string
	signInUnavailableBody             string
}

var english = texts{
	sessionTitle:      "Your session is about to end",
	sessionBody:       "You will be signed out when the time is up, even while you are working. Save your work, or sign in again now to start a new session.",
	uncheckedTitle:    "We cannot confirm your account right now",
	uncheckedBody:     "Your organisation's sign-in service cannot be reached. We keep trying. Save your work: if there is no answer before the time is up, you will be signed out.",
	inactivityTitle:   "Are you still there?",
	inactivityBody:    "You have not been active for a while. To protect your information you will be signed out when the time is up.",
	stay:              "Stay signed in",
	signOut:           "Sign out",
	dismiss:           "Dismiss",
	signInAgain:       "Sign in again now",
	signIn:            "Sign in",
	retry:             "Try again",
	offline:           "There is no connection right now. We keep trying.",
	deciding:          "One moment…",
	checkingTitle:     "One moment…",
	checkingBody:      "We are checking that your session is still open.",
	unreachableTitle:  "We cannot check your session",
	unreachableBody:   "The page is covered to protect your information. It comes back by itself as soon as the connection does.",
	signingOutTitle:   "Signing you out…",
	notSignedOutTitle: "You may still be signed in",
	notSignedOutBody:  "We could not reach the service to sign you out. Try again, or close the browser.",
	noSessionTitle:    "Please sign in",
	noSessionBody:     "There is no open session in this browser for this page.",
	signingInTitle:    "Signing you in…",

	signInUnavailableTitle: "We cannot sign you in right now",
	signInUnavailableBody:  "The sign-in service cannot be reached. Please try again in a minute.",
}

// ended is the title and the body of the cover for each reason.
func (t texts) ended(reason wire.Reason) (string, string) {
	const title = "You have been signed out"
	switch reason {
	case wire.SessionTimeout:
		return title, "Your session reached its longest duration. Sign in to continue."
	case wire.Inactivity:
		return title, "You were not active for a while, so we signed you out to protect your information. Sign in to continue."
	case wire.SignedOut:
		return title, "You signed out. Sign in to continue."
	case wire.SignedOutElsewhere:
		return title, "You signed out in another window. Sign in to continue."
	case wire.EndedByAdmin:
		return title, "An administrator ended your session. Sign in to continue."
	case wire.EndedByProvider:
		return title, "You were signed out at your organisation's sign-in service. Sign in to continue."
	case wire.ProviderRefused:
		return title, "Your organisation's sign-in service no longer accepts your sign-in. Sign in again. If that does not work, ask your administrator."
	case wire.PolicyCheckOverdue:
		return title, "Your organisation's sign-in service could not confirm your account in time. Sign in to continue. If that does not work yet, try again in a few minutes."
	case wire.UserMismatch:
		return title, "Somebody else signed in with this browser, so we signed you out to protect your information. Sign in to continue."
	case wire.KeyMismatch:
		return title, "We could not be sure that this is still your browser, so we signed you out to protect your information. Sign in to continue."
	case wire.AgentSilent:
		return title, "We did not hear from your browser for a while, so we signed you out to protect your information. Sign in to continue."
	}
	return title, "Your session was ended. Sign in to continue."
}

// announcement is what a screen reader says with this much left: the whole minutes above one minute, then 60, 40 and 20
// seconds. In between it stays the same, so that nothing is said twice.
func (t texts) announcement(reason wire.Reason, left int64) string {
	what := "You will be signed out within "
	switch reason {
	case wire.SessionTimeout:
		what = "Your session ends within "
	case wire.PolicyCheckOverdue:
		what = "If your account is not confirmed, you will be signed out within "
	}
	switch {
	case left > 60_000:
		return what + plural((left+59_999)/60_000, "minute")
	case left > 40_000:
		return what + "60 seconds"
	case left > 20_000:
		return what + "40 seconds"
	}
	return what + "20 seconds"
}

func plural(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.FormatInt(n, 10) + " " + unit + "s"
}

// Clock writes a length in milliseconds as people read a countdown: 1:59, 0:05, 1:00:00. It rounds up, so that 0:00 is
// only ever the end itself.
func Clock(left int64) string {
	seconds := max(left+999, 0) / 1000
	two := func(n int64) string {
		if n < 10 {
			return "0" + strconv.FormatInt(n, 10)
		}
		return strconv.FormatInt(n, 10)
	}
	if seconds >= 3600 {
		return strconv.FormatInt(seconds/3600, 10) + ":" + two(seconds/60%60) + ":" + two(seconds%60)
	}
	return strconv.FormatInt(seconds/60, 10) + ":" + two(seconds%60)
}
