package agent

import (
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
)

// renewPause is how often in milliseconds a page that is over asks for another session because somebody came to it.
const renewPause = 2_000

// renew asks the verifier whether another session has begun, while the cover stays as it is (A15).
func (m *Machine) renew(at Moment) {
	if m.renewing || m.sending {
		m.renewAgain = true // what comes back for that may be about the time before
		return
	}
	m.renewing, m.renewAgain, m.renewedAt = true, false, at.Now
	m.forget()
	m.dueNow(at)
}

// settled follows the end of a request of a page that is over.
func (m *Machine) settled(at Moment) {
	if m.over != nil && m.renewAgain {
		m.renew(at)
	}
}

// maxRenewals is how often a page that is over asks for another session before it waits until somebody comes to it.
const maxRenewals = 5

// renewalFailed follows an attempt that got no answer.
func (m *Machine) renewalFailed(at Moment) {
	m.failures++
	if !m.renewing || m.failures >= maxRenewals {
		m.renewing = false
		m.settled(at)
		return
	}
	m.waitFrom, m.wait = at.Now, int64(firstBackoff)<<m.failures
	m.wait -= m.chance(at, m.wait/2)
}

// forget forgets the session, but not whom the page was shown to.
func (m *Machine) forget() {
	m.sid, m.key, m.seq, m.nonce = "", "", 0, ""
	m.known, m.taken, m.state = false, 0, deadline.State{}
	m.counted, m.told, m.others, m.askedEnd = activity.Stamp{}, activity.Stamp{}, activity.Stamp{}, 0
	m.staying, m.failures, m.retries = false, 0, 0
	m.leaving, m.saved = false, false // who wanted to leave that session did not choose to end the next one
	m.dismissed, m.late = 0, false
	m.place.Answered()
}

// resume decides what becomes of this page in another session: the same user goes on with it, and nobody else ever sees it (A15).
func (m *Machine) resume(user string) {
	switch {
	case m.user == "" && m.over == nil && !m.earlier:
		m.user = user
	case m.user == "":
		// There was no session when the page came, or one of which nothing is known, so nobody can tell for whom it was made.
		m.reload = true
		m.end(warning.Checking())
	case m.user != user:
		m.clear = true
		m.end(warning.Checking())
	default:
		m.over, m.renewing = nil, false
	}
}

// Blocked says that the browser did not open the window to sign in (A15).
func (m *Machine) Blocked(at Moment) Orders {
	if m.over != nil {
		m.end(warning.Blocked())
	}
	m.dismissed, m.late = 0, false
	return m.orders(at)
}

// memory is what later pages of this browser must know: which warning was dismissed (A2). Without it, every page that a person opens
// in the last twenty minutes would warn anew.
func (m *Machine) memory() string {
	late := "0"
	if m.late {
		late = "1"
	}
	return m.sid + " " + strconv.FormatInt(m.dismissed, 10) + " " + late
}

// Remember takes what an earlier page of this browser wanted kept, before the first answer: a warning that it dismissed is not to
// show again, not for a moment.
func (m *Machine) Remember(memory string) { m.kept = memory }

// recall applies that to the session that has just become known. What is not about this session's end is nothing.
func (m *Machine) recall() {
	words := strings.Split(m.kept, " ")
	if len(words) == 3 && words[0] == m.sid && words[1] == strconv.FormatInt(m.state.SessionEnds(), 10) {
		m.dismiss(m.state.SessionEnds(), words[2] == "1")
	}
}
