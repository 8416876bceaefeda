package agent

import (
	"errors"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/cancel"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Clock reads the client's two clocks.
type Clock interface {
	Now() activity.Stamp
}

// Page is the window that the agent guards.
type Page interface {
	// LastActivity is when the last human activity was, or the zero Stamp if there was none. It must be cheap.
	LastActivity() activity.Stamp
	// Expect tells the page when the agent next means to wake, in milliseconds from now, and when the session's first
	// deadline is as the verifier knows it (0: not known, or there is none). A page that sees human activity later than either by its
	// wall clock must wake the agent at once, and must be covered first when it is past the deadline (A13).
	Expect(wake, ends int64)
	// Hidden reports whether nobody can see the page, and Unsaved whether it is marked as having unsaved work (A15).
	Hidden() bool
	Unsaved() bool
	// Framed reports whether the page is a frame.
	Framed() bool
	// Tell tells the page's scripts. What it returns is closed when all of them have saved their work; nil: none has any.
	Tell(Event) <-chan struct{}
	// Leave goes to another address.
	Leave(url string)
	// Open opens an address in a window of its own, and reports whether the browser did.
	Open(url string) bool
	// Clear forgets everything on the page and goes to the start of the application: it was made for another user (A15).
	Clear()
	// Reload loads the page anew.
	Reload()
	// Keep keeps a few words for later pages of this browser, and Kept returns them. Where nothing can be stored they are lost.
	Keep(memory string)
	Kept() string
	// Here is the address to come back to: path, query and fragment.
	Here() string
	// SignInAddress is the address of the page that signs the person in and then goes on to returnTo. That page resumes a
	// living session of the browser, unless anew asks for another one.
	SignInAddress(returnTo string, anew bool) string
	// SignedIn is the address at the end of a sign-in in a window of its own.
	SignedIn() string
}

// Tabs are the other tabs of the browser (A14).
type Tabs interface {
	// Post tells all others.
	Post(tabs.Message)
	// Want says what this tab wants of the lock from now on. It is called often and with the same.
	Want(tabs.Want)
	// Shared reports whether there is a lock. Without one every tab talks to the verifier itself.
	Shared() bool
}

// Screen shows the dialog and the cover. Every call replaces what the last one of the same kind showed.
type Screen interface {
	Show(warning.View)
	Hide()
	Cover(warning.Cover)
	Uncover()
}

// ErrNoKey is returned by Keys.Find when this browser does not have the key.
var ErrNoKey = errors.New("no such key in this browser")

// Keys makes and keeps key pairs. No private key ever leaves it.
type Keys interface {
	// Make makes a key and keeps it for later pages, beside the last few: a sign-in that was only begun must not cost the
	// living session its key.
	Make(ctx *cancel.Context) (proof.Key, error)
	// Find finds the kept key with a thumbprint (RFC 7638, base64url), or fails with ErrNoKey.
	Find(ctx *cancel.Context, thumbprint string) (proof.Key, error)
	// Sign signs with the key last made or found: ES256, 64 bytes (RFC 7518 section 3.4).
	Sign(ctx *cancel.Context, signingInput string) ([]byte, error)
	// ID is a fresh unguessable jti (RFC 9449 section 4.2).
	ID() string
}

// Verifier carries requests to the verifier. Each method returns a *Refused when the verifier answered with a refusal and
// another error when no sound answer came.
type Verifier interface {
	// URL is the absolute address of an endpoint, without query and fragment, as it stands in htu.
	URL(endpoint string) string
	Heartbeat(ctx *cancel.Context, token string) (wire.Reply, error)
	SignOut(ctx *cancel.Context, token string) (wire.Redirect, error)
	SignIn(ctx *cancel.Context, token string, with wire.SignIn) (wire.Redirect, error)
}

// Refused is the verifier's typed refusal as an error.
type Refused struct{ wire.Refusal }

func (r *Refused) Error() string { return "refused: " + string(r.Refusal.Error) }

// Endpoints below the verifier's prefix.
const (
	EndpointHeartbeat = "heartbeat"
	EndpointSignIn    = "sign-in"
	EndpointSignOut   = "sign-out"
)

// Ports are all that the agent needs of the world.
type Ports struct {
	Clock    Clock
	Page     Page
	Screen   Screen
	Keys     Keys
	Verifier Verifier
	Wakes    <-chan struct{}       // something happened that the agent should look at now; may be coalesced
	Gaps     <-chan struct{}       // the page comes back from where it did not run; the verifier must be asked (A13)
	Seen     <-chan struct{}       // somebody came to the page
	Choices  <-chan warning.Choice // what the person picked
	Doubts   <-chan struct{}       // the verifier hints that the session may have ended
	Changes  <-chan struct{}       // the verifier hints that the settings have changed, or the page was refused something
	Tabs     Tabs                  // nil: none
	Led      <-chan bool           // this tab was given the lock, or lost it
	Heard    <-chan tabs.Message   // what other tabs say
}
