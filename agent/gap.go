package agent

// How late in milliseconds the machine is woken without any gap, while the page is seen and while it is hidden; and how far the
// clocks may move apart. The loader has the same numbers (wasm/loader/activity.js).
const (
	lateSeen   = 10_000
	lateHidden = 75_000
	maxApart   = 5_000
)

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
