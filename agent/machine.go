// Package agent is the agent without a browser: a state machine that decides, and a loop that carries out its decisions over
// small ports. It runs unchanged in a page, in simulations and in tests.
package agent

import (
	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Moment is what the machine is told with every input: the time, the last human activity, and how the page is.
type Moment struct {
	Now      activity.Stamp
	Activity activity.Stamp
	Hidden   bool // nobody sees the page, so its timers may be late
	Unsaved  bool // the page is marked as having unsaved work (A15)
	Framed   bool // the page is a frame that guards itself, and pages to sign in let nobody frame them (A10)
}

// inWindow reports whether whoever signs in again needs a window of its own.
func (at Moment) inWindow() bool { return at.Unsaved || at.Framed }

// Request is a request that the machine wants sent. The machine has at most one under way.
type Request struct {
	SignOut bool   // sign-out instead of heartbeat
	Key     string // the thumbprint of the key to prove with
	Nonce   string // empty: no proof yet, ask for what it takes
	Beat    proof.Heartbeat
}

// Orders are what the machine wants done after an input. Show and Cover say what must be on the screen from now on.
type Orders struct {
	Send   *Request
	Abort  bool           // give up the request that is under way
	Show   *warning.View  // nil: no dialog
	Cover  *warning.Cover // nil: no cover
	Leave  string         // go to this address; said once
	SignIn bool           // go to the sign-in page, and back here afterwards; said once
	Anew   bool           // with SignIn: for a new session although this one lives (A2)
	Window bool           // with SignIn: in a window of its own, because this page has work to keep (A15)
	Clear  bool           // forget everything on this page: it is another user's; said once
	Reload bool           // load this page anew; said once
	Tell   []Event        // what the page is told (A15); said once
	Post   []tabs.Message // what the other tabs are told; said once
	Want   tabs.Want      // what this tab wants of the tabs' lock
	Keep   string         // what is to be remembered for later pages; empty: nothing new; said once
	Wake   int64          // milliseconds until the machine wants to be woken
	Ends   int64          // milliseconds until the first deadline that the verifier confirmed; 0: none known, or there is none
}

// Machine is the agent's whole state. It is not safe for concurrent use. The zero Machine has just been loaded and knows
// nothing; its first order is to ask the verifier.
type Machine struct {
	place   tabs.Place
	sid     string
	key     string // thumbprint
	seq     uint64
	nonce   string
	nonceAt activity.Stamp
	user    string // whom this page was last shown to, as the verifier calls them

	known    bool           // the verifier has answered at least once
	taken    uint64         // the sequence number of that answer, which orders all answers
	reply    wire.Reply     // that answer
	state    deadline.State // as the verifier last confirmed it; only its answers change it
	anchor   activity.Stamp // the client's clocks when the verifier's said anchored
	anchored deadline.Instant
	interval int64

	counted activity.Stamp // the last activity that counts, as Step judged it
	judged  activity.Stamp // the last activity that was judged, counted or not
	others  activity.Stamp // the last activity in another tab or frame that was not judged yet; zero: none
	told    activity.Stamp // the last activity that the verifier, or the leader, was told of

	sending  bool
	sentStay bool             // the request under way carries the choice to stay
	sentQuit bool             // it is the sign-out
	aborted  bool             // it is given up
	again    bool             // another tab asked since it was sent
	changed  bool             // the verifier has hinted at a change since it was sent
	askedEnd deadline.Instant // the end at which the verifier was asked whether it is one
	sentGap  bool             // it was sent after the gap; not told by the clocks, which somebody may have set since
	sentAt   activity.Stamp
	stray    bool           // its answer is about a session that this browser has no more
	waitFrom activity.Stamp // the next request is due wait after this
	wait     int64
	failures int  // requests in a row that got no answer
	busy     bool // the last of them found a verifier that has too much to do
	retries  int  // refusals in a row that asked for a repetition

	staying   bool // the user chose to stay and the verifier has not confirmed it
	stayedAt  activity.Stamp
	leaving   bool             // the user chose to sign out
	saved     bool             // the page has saved its work, so the sign-out can go
	leftAt    activity.Stamp   // when the user chose that
	gap       bool             // the page did not run for a while, and the verifier has not answered since
	gapAt     activity.Stamp   // when that was noticed
	dismissed deadline.Instant // the session end whose warning was dismissed (A2); 0: none
	late      bool             // it was dismissed in its last minute, when it had come back
	kept      string           // what an earlier page wanted kept

	looked   activity.Stamp // when the machine was last told the time
	promised int64          // and how soon it then wanted to be told again
	unseen   bool           // and whether nobody saw the page
	unsaved  bool           // and whether it had unsaved work
	said     bool           // what the other tabs were last told of unseen

	over       *warning.Cover // the session is over for this page; another one of the same user can begin (A15)
	earlier    bool           // this browser has signed in since the page came, and before its first answer
	renewing   bool           // the verifier is being asked whether one has
	renewAgain bool           // and is to be asked once more
	renewedAt  activity.Stamp // when it was last asked that
	seen       stage          // what the page was last told
	orderOnce                 // what is said once
}

// orderOnce are the orders that are said once.
type orderOnce struct {
	leave  string
	signIn bool
	clear  bool
	reload bool
	post   []tabs.Message
	keep   string
}

const (
	firstInterval = 60_000
	maxRetries    = 3
	firstBackoff  = 1_000
	lateBackoff   = 5_000 // the longest wait between attempts while something is at stake
	longBackoff   = 15_000
	longOutage    = 15    // attempts
	tick          = 1_000 // while a countdown shows
	// saving is how long a page may take to save its work before a sign-out, or before the end (A15).
	saving = 3_000
)

// Wake looks at the time and the activity.
func (m *Machine) Wake(at Moment) Orders { return m.orders(at) }

// Seen says that somebody came to the page: it is in front, or has the focus. When its session is over, another one may have begun.
func (m *Machine) Seen(at Moment) Orders {
	if m.over != nil && !at.Hidden && (m.renewedAt.IsZero() || at.Now.Since(m.renewedAt) >= renewPause) {
		m.renew(at)
	}
	return m.orders(at)
}

// Choose takes what the person picked.
func (m *Machine) Choose(at Moment, choice warning.Choice) Orders {
	switch choice {
	case warning.Stay:
		m.staying, m.stayedAt = true, at.Now
		m.place.Answered() // what was asked before did not tell of it
		m.dueNow(at)
	case warning.SignOut:
		if !m.leaving && m.over == nil {
			m.leaving, m.leftAt = true, at.Now
		}
		m.dueNow(at)
	case warning.Dismiss:
		m.dismiss(m.state.SessionEnds(), warning.InLastMinute(m.state, m.verifierNow(at.Now)))
		m.tellTabs(tabs.Message{Kind: tabs.Dismissed, Ends: m.dismissed, Late: m.late})
		m.keep = m.memory()
	case warning.Retry:
		m.dueNow(at)
	case warning.SignInAgain:
		m.signIn = true
		switch {
		case !at.inWindow(): // the page is left
		case m.over != nil:
			m.end(warning.Elsewhere())
		default:
			m.dismiss(m.state.SessionEnds(), warning.InLastMinute(m.state, m.verifierNow(at.Now)))
		}
	}
	return m.orders(at)
}

// Saved says that the page has saved its work, or has none: the sign-out need not wait any longer (A15).
func (m *Machine) Saved(at Moment) Orders {
	if m.leaving && !m.saved {
		m.saved = true
		m.dueNow(at)
	}
	return m.orders(at)
}

func (m *Machine) end(cover warning.Cover) { m.over, m.renewing = &cover, false }

// endAll ends the session for all tabs of this browser (A14).
func (m *Machine) endAll(reason wire.Reason) {
	if m.sid != "" && reason.Valid() {
		m.tellTabs(tabs.Message{Kind: tabs.Over, SID: m.sid, Reason: reason})
	}
	m.end(warning.Ended(reason))
}

// dismiss puts the session warning away, until its last minute or, in that, for good (A2).
func (m *Machine) dismiss(ends deadline.Instant, late bool) { m.dismissed, m.late = ends, late }

// Over reports whether nothing more can come of this page's session.
func (m *Machine) Over() bool { return m.over != nil }

// Proved reports whether the verifier has taken a proof of this page and the session lives.
func (m *Machine) Proved() bool { return m.known && m.over == nil }

func (m *Machine) dueNow(at Moment) { m.waitFrom, m.wait = at.Now, 0 }
