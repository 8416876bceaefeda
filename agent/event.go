package agent

import (
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

// Event is what a page is told of its session, so that it can save its work in time (A15).
type Event struct {
	Type   EventType
	Reason wire.Reason // why the session ends, or would
	Left   int64       // milliseconds until then; 0: it has
}

// EventType is the name of an event; the DOM event has curfew: before it.
type EventType string

const (
	Notice   EventType = "notice"   // a warning comes in a few seconds unless somebody is active
	Warning  EventType = "warning"  // a warning is shown
	Extended EventType = "extended" // the session goes on after all
	Ending   EventType = "ending"   // it ends within three seconds; work can still be saved
	Ended    EventType = "ended"    // it is over
	Resumed  EventType = "resumed"  // the same user is back, in another session
)

// noticeTime is how long before a warning the page is told of it, in milliseconds.
const noticeTime = 10_000

// stage is where a page's session stands, as its events tell it. The zero stage is a session that goes on.
type stage struct {
	of     EventType // empty: it goes on
	reason wire.Reason
}

// tell returns the events that lead from what the page was last told to how things stand now.
func (m *Machine) tell(at Moment) []Event {
	last := m.seen
	next, left, sure := m.stage(at)
	if !sure || next == last {
		return nil
	}
	m.seen = next
	event := func(kind EventType) []Event { return []Event{{Type: kind, Reason: next.reason, Left: left}} }
	switch next.of {
	case Ended, Ending, Warning:
		return event(next.of)
	}
	var events []Event
	switch last.of {
	case Ended:
		events = []Event{{Type: Resumed}}
	case Warning, Ending:
		events = []Event{{Type: Extended, Reason: last.reason}}
	}
	if next.of == Notice {
		events = append(events, event(Notice)...)
	}
	return events
}

// stage is how things stand, and how many milliseconds are left; sure is false while only the verifier could tell.
func (m *Machine) stage(at Moment) (next stage, left int64, sure bool) {
	switch {
	case m.over != nil && m.over.Final():
		return stage{Ended, m.over.Reason}, 0, true
	case m.over != nil:
		return m.seen, 0, false
	case m.leaving:
		return stage{Ending, wire.SignedOut}, 0, true
	case !m.known || m.gap:
		return m.seen, 0, false
	}
	now := m.verifierNow(at.Now)
	local := m.shown(m.judge(at, now), now)
	if ends, _ := m.state.Ends(); now >= ends {
		return m.seen, 0, false
	}
	switch local.Warning(now) {
	case wire.WarnInactivity:
		return warned(wire.Inactivity, local.InactivityEnds()-now)
	case wire.WarnSession:
		next, left, sure = warned(local.SessionReason(), local.SessionEnds()-now)
		if next.of == Warning && m.seen.of != Warning && m.isDismissed(local, now) {
			return stage{}, 0, true // on an earlier page
		}
		return next, left, sure
	}
	if soon(local.InactivityWarns(), now) {
		return stage{Notice, wire.Inactivity}, local.InactivityEnds() - now, true
	}
	if soon(local.SessionWarns(), now) {
		return stage{Notice, local.SessionReason()}, local.SessionEnds() - now, true
	}
	return stage{}, 0, true
}

func warned(reason wire.Reason, left int64) (stage, int64, bool) {
	if left <= saving {
		return stage{Ending, reason}, left, true
	}
	return stage{Warning, reason}, left, true
}

func soon(warns, now deadline.Instant) bool {
	return warns != 0 && now < warns && warns-now <= noticeTime
}
