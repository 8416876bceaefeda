// Package agent is the agent without a browser: a state machine that decides, and a loop that carries out its decisions over
// small ports. It runs unchanged in a page, in simulations and in tests.
package agent

import (
	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
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
	told    activity.Stamp // the last activity that the verifier, or the leader, was told of

	sending  bool
	sentStay bool             // the request under way carries the choice to stay
	again    bool             // another tab asked since it was sent
	askedEnd deadline.Instant // the end at which the verifier was asked whether it is one
	sentGap  bool             // it was sent after the gap; not told by the clocks, which somebody may have set since
	sentAt   activity.Stamp
	stray    bool           // its answer is about a session that this browser has no more
	waitFrom activity.Stamp // the next request is due wait after this
	wait     int64
	failures int // requests in a row that got no answer
	retries  int // refusals in a row that asked for a repetition

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
	tick          = 1_000 // while a countdown shows
	// staleAfter is longer than any request takes: the machine slept while the answer was under way.
	staleAfter = 20_000
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

// Gap says that the page comes back from where it did not run, such as the back/forward cache: it stays covered until the
// verifier has answered (A13).
func (m *Machine) Gap(at Moment) Orders {
	m.startGap(at)
	if m.over != nil {
		m.renew(at)
	}
	return m.orders(at)
}

func (m *Machine) startGap(at Moment) {
	again := m.gap && m.failures > 0
	m.gap, m.sentGap, m.gapAt = true, false, at.Now
	if again {
		return // every movement of the pointer may say so while the verifier is asked in vain
	}
	m.place.Answered() // an answer from before the gap would not do
	if m.place.Leads() || !at.Hidden {
		m.dueNow(at) // else the leader's next answer will do, or its own when somebody comes to it: there may be hundreds of such tabs
	}
}

// How late in milliseconds the machine is woken without any gap, while the page is seen and while it is hidden; and how far the
// clocks may move apart. The loader has the same numbers (wasm/loader/activity.js).
const (
	lateSeen   = 10_000
	lateHidden = 75_000
	maxApart   = 5_000
)

// look takes note of the time, and of a gap: the clocks moved apart, or the machine was woken later than any timer is late (A13).
func (m *Machine) look(at Moment) {
	if !m.looked.IsZero() {
		late := int64(lateSeen)
		if at.Hidden || m.unseen {
			late = lateHidden
		}
		if at.Now.Since(m.looked)-m.promised > late || at.Now.Apart(m.looked) > maxApart {
			m.startGap(at)
		}
	}
	if m.gap && m.unseen && !at.Hidden {
		m.dueNow(at)
	}
	m.looked, m.unseen, m.unsaved = at.Now, at.Hidden, at.Unsaved
	if m.place.Shared() && m.place.Leads() && m.over == nil && m.said != at.Hidden {
		m.tellHere(at)
	}
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

// Answered takes the verifier's reply to a heartbeat. Nothing but this moves a deadline.
func (m *Machine) Answered(at Moment, reply wire.Reply) Orders {
	if m.strays() {
		return m.orders(at)
	}
	m.sending, m.failures, m.retries = false, 0, 0
	if m.over != nil && !m.renewing { // it was sent before the end
		m.settled(at)
		return m.orders(at)
	}
	m.place.Answered()
	m.seq = max(m.seq, reply.Seq)
	m.takeNonce(at, reply.Nonce)
	if at.Now.Since(m.sentAt) > staleAfter && reply.Phase != wire.Ended {
		// It says how things stood before the sleep, and halving the round trip would hide the sleep (A13). Ask again.
		m.dueNow(at)
		return m.orders(at)
	}
	if !m.known || reply.Seq >= m.taken { // else another tab has told of a newer answer
		// The verifier read its clock between sending and now; the middle is wrong by at most half the round trip.
		m.confirm(at, reply, reply.Now+at.Now.Since(m.sentAt)/2)
	}
	if m.sentStay {
		m.staying = false
	}
	m.waitFrom, m.wait = at.Now, m.interval
	if ends, _ := m.state.Ends(); m.verifierNow(at.Now) >= ends {
		// The end is here by this page's estimate and was not yet by the verifier's clock: ask again when it is there too.
		m.wait = max(ends-reply.Now, 1)
	}
	if m.gap = m.gap && !m.sentGap; m.gap || m.staying || m.leaving || m.again {
		m.dueNow(at) // it happened while this answer was under way
	}
	if reply.Phase == wire.Ended {
		m.endAll(reply.Reason)
	} else if m.over == nil {
		m.tellState(at)
	}
	return m.orders(at)
}

// confirm takes a state that the verifier has confirmed, with its clock at this moment.
func (m *Machine) confirm(at Moment, reply wire.Reply, now deadline.Instant) {
	first := !m.known
	m.known, m.taken = true, reply.Seq
	m.anchor, m.anchored = at.Now, now
	m.state, m.reply = stateOf(reply), reply
	if first {
		m.recall()
	}
	m.interval = reply.Interval
	if reply.Phase == wire.Ended {
		return
	}
	if m.over != nil || m.user != reply.User {
		m.resume(reply.User)
	}
}

// SignedOut takes the answer to a sign-out: the address to go to.
func (m *Machine) SignedOut(at Moment, to string) Orders {
	m.sending, m.stray = false, false
	m.endAll(wire.SignedOut)
	m.leave = to
	return m.orders(at)
}

// Refused takes the verifier's refusal.
func (m *Machine) Refused(at Moment, refusal wire.Refusal) Orders {
	if m.strays() {
		return m.orders(at)
	}
	m.sending = false
	m.place.Answered()
	if m.over != nil && (!m.renewing || refusal.Error != wire.UseNonce && refusal.Error != wire.Replayed) {
		m.renewing = false // there is no other session; what the cover says is still right
		m.settled(at)
		return m.orders(at)
	}
	switch refusal.Error {
	case wire.UseNonce, wire.Replayed:
		if m.known && refusal.SID != m.sid {
			m.forget() // the browser has signed in anew meanwhile, and the page must not be seen before it is clear who is there
			m.startGap(at)
		}
		m.earlier = m.earlier || !m.known && m.sid != "" && refusal.SID != m.sid
		if refusal.Error == wire.UseNonce || refusal.Seq < m.seq {
			m.retries++ // otherwise another tab was faster, which happens as often as there are tabs
		}
		m.sid, m.key, m.seq = refusal.SID, refusal.Key, max(m.seq, refusal.Seq)
		m.takeNonce(at, refusal.Nonce)
		switch {
		case m.retries <= maxRetries:
			m.failures = 0
			m.dueNow(at)
		case m.over != nil:
			m.renewalFailed(at)
		default:
			m.backOff(at)
		}
	case wire.SessionEnded:
		m.endAll(refusal.Reason)
	case wire.NoSession, wire.WrongKey:
		m.end(warning.NoSession())
	case wire.ProviderFailed:
		// After a long absence the verifier says nothing before the identity provider has confirmed the user: the page stays covered
		// until then (A5).
		m.startGap(at)
		m.backOff(at)
	default:
		m.backOff(at)
	}
	return m.orders(at)
}

// Unreachable takes the failure of a request to get a sound answer.
func (m *Machine) Unreachable(at Moment) Orders {
	if m.strays() {
		return m.orders(at)
	}
	m.sending = false
	m.place.Answered()
	if m.over != nil {
		m.renewalFailed(at)
		return m.orders(at)
	}
	m.backOff(at)
	return m.orders(at)
}

// NoKey says that this browser does not have the session's key.
func (m *Machine) NoKey(at Moment) Orders {
	if m.strays() {
		return m.orders(at)
	}
	m.sending = false
	if m.over == nil {
		m.end(warning.NoSession())
	}
	m.renewing = false
	m.settled(at)
	return m.orders(at)
}

// strays takes note that a request is not under way any more, and reports whether what came back is about the session before this one.
func (m *Machine) strays() bool {
	was := m.stray
	m.sending, m.stray = m.sending && !was, false
	return was
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

// backOff doubles the wait with each failure, up to lateBackoff while a deadline is near or the page is covered, and up to
// the heartbeat interval otherwise.
func (m *Machine) backOff(at Moment) {
	m.failures++
	wait := int64(firstBackoff) << min(m.failures-1, 10)
	limit := m.interval
	if !m.known || m.leaving || m.state.Phase(m.verifierNow(at.Now)) != wire.Active {
		limit = lateBackoff
	}
	m.waitFrom, m.wait = at.Now, min(wait, max(limit, firstBackoff))
	m.tellHere(at)
}

func (m *Machine) takeNonce(at Moment, nonce string) {
	if nonce != "" {
		m.nonce, m.nonceAt = nonce, at.Now
	}
}

// verifierNow estimates the verifier's clock.
func (m *Machine) verifierNow(now activity.Stamp) deadline.Instant {
	return m.anchored + now.Since(m.anchor)
}

// judge runs the rule set on the activity that the verifier does not know of yet, and returns the state as this page sees it.
func (m *Machine) judge(at Moment, now deadline.Instant) deadline.State {
	local := m.withCounted(at.Now, now)
	if !at.Activity.IsZero() && at.Activity != m.judged {
		m.judged = at.Activity
		when := now - at.Now.Since(at.Activity)
		local = m.count(local, at.Activity, when, now)
	}
	return local
}

// count takes activity of this page or of another tab, if the rule set says that it counts.
func (m *Machine) count(local deadline.State, acted activity.Stamp, when, now deadline.Instant) deadline.State {
	next := deadline.Step(local, deadline.Activity{At: when}, now)
	if next.EndedAt != 0 || next.Active <= local.Active {
		return local
	}
	m.counted = acted
	return next
}

// withCounted is the confirmed state with the activity that already counted here.
func (m *Machine) withCounted(stamp activity.Stamp, now deadline.Instant) deadline.State {
	if m.counted.IsZero() {
		return deadline.Step(m.state, deadline.Tick{}, now)
	}
	return deadline.Step(m.state, deadline.Report{At: now - stamp.Since(m.counted)}, now)
}

// stateOf rebuilds the verifier's state exactly (D2).
func stateOf(reply wire.Reply) deadline.State {
	return deadline.State{
		Settings: policy.Settings{
			SessionTimeout:    length(reply.Settings.SessionTimeout),
			SessionWarning:    length(reply.Settings.SessionWarning),
			InactivityTimeout: length(reply.Settings.InactivityTimeout),
			InactivityWarning: length(reply.Settings.InactivityWarning),
			AnyActivityStays:  reply.Settings.AnyActivityStays,
		},
		Began: reply.Began, Active: reply.Active,
		SessionFloor: reply.SessionFloor, InactivityFloor: reply.InactivityFloor, CheckBy: reply.CheckBy,
		EndedAt: reply.EndedAt, Reason: reply.Reason,
	}
}
