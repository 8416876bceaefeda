package pages

import (
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/texts"
)

// Sessions is the list of a person's own sessions, with a form that ends them (B6).
type Sessions struct {
	Action  string // where the form is sent
	Token   string // what shows that the form is from this page
	SignOut string // where this browser's session is ended
	All     []Session
	More    bool // there are more than are listed
	Stale   bool // what was asked for did not fit the sessions any more, and nothing was ended
}

// Session is one of them. Kind is computer, tablet, phone or empty.
type Session struct {
	ID, Name, Kind string
	This           bool // it is the one that shows the page
	Began, Active  Instant
	Address        string // empty: unknown
}

// Others reports whether there is another session than this one.
func (s Sessions) Others() bool { return len(s.All) > 1 }

// Instant is a time as a page has it. A page without scripts does not know a person's time zone, so it says its own; and the order
// from year to minute is read in the same way in every language (ISO 8601).
type Instant struct{ Machine, People string }

// At is the instant of that many milliseconds since the epoch.
func At(millis int64) Instant {
	at := time.UnixMilli(millis).UTC()
	return Instant{at.Format(time.RFC3339), at.Format("2006-01-02 15:04 UTC")}
}

// Device is what people call a browser on a system. Both may be empty.
func (p Page) Device(browser, system string) string {
	if browser == "" {
		browser = p.Say(texts.SessionsBrowser)
	}
	if system == "" {
		return browser
	}
	return strings.NewReplacer("{browser}", browser, "{system}", system).Replace(p.Say(texts.SessionsOn))
}
