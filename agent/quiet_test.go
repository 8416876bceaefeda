package agent_test

import (
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

// P5: activity is reported once. The verifier takes it for a little older than the page does, by the way of its answer, and that is no
// reason to report it again before the warning.
func TestActivityIsReportedOnce(t *testing.T) {
	for _, latency := range []int64{20, 200} {
		v, d := begin(times)
		d.Latency = latency
		d.Pass(minute)
		d.Act()
		d.Pass(v.state.InactivityWarns() + minute - d.Now - 3*second)
		sent := d.Sent
		d.Pass(40 * second)
		if d.Sent-sent > 2 {
			t.Errorf("latency %d ms: %d requests around the warning", latency, d.Sent-sent)
		}
	}
	for _, acting := range []int{0, 1} {
		v, c, b := several(1, 6)
		b.Pass(minute)
		if (acting == 0) == b.Tabs[0].Leads() {
			b.Tabs[0].Act()
		} else {
			b.Tabs[1].Act()
		}
		b.Pass(v.state.InactivityWarns() + minute - b.Now - 10*second)
		*c = counts{}
		b.Pass(50 * second)
		if c.accepted > 5 {
			t.Errorf("six tabs sent %d heartbeats around the warning", c.accepted)
		}
	}
}

// A13: when the end passes while the verifier cannot be reached, the tabs ask each other no more than it takes.
func TestA13_A14_EndInAnOutageIsQuiet(t *testing.T) {
	for _, n := range []int{2, 3, 20} {
		v, _, b := several(1, n)
		b.Pass(v.state.InactivityEnds() - b.Now - 5*second)
		v.down = true
		heard := 0
		for _, tab := range b.Tabs {
			then := tab.Then
			tab.Then = func() { heard += len(tab.Posts); then() }
		}
		b.Pass(30 * second)
		expectAll(t, b, signedOut)
		if heard > 40*n {
			t.Errorf("%d tabs told each other %d things in half a minute", n, heard)
		}
	}
}

// A13: a covered page that asks in vain asks no more often because somebody moves the pointer.
func TestA13_MovementOverACoverCostsNothing(t *testing.T) {
	v, d := begin(times)
	d.Pass(14 * minute)
	v.down = true
	d.Pass(2 * minute)
	expect(t, d, signedOut)
	if d.Orders.Ends != 0 {
		t.Errorf("the page is told of an end in %d ms, which has passed", d.Orders.Ends)
	}
	sent := d.Sent
	for range 600 {
		d.Pass(16)
		d.Act()
		d.Gap()
	}
	if d.Sent-sent > 4 {
		t.Errorf("%d requests in ten seconds", d.Sent-sent)
	}
}

// B4 A14: a sign-out that was chosen in an outage is carried out as soon as that is over, whichever tab it was chosen in.
func TestB4_A14_SignOutInAnOutage(t *testing.T) {
	for i := range 2 {
		v, _, b := several(1, 2)
		tab := b.Tabs[i]
		b.Pass(50 * second)
		v.down = true
		tab.Choose(warning.SignOut)
		b.Pass(15 * second)
		expect(t, &tab.Drive, "cover: You may still be signed in")
		v.down = false
		b.Pass(10 * second)
		if v.state.Reason != wire.SignedOut {
			t.Errorf("ten seconds after the outage the session is %q and tab %d shows %q", v.state.Reason, i, tab.Screen())
		}
	}
}

// A15: a page of which nobody knows for whom it was made is never shown to whoever signs in after it came.
func TestA15_PageOfNobodyKnown(t *testing.T) {
	v := newVerifier(times)
	v.down = true
	d := agenttest.New(start, v.answer)
	d.Pass(3 * second)
	v.down = false
	v.anew("second", d.Now)
	v.user = "bo"
	d.Hear(tabs.Message{Kind: tabs.Renewed, Wall: d.Moment().Now.Wall})
	for range 20 {
		d.Pass(second / 2)
		if d.Screen() == page {
			t.Fatal("it is shown")
		}
	}
	if !d.Reloaded {
		t.Error("it is not loaded anew")
	}
}

// A14: a new tab behind a leader that has waited long in an outage is seen a few seconds after the outage.
func TestA14_NewTabAfterAnOutage(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		v, _, b := several(1, 1)
		b.Tabs[0].Show(!hidden)
		v.down = true
		b.Pass(5 * minute)
		v.down = false
		fresh := b.Open()
		b.Pass(7 * second)
		expect(t, &fresh.Drive, page)
	}
}

