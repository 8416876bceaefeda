package agent_test

import (
	"slices"
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

// told are the events since the last call, by type.
func told(d *agenttest.Drive) []agent.EventType {
	var types []agent.EventType
	for _, event := range d.Told {
		types = append(types, event.Type)
	}
	d.Told = nil
	return types
}

func expectTold(t *testing.T, d *agenttest.Drive, want ...agent.EventType) {
	t.Helper()
	if got := told(d); !slices.Equal(got, want) {
		t.Errorf("%d s after the start the page was told %q, want %q", (d.Now-start)/second, got, want)
	}
}

// A15: the page is told before the warning, at it, before the end and at the end, and that the session goes on after all.
func TestA15_EventsOfInactivity(t *testing.T) {
	_, d := begin(times)
	d.Pass(12*minute + 48*second)
	expectTold(t, d)
	d.Pass(2 * second)
	if len(d.Told) != 1 || d.Told[0].Reason != wire.Inactivity || d.Told[0].Left > 130*second || d.Told[0].Left < 129*second {
		t.Errorf("before the warning: %+v", d.Told)
	}
	expectTold(t, d, agent.Notice)
	d.Act() // somebody is there: nothing was promised, so nothing is taken back
	d.Pass(12 * second)
	expectTold(t, d)
	d.Pass(13 * minute)
	expectTold(t, d, agent.Notice, agent.Warning)
	d.Choose(warning.Stay)
	d.Pass(2 * second)
	expectTold(t, d, agent.Extended)
	d.Pass(14*minute + 54*second)
	expectTold(t, d, agent.Notice, agent.Warning)
	d.Pass(2 * second)
	if len(d.Told) != 1 || d.Told[0].Left > 3*second || d.Told[0].Left < 2*second {
		t.Errorf("before the end: %+v", d.Told)
	}
	expectTold(t, d, agent.Ending)
	d.Pass(5 * second)
	if len(d.Told) != 1 || d.Told[0].Reason != wire.Inactivity || d.Told[0].Left != 0 {
		t.Errorf("at the end: %+v", d.Told)
	}
	expectTold(t, d, agent.Ended)
}

// A15: somebody who stays in the last three seconds has been told of the end, and then of its being put off.
func TestA15_StayingInTheLastMoment(t *testing.T) {
	_, d := begin(times)
	d.Pass(14*minute + 58*second - second)
	expectTold(t, d, agent.Notice, agent.Warning, agent.Ending)
	d.Choose(warning.Stay)
	d.Pass(2 * second)
	expectTold(t, d, agent.Extended)
}

// A2 A15: the end of the session is told even while its warning is dismissed.
func TestA2_A15_EventsOfTheSessionsEnd(t *testing.T) {
	s := times
	s.InactivityTimeout = 0
	v, d := begin(s)
	d.Pass(v.state.SessionWarns() - d.Now + second)
	expectTold(t, d, agent.Notice, agent.Warning)
	d.Choose(warning.Dismiss)
	d.Pass(v.state.SessionEnds() - 30*second - d.Now)
	d.Choose(warning.Dismiss)
	d.Pass(28 * second)
	expectTold(t, d, agent.Ending)
	d.Pass(3 * second)
	expectTold(t, d, agent.Ended)
}

// A15 B6: an end from elsewhere comes without notice, because the session is dead by then. A gap tells nothing before it is clear.
func TestA15_AnEndFromElsewhere(t *testing.T) {
	_, d := begin(times)
	d.Gap()
	expectTold(t, d)
	d.Pass(second)
	expectTold(t, d)
	d.Hear(tabs.Message{Kind: tabs.Over, Wall: d.Now, SID: "sid", Reason: wire.EndedByAdmin})
	if len(d.Told) != 1 || d.Told[0].Reason != wire.EndedByAdmin {
		t.Errorf("told %+v", d.Told)
	}
	expectTold(t, d, agent.Ended)
	expect(t, d, signedOut)
}

// A15: with unsaved work the sign-in gets a window of its own, and the page stays; without it the page is left.
func TestA15_SignInWindow(t *testing.T) {
	for _, unsaved := range []bool{false, true} {
		_, d := begin(times)
		d.Unsaved = unsaved
		d.Pass(16 * minute)
		expect(t, d, signedOut)
		if d.Orders.Cover.Unsaved != unsaved {
			t.Errorf("unsaved %v: the cover says %v", unsaved, d.Orders.Cover.Unsaved)
		}
		d.Choose(warning.SignInAgain)
		if d.Left != "sign-in" || d.Orders.Window != unsaved || d.Orders.Anew {
			t.Errorf("unsaved %v: %+v", unsaved, d.Orders)
		}
		if unsaved {
			expect(t, d, "cover: Continue in the other window")
			d.Blocked()
			expect(t, d, "cover: The window to sign in was blocked")
			d.Left = ""
			d.Choose(warning.SignInAgain)
			if d.Left != "sign-in" || !d.Orders.Window {
				t.Errorf("after it was blocked: %+v", d.Orders)
			}
		}
	}
}

// A2 A15: before the end, the dialog makes room for the work until the other window is done; when that was blocked it comes back.
func TestA2_A15_SignInWindowBeforeTheEnd(t *testing.T) {
	s := times
	s.InactivityTimeout = 0
	v, d := begin(s)
	d.Unsaved = true
	d.Pass(v.state.SessionWarns() - d.Now + second)
	expect(t, d, session)
	if !d.Orders.Show.Unsaved {
		t.Error("the dialog does not say that there is unsaved work")
	}
	d.Choose(warning.SignInAgain)
	if !d.Orders.Window || !d.Orders.Anew {
		t.Errorf("orders: %+v", d.Orders)
	}
	expect(t, d, page)
	d.Blocked()
	expect(t, d, session)
}

// A15: a page that is over asks when somebody comes to it, at most every two seconds, and its cover stays until it is clear.
func TestA15_SeenPageAsksForAnotherSession(t *testing.T) {
	v, d := begin(times)
	d.Pass(16 * minute)
	expect(t, d, signedOut)
	sent := d.Sent
	for range 10 {
		d.Seen()
		d.Pass(100)
		expect(t, d, signedOut)
	}
	if d.Sent-sent != 1 {
		t.Errorf("%d requests in a second", d.Sent-sent)
	}
	d.Hidden = true
	d.Pass(3 * second)
	sent = d.Sent
	d.Seen()
	d.Pass(second)
	if d.Sent != sent {
		t.Error("a hidden page asks")
	}
	d.Hidden = false
	v.down = true
	d.Seen()
	d.Pass(3 * second)
	expect(t, d, signedOut)
}
