package agent

import (
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

// staleAfter is longer than any request takes, in milliseconds: the machine slept while the answer was under way.
const staleAfter = 20_000

// Answered takes the verifier's reply to a heartbeat. Nothing but this moves a deadline.
func (m *Machine) Answered(at Moment, reply wire.Reply) Orders {
	if m.strays() {
		return m.orders(at)
	}
	m.sending, m.failures, m.retries, m.busy = false, 0, 0, false
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
	if m.changed {
		m.askSoon(at)
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
		if refusal.RetryAfter > 0 {
			m.refusedBusy(at, refusal.RetryAfter)
		} else {
			m.backOff(at)
		}
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
	if m.aborted {
		m.dueNow(at) // it says nothing about the verifier, and somebody waits
		return m.orders(at)
	}
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

// backOff waits longer with each failure, up to the heartbeat interval, or less while somebody waits for the answer. What failed together
// in many browsers, because there was nobody to answer, is not repeated together.
func (m *Machine) backOff(at Moment) {
	m.failures++
	m.busy = false
	wait := min(int64(firstBackoff)<<min(m.failures-1, 10), m.longest(at, m.verifierNow(at.Now)))
	limit := int64(idleWake)
	if m.known {
		limit = max(m.interval, firstBackoff)
	}
	m.waitFrom, m.wait = at.Now, min(wait, limit)
	m.wait -= m.chance(at, m.wait/2)
	m.tellHere(at)
}

// refusedBusy takes a refusal by a verifier that has too much to do and says when to come back (wire.Refusal.RetryAfter). Only where a
// person waits is that much sooner.
func (m *Machine) refusedBusy(at Moment, after int64) {
	m.backOff(at)
	m.busy = true
	if m.wait = after; after > wire.MaxRetry {
		m.wait = wire.MaxRetry - m.chance(at, wire.MaxRetry/2)
	}
	if longest := m.longest(at, m.verifierNow(at.Now)); m.wait > longest {
		m.wait = longest - m.chance(at, longest/2)
	}
}

// longest is the longest wait between attempts that fail. A page whose session may end before the verifier hears of its user asks often; so
// does a page in front that is covered, but less so when the verifier has been away for a minute. A busy verifier is asked half as often.
func (m *Machine) longest(at Moment, now deadline.Instant) int64 {
	longest := int64(wire.MaxRetry)
	switch phase := m.state.Phase(now); {
	case m.leaving, phase == wire.Warned:
		longest = lateBackoff
	case at.Hidden, m.isPutOff() && !m.gap:
	case !m.known, m.gap, phase == wire.Ended:
		longest = lateBackoff
		if m.failures > longOutage {
			longest = longBackoff
		}
	}
	if m.busy {
		longest *= 2
	}
	return longest
}

// isPutOff reports whether a page that knows nothing yet stays as it is, because a busy verifier has put it off: the page has just been let
// through, and when its cookie grows old, which is before any deadline, the verifier hears it first.
func (m *Machine) isPutOff() bool { return !m.known && m.busy && m.failures <= maxBusy }

// chance is a number below n, another one in each browser and for each request.
func (m *Machine) chance(at Moment, n int64) int64 {
	if n <= 0 {
		return 0
	}
	h := uint64(at.Now.Wall)*31 + uint64(at.Now.Mono)
	for _, c := range []byte(m.sid) {
		h = (h ^ uint64(c)) * 0x100000001b3 // FNV-1a
	}
	h = (h ^ h>>31) * 0x94d049bb133111eb
	return int64((h ^ h>>29) % uint64(n))
}

func (m *Machine) takeNonce(at Moment, nonce string) {
	if nonce != "" {
		m.nonce, m.nonceAt = nonce, at.Now
	}
}