// A14 P6: what is said of the session that this browser had before a page came is no word about the page's own.
func TestA14_OldStateAndANewPage(t *testing.T) {
	v, _, b := several(1, 1)
	b.Pass(10 * second)
	old := tabs.Message{Kind: tabs.State, Wall: b.Now, SID: "sid", SentAgo: 1500, Reply: wire.Reply{
		Now: b.Now, Phase: wire.Active, Began: start, Active: b.Now, Seq: 50, Interval: minute, User: "anna"}}
	b.Crash(b.Tabs[0])
	v.anew("second", b.Now)
	v.user = "bo"
	fresh := b.Open()
	fresh.Hear(old)
	b.Pass(2 * minute)
	expect(t, &fresh.Drive, page)
	if fresh.Cleared || fresh.Reloaded {
		t.Error("the new user's page was taken for the old one's")
	}
}

// A15: a page that is over is told that its user is back, and a lost request or one that was under way does not make it forget.
func TestA15_RenewalIsNotForgotten(t *testing.T) {
	for name, disturb := range map[string]func(v *verifier, d *agenttest.Tab, b *agenttest.Browser){
		"the network is gone for a moment": func(v *verifier, d *agenttest.Tab, b *agenttest.Browser) {
			v.anew("second", b.Now)
			v.down = true
			d.Hear(tabs.Message{Kind: tabs.Renewed, Wall: b.Now})
			b.Pass(second)
			v.down = false
		},
		"somebody has just come to the page": func(v *verifier, d *agenttest.Tab, b *agenttest.Browser) {
			d.Latency = 300
			d.Seen()
			b.Pass(400) // it is told that the old session is over
			v.anew("second", b.Now)
			d.Hear(tabs.Message{Kind: tabs.Renewed, Wall: b.Now})
		},
	} {
		v, _, b := several(1, 1)
		b.Pass(16 * minute)
		expectAll(t, b, signedOut)
		disturb(v, b.Tabs[0], b)
		b.Pass(20 * second)
		if got := b.Tabs[0].Screen(); got != page {
			t.Errorf("%s: the page shows %q", name, got)
		}
	}
}

// A4 A14: somebody who stays with a few seconds left is not signed out because the leader said that it would ask, and then hung.
func TestA4_A14_StayBehindAHangingLeader(t *testing.T) {
	v, _, b := several(1, 2)
	lead := leader(t, b)
	other := b.Tabs[0]
	if other == lead {
		other = b.Tabs[1]
	}
	b.Pass(v.state.InactivityEnds() - b.Now - 12*second)
	other.Choose(warning.Stay)
	for lead.Sent = 0; lead.Sent == 0; {
		b.Pass(1)
	}
	lead.Verifier = func(agent.Request, int64) (wire.Reply, error) { return wire.Reply{}, agenttest.ErrUnreachable }
	lead.Hang()
	b.Pass(11 * second)
	expect(t, &other.Drive, page)
}

// A13 D6: the page's estimate may reach the end, be set back before it by an answer, and reach it again: it asks each time.
func TestA13_TheEndComesTwice(t *testing.T) {
	for skew := int64(21); skew < 100; skew++ {
		v, d := begin(times)
		inner := d.Verifier
		d.Verifier = func(r agent.Request, now int64) (wire.Reply, error) {
			reply, err := inner(r, now)
			reply.Now += skew // the verifier's answer takes longer on its way here than the request did
			if now > v.state.InactivityEnds()-skew {
				reply.Now -= skew
			}
			return reply, err
		}
		d.Pass(v.state.InactivityEnds() - d.Now + 2*second)
		expect(t, d, signedOut)
	}
}

// A10 A14: activity elsewhere of which a page hears before its first answer is not lost.
func TestA14_ActivityBeforeTheFirstAnswer(t *testing.T) {
	v := newVerifier(times)
	v.state = deadline.Step(v.state, deadline.Report{At: start - 5*minute}, start)
	d := agenttest.New(start+5*minute, v.answer)
	d.Hear(tabs.Message{Kind: tabs.Acted, Wall: d.Moment().Now.Wall, Idle: 100})
	d.Pass(2 * minute)
	if off := v.state.Active - (start + 5*minute - 100); off > 0 || off < -second {
		t.Errorf("the verifier's last activity is %d ms off", off)
	}
}
