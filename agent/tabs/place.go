package tabs

import "github.com/curfew-project/curfew/agent/activity"

// Want is what a tab wants of the lock, at any moment. The zero Want leaves it alone: the tab is on its own.
type Want string

const (
	Queue Want = "queue" // its turn when it comes, and to keep it
	Steal Want = "steal" // now, from whoever has it
	None  Want = "none"  // nothing: give it back
)

// Times in milliseconds.
const (
	// Patience is how long an asked leader may be silent. One that lives answers at once.
	Patience = 1_500
	// working is how long a leader that answered may take to get the verifier's answer, or to say that there is none. It is
	// longer than any request.
	working = 20_000
	// hurry is the same while a person waits for what was asked.
	hurry = 5_000
)

// Place is a tab's place among the tabs of its browser. The zero Place is that of a tab alone, which leads.
type Place struct {
	shared   bool           // there are, or may be, other tabs
	leads    bool           // with shared: this one has the lock
	stealing bool           // it has been asked for
	heard    activity.Stamp // when the leader last said something
	hidden   bool           // what it then said of itself
	asked    activity.Stamp // when this tab asked without having got the answer; zero: it has not
	hurries  bool           // a person waits for it
}

// Join makes this one of several tabs. It follows until it is given the lock.
func (p *Place) Join() { p.shared = true }

// Leads reports whether this tab talks to the verifier itself.
func (p *Place) Leads() bool { return !p.shared || p.leads }

// Shared reports whether there may be other tabs.
func (p *Place) Shared() bool { return p.shared }

// Led says that this tab was given the lock, or lost it.
func (p *Place) Led(leads bool) {
	p.leads, p.stealing, p.asked = leads, false, activity.Stamp{}
	if !leads {
		p.heard, p.hidden = activity.Stamp{}, false
	}
}

// Heard says that the leader said something.
func (p *Place) Heard(now activity.Stamp, hidden bool) { p.heard, p.hidden = now, hidden }

// Asks reports whether this tab should ask the leader now, and notes that it does: it has not, or the leader has had its time.
func (p *Place) Asks(now activity.Stamp, hurries bool) bool {
	if !p.asked.IsZero() && now.Since(p.asked) < working {
		return false
	}
	p.asked, p.hurries = now, hurries
	return true
}

// Asked is when this tab asked without having got the answer; zero: it has not.
func (p *Place) Asked() activity.Stamp { return p.asked }

// Answered says that the answer is here.
func (p *Place) Answered() { p.asked = activity.Stamp{} }

// Want is what this tab wants of the lock. A tab that is seen takes it from one that is hidden, whose timers are late, but not before
// that one has told it how the session stands. A silent leader loses it in any case.
func (p *Place) Want(now activity.Stamp, hidden, known bool) Want {
	switch {
	case !p.shared:
		return ""
	case p.leads:
		return Queue
	case p.stealing, p.silent(now), known && !hidden && p.hidden:
		p.stealing = true
		return Steal
	}
	return Queue
}

// silent reports whether the leader has not answered in time.
func (p *Place) silent(now activity.Stamp) bool {
	return !p.asked.IsZero() && now.Since(p.asked) >= p.lease(now)
}

// lease is how long the leader has after a question: longer when it has said something since.
func (p *Place) lease(now activity.Stamp) int64 {
	switch {
	case p.heard.IsZero() || now.Since(p.heard) > now.Since(p.asked):
		return Patience
	case p.hurries:
		return hurry
	}
	return working
}

// Wake is how many milliseconds from now this tab has to look at the silence of the leader; 0: it has not.
func (p *Place) Wake(now activity.Stamp) int64 {
	if p.Leads() || p.asked.IsZero() || p.stealing {
		return 0
	}
	return max(p.lease(now)-now.Since(p.asked), 1)
}
