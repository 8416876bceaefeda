package agent

import (
	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

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
	if !m.others.IsZero() {
		local = m.count(local, m.others, now-at.Now.Since(m.others), now)
		m.others = activity.Stamp{}
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
