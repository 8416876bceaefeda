package warning

import "github.com/curfew-project/curfew/shared/wire"

// Cover is what stands in front of the whole page when it must not be seen or used. The zero Cover means none.
type Cover struct {
	Title  string
	Body   string
	Button Button // the zero Button: none
}

// Checking is shown while the verifier is asked whether the session goes on.
func Checking() Cover { return Cover{Title: english.checkingTitle, Body: english.checkingBody} }

// Unreachable is shown while the verifier cannot be asked and the page cannot know that the session lives.
func Unreachable() Cover {
	return Cover{Title: english.unreachableTitle, Body: english.unreachableBody, Button: Button{english.retry, Retry}}
}

// SigningOut is shown from the moment the user signs out.
func SigningOut() Cover { return Cover{Title: english.signingOutTitle} }

// SignedOutHere is shown when a sign-out could not be told to the verifier.
func SignedOutHere() Cover {
	return Cover{Title: english.notSignedOutTitle, Body: english.notSignedOutBody, Button: Button{english.retry, SignOut}}
}

// SigningIn is shown while the sign-in begins once more.
func SigningIn() Cover { return Cover{Title: english.signingInTitle} }

// SignInUnavailable is shown when the sign-in cannot begin because a service cannot be reached.
func SignInUnavailable() Cover {
	return Cover{Title: english.signInUnavailableTitle, Body: english.signInUnavailableBody, Button: Button{english.retry, Retry}}
}

// NoSession is shown when the page has no session that this browser can prove.
func NoSession() Cover {
	return Cover{Title: english.noSessionTitle, Body: english.noSessionBody, Button: Button{english.signIn, SignInAgain}}
}

// Ended is shown at the end of a session.
func Ended(reason wire.Reason) Cover {
	title, body := english.ended(reason)
	return Cover{Title: title, Body: body, Button: Button{english.signIn, SignInAgain}}
}
