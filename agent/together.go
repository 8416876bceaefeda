package agent

import (
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

// Join makes this page one of several tabs of its browser (A14). It comes before every other input.
func (m *Machine) Join() { m.place.Join() }

// Led says that this tab was given the tabs' lock, or lost it.
func (m *Machine) Led(at Moment, leads bool) Orders {
	m.place.Led(leads)
	if leads && m.over == nil {
		m.wait = min(m.wait, m.interval) // a follower waits longer; before the first answer it is time at once
		m.tellHere(at)
	}
	return m.orders(at)
}

// Doubted says that the verifier has hinted that the session may have ended: no page of this browser is shown before it has
// answered.
func (m *Machine) Doubted(at Moment) Orders {
	if m.over == nil {
		m.startGap(at)
		m.tellTabs(tabs.Message{Kind: tabs.Doubt})
	}
	return m.orders(at)
}

// changePause is how soon after a request, in milliseconds, another can be sent because of a change.
const changePause = 1_000

// Changed says that the verifier has hinted that the settings have changed (A12). Its next answer brings them, so it is asked. Nothing
// is covered for that: until then the page goes by what it was told last.
func (m *Machine) Changed(at Moment) Orders {
	if m.sending {
		m.changed = true // what is under way may have been answered before
	} else {
		m.askSoon(at)
	}
	return m.orders(at)
}

// askSoon makes the next request due, but not at once after the last, however often somebody hints at a change.
func (m *Machine) askSoon(at Moment) {
	soon := max(changePause-at.Now.Since(m.sentAt), 0)
	if m.failures > 0 {
		soon = lateBackoff // the attempts go on
	}
	if soon < m.wait-at.Now.Since(m.waitFrom) {
		m.waitFrom, m.wait = at.Now, soon
	}
}

// Heard takes what another tab says.
func (m *Machine) Heard(at Moment, message tabs.Message) Orders {
	age := message.Age(at.Now.Wall)
	switch message.Kind {
	case tabs.Over:
		if m.over == nil && m.sid != "" && message.SID == m.sid {
			m.end(warning.Ended(message.Reason))
		}
	case tabs.Renewed:
		m.renewed(at)
	case tabs.Doubt:
		if m.over == nil {
			m.startGap(at)
		}
	case tabs.Dismissed:
		if m.known && message.Ends == m.state.SessionEnds() {
			m.dismiss(message.Ends, message.Late)
		}
	}
	if age <= tabs.MaxAge {
		m.heardNow(at, message, age)
	}
	return m.orders(at)
}

// heardNow takes what is only true while it is new.
func (m *Machine) heardNow(at Moment, message tabs.Message, age int64) {
	switch message.Kind {
	case tabs.Ask:
		m.othersActed(at, message.Idle+age)
		if m.place.Leads() && m.over == nil {
			m.asked(at, message, age)
		}
	case tabs.Acted:
		m.othersActed(at, message.Idle+age)
	case tabs.Here:
		if m.place.Leads() || m.leaving { // a sign-out is every tab's own
			break
		}
		m.place.Heard(at.Now, message.Hidden)
		if message.Failures > 0 {
			m.place.Answered()
			m.failures = int(min(message.Failures, maxFailures))
			m.waitFrom, m.wait = at.Now, max(m.interval, lateBackoff)
		}
	case tabs.State:
		m.heardState(at, message, age)
	}
}

const maxFailures = 1000

// asked takes another tab's question, as the leader: it is the verifier's to answer.
func (m *Machine) asked(at Moment, message tabs.Message, age int64) {
	if message.Stay && !m.staying && age < tabs.Patience { // after that, who asked has sent it by itself
		m.staying, m.stayedAt = true, at.Now.Before(message.Stood+age)
	}
	if m.failures == 0 {
		m.dueNow(at)
		m.again = m.sending // what is under way was sent before
	} else {
		m.wait = min(m.wait, lateBackoff)
	}
	m.tellHere(at)
}

// othersActed takes the activity in another tab: it is this browser's as much as this page's own (A14). That another tab's activity
// or choice has moved a deadline is none: only the verifier's answer says so, and nobody reports it again.
func (m *Machine) othersActed(at Moment, idle int64) {
	if acted := at.Now.Before(idle); idle < wire.MaxIdle && acted.Mono > m.others.Mono {
		m.others = acted // it is judged when the state is known, which may not be yet
	}
}

// heardState takes what the verifier told the leader.
func (m *Machine) heardState(at Moment, message tabs.Message, age int64) {
	if m.over != nil || m.sid != "" && message.SID != m.sid {
		m.renewed(at)
		return
	}
	if !m.place.Leads() {
		m.place.Heard(at.Now, message.Hidden)
	}
	// An answer to a request that was sent after this page asked, or came back, is the answer to that.
	sentAgo := message.SentAgo + age
	asked := m.place.Asked()
	answered := !asked.IsZero() && sentAgo <= at.Now.AtLeast(asked)
	if !m.known && !answered {
		return // it may be about the session that this browser had before the page came
	}
	reply, active := message.Reply, m.state.Active
	if !m.known || reply.Seq > m.taken {
		m.sid, m.key, m.seq = message.SID, message.Key, max(m.seq, reply.Seq)
		m.nonce, m.nonceAt = reply.Nonce, at.Now.Before(message.NonceAge+age)
		if m.retries = 0; !m.leaving {
			m.failures = 0
		}
		m.confirm(at, reply, reply.Now+age)
	}
	if answered {
		m.place.Answered()
	}
	if m.staying && !m.sending && (sentAgo <= at.Now.AtLeast(m.stayedAt) || m.state.Active > active) {
		m.staying = false
	}
	m.gap = m.gap && sentAgo > at.Now.AtLeast(m.gapAt)
	if m.place.Leads() || m.leaving {
		return
	}
	// Later than the leader's own next heartbeat, and not at the same time as all other followers.
	m.waitFrom, m.wait = at.Now, m.interval+5_000+at.Now.Mono%10_000
	if ends, _ := m.state.Ends(); m.verifierNow(at.Now) >= ends {
		m.wait = max(ends-reply.Now, 1) + 1_000 // it is not yet by the verifier's clock
	}
	if m.gap || m.staying {
		m.dueNow(at)
	}
	if m.over == nil {
		now := m.verifierNow(at.Now)
		if local := m.judge(at, now); local.Active > m.state.Active && m.counted == at.Activity && m.counted != m.told {
			m.told = m.counted
			m.tellTabs(tabs.Message{Kind: tabs.Acted, Idle: m.idle(at.Now)})
		}
	}
}

// renewed says that this browser has another session, perhaps of another user.
func (m *Machine) renewed(at Moment) {
	switch {
	case m.over == nil:
		m.earlier = m.earlier || !m.known
		if m.known {
			m.forget()
		}
		m.stray = m.sending
		m.startGap(at)
	case !at.Hidden: // one that nobody sees asks when somebody comes to it
		m.renew(at)
	}
}

// askLeader asks the tab that leads for what this one would ask the verifier.
func (m *Machine) askLeader(at Moment) {
	if !m.place.Asks(at.Now, m.staying) {
		return
	}
	m.told = m.counted
	ask := tabs.Message{Kind: tabs.Ask, Idle: m.idle(at.Now), Stay: m.staying}
	if m.staying {
		ask.Stood = at.Now.Since(m.stayedAt)
	}
	m.tellTabs(ask)
}

// tellHere says that the leader lives.
func (m *Machine) tellHere(at Moment) {
	if m.place.Leads() {
		m.said = at.Hidden
		failures := int64(min(m.failures, maxFailures))
		if m.busy && failures <= maxBusy {
			failures = 0 // the verifier is there
		}
		m.tellTabs(tabs.Message{Kind: tabs.Here, Hidden: at.Hidden, Failures: failures})
	}
}

// tellState says what the verifier has just answered.
func (m *Machine) tellState(at Moment) {
	m.said = at.Hidden
	reply := m.reply
	reply.Now, reply.Seq, reply.Nonce = m.verifierNow(at.Now), m.taken, m.nonce
	m.tellTabs(tabs.Message{
		Kind: tabs.State, Hidden: at.Hidden, SID: m.sid, Key: m.key,
		NonceAge: at.Now.Since(m.nonceAt), SentAgo: at.Now.Since(m.sentAt), Reply: reply,
	})
}

func (m *Machine) tellTabs(message tabs.Message) { m.post = append(m.post, message) }
