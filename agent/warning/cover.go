package warning

import "github.com/curfew-project/curfew/shared/wire"

// Cover is what stands in front of the whole page when it must not be seen or used, as data; Texts.Cover has its words.
type Cover struct {
	Kind    CoverKind
	Reason  wire.Reason // of an end
	Button  Choice      // empty: none
	Unsaved bool        // the page has unsaved work, which a cover that waits for another sign-in says
}

// CoverKind is what a cover is there for.
type CoverKind string

const (
	coverChecking          CoverKind = "checking"
	coverUnreachable       CoverKind = "unreachable"
	coverSigningOut        CoverKind = "signing_out"
	coverNotSignedOut      CoverKind = "not_signed_out"
	coverNoSession         CoverKind = "no_session"
	coverSigningIn         CoverKind = "signing_in"
	coverSignInUnavailable CoverKind = "sign_in_unavailable"
	coverElsewhere         CoverKind = "elsewhere"
	coverBlocked           CoverKind = "blocked"
	coverEnded             CoverKind = "ended"
)

func (k CoverKind) title() Key { return Key(k + ".title") }
func (k CoverKind) body() Key  { return Key(k + ".body") }

// Checking is shown while the verifier is asked whether the session goes on.
func Checking() Cover { return Cover{Kind: coverChecking} }

// Unreachable is shown while the verifier cannot be asked and the page cannot know that the session lives.
func Unreachable() Cover { return Cover{Kind: coverUnreachable, Button: Retry} }

// SigningOut is shown from the moment the user signs out.
func SigningOut() Cover { return Cover{Kind: coverSigningOut} }

// NotSignedOut is shown when a sign-out could not be told to the verifier.
func NotSignedOut() Cover { return Cover{Kind: coverNotSignedOut, Button: SignOut} }

// SigningIn is shown while the sign-in begins once more.
func SigningIn() Cover { return Cover{Kind: coverSigningIn} }

// SignInUnavailable is shown when the sign-in cannot begin because a service cannot be reached.
func SignInUnavailable() Cover { return Cover{Kind: coverSignInUnavailable, Button: Retry} }

// NoSession is shown when the page has no session that this browser can prove.
func NoSession() Cover { return Cover{Kind: coverNoSession, Button: SignInAgain} }

// Ended is shown at the end of a session.
func Ended(reason wire.Reason) Cover {
	return Cover{Kind: coverEnded, Reason: reason, Button: SignInAgain}
}

// Elsewhere is shown while the person signs in in a window of its own (A15).
func Elsewhere() Cover { return Cover{Kind: coverElsewhere, Button: SignInAgain} }

// Blocked is shown when the browser did not open that window.
func Blocked() Cover { return Cover{Kind: coverBlocked, Button: SignInAgain} }

// Final reports whether the page's session is over.
func (c Cover) Final() bool { return c.Kind == coverEnded || c.Kind == coverNoSession }
