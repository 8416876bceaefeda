package tabs

import (
	"testing"

	"github.com/curfew-project/curfew/agent/activity"
)

func at(millis int64) activity.Stamp { return activity.Stamp{Wall: 1e12 + millis, Mono: 1000 + millis} }

// A14: a tab alone leads and wants no lock; one of several follows until it is given the lock.
func TestA14_WhoLeads(t *testing.T) {
	var p Place
	if !p.Leads() || p.Want(at(0), false, true) != "" {
		t.Error("a tab alone does not lead, or wants a lock")
	}
	p.Join()
	if p.Leads() || p.Want(at(0), false, true) != Queue {
		t.Error("one of several leads without the lock, or does not queue for it")
	}
	p.Led(true)
	if !p.Leads() || p.Want(at(0), true, true) != Queue {
		t.Error("the lock does not make it lead, or it does not keep it")
	}
	p.Led(false)
	if p.Leads() {
		t.Error("it leads after the lock was taken away")
	}
}

// A14: a silent leader loses the lock when its lease has run out, and not before.
func TestA14_TheLease(t *testing.T) {
	var p Place
	p.Join()
	if !p.Asks(at(0), false) || p.Asks(at(10), false) {
		t.Fatal("it asks not, or twice")
	}
	if wake := p.Wake(at(100)); wake != Patience-100 {
		t.Errorf("it looks again in %d ms", wake)
	}
	if p.Want(at(Patience-1), false, true) != Queue || p.Want(at(Patience), false, true) != Steal {
		t.Error("the lease of a leader that never answers is wrong")
	}

	p = Place{}
	p.Join()
	p.Asks(at(0), false)
	p.Heard(at(5), false) // it is at work
	if p.Want(at(working-1), false, true) != Queue || p.Want(at(working), false, true) != Steal {
		t.Error("the lease of a leader that is at work is wrong")
	}
	p = Place{}
	p.Join()
	p.Asks(at(0), true) // a person waits
	p.Heard(at(5), false)
	if p.Want(at(hurry-1), false, true) != Queue || p.Want(at(hurry), false, true) != Steal {
		t.Error("the lease of a leader for whom a person waits is wrong")
	}
	p = Place{}
	p.Join()
	p.Heard(at(0), false) // before the question: that is no answer
	p.Asks(at(1000), false)
	if p.Want(at(1000+Patience), false, true) != Steal {
		t.Error("a word from before the question prolongs the lease")
	}
	p.Answered()
	p.Led(false)
	if p.Want(at(1000+Patience), false, true) != Queue || p.Wake(at(0)) != 0 {
		t.Error("an answered tab is still impatient")
	}
}

// A14: what is seen takes the lead from what is hidden, once it knows how the session stands.
func TestA14_TheSeenTabTakesTheLead(t *testing.T) {
	for _, c := range []struct {
		mine, theirs, known bool
		want                Want
	}{
		{false, true, true, Steal}, {false, true, false, Queue}, {false, false, true, Queue}, {true, true, true, Queue}, {true, false, true, Queue},
	} {
		var p Place
		p.Join()
		p.Heard(at(0), c.theirs)
		if got := p.Want(at(1), c.mine, c.known); got != c.want {
			t.Errorf("%+v: wants %q", c, got)
		}
	}
}
