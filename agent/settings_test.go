package agent_test

import (
	"testing"
	"time"

	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

// set changes the settings of the verifier's session, as its next heartbeat would.
func (v *verifier) set(now int64, s policy.Settings) {
	v.state = deadline.Step(v.state, deadline.Change{Settings: s}, now)
}

// idle are times with another inactivity timeout.
func idle(timeout time.Duration) policy.Settings {
	s := times
	s.InactivityTimeout = timeout
	return s
}

// uncovered fails the test when the page is ever covered.
func uncovered(t *testing.T, d *agenttest.Drive) {
	t.Helper()
	then := d.Then
	d.Then = func() {
		if d.Orders.Cover != nil {
			t.Errorf("%d ms after the start the page is covered", d.Now-start)
		}
		if then != nil {
			then()
		}
	}
}

// A12: a hint at other settings makes the page ask at once, and show, move and close its warning by what it hears. Nothing is covered.
func TestA12_HintedSettingsApplyAtOnce(t *testing.T) {
	v, d := begin(times)
	uncovered(t, d)
	d.Pass(10*minute + 20*second)
	expect(t, d, page)

	v.set(d.Now, idle(6*time.Minute)) // tightened: the full warning is left
	expect(t, d, page)
	d.Changed()
	d.Pass(100)
	expect(t, d, inactivity)
	if left := d.Orders.Show.Left; left < 119_000 || left > 120_000 {
		t.Errorf("%d ms are left of a warning of two minutes", left)
	}

	d.Pass(10 * second)
	longer := idle(13 * time.Minute)
	longer.InactivityWarning = 4 * time.Minute
	v.set(d.Now, longer) // loosened, and the warning goes on
	d.Changed()
	d.Pass(100)
	expect(t, d, inactivity)
	if want := v.state.InactivityEnds() - d.Now; d.Orders.Show.Left < want-second || d.Orders.Show.Left > want+second {
		t.Errorf("%d ms left, want %d", d.Orders.Show.Left, want)
	}

	d.Pass(5 * second)
	v.set(d.Now, idle(time.Hour))
	d.Changed()
	d.Pass(100)
	expect(t, d, page)

	short := idle(0)
	short.SessionTimeout = 20 * time.Minute
	short.SessionWarning = 15 * time.Minute
	d.Pass(5 * second)
	v.set(d.Now, short)
	d.Changed()
	d.Pass(100)
	expect(t, d, session)
}

// A12: however often somebody hints, and however long answers take, one second lies between two requests.
func TestA12_HintsMakeNoStorm(t *testing.T) {
	for _, latency := range []int64{5, 300, 4000} {
		_, d := begin(times)
		d.Latency = latency
		uncovered(t, d)
		sent := d.Sent
		for range 1000 {
			d.Changed()
			d.Pass(10)
		}
		if n := d.Sent - sent; n > 11 || n == 0 {
			t.Errorf("latency %d ms: %d requests in ten seconds of hints", latency, n)
		}
		d.Pass(10 * second)
		sent = d.Sent
		d.Pass(40 * second)
		if d.Sent != sent {
			t.Errorf("latency %d ms: %d requests after the last hint was followed", latency, d.Sent-sent)
		}
	}
}

// A12: what is under way when the hint comes may have been answered before the change.
func TestA12_HintDuringARequestIsFollowed(t *testing.T) {
	v, d := begin(times)
	d.Latency = 400
	d.Pass(10*minute - second)
	sent := d.Sent
	for !d.Asking() {
		d.Pass(50)
	}
	d.Pass(500) // the verifier has answered
	v.set(d.Now, idle(6*time.Minute))
	d.Changed()
	d.Pass(2500)
	expect(t, d, inactivity)
	if d.Sent-sent != 2 {
		t.Errorf("%d requests, want the one under way and another", d.Sent-sent)
	}
}

// A12 A14: the tab that leads asks for all; the others show what it hears.
func TestA12_A14_HintedSettingsApplyInAllTabs(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		v, c, b := several(seed, 5)
		for _, tab := range b.Tabs {
			uncovered(t, &tab.Drive)
		}
		b.Pass(10*minute + 20*second)
		*c = counts{}
		v.set(b.Now, idle(6*time.Minute))
		leader(t, b).Changed()
		b.Pass(500)
		expectAll(t, b, inactivity)
		if c.accepted != 1 {
			t.Errorf("seed %d: five tabs asked %d times", seed, c.accepted)
		}
		v.set(b.Now, idle(time.Hour))
		for _, tab := range b.Tabs { // one that has just lost the lead may hear of it too
			tab.Changed()
		}
		b.Pass(2 * second)
		expectAll(t, b, page)
		if c.accepted > 3 {
			t.Errorf("seed %d: five tabs asked %d times for two changes", seed, c.accepted)
		}
	})
}

// A12: a hint says nothing about a session that is over, nor does it hurry attempts that fail, or a sign-out.
func TestA12_HintChangesNothingElse(t *testing.T) {
	v, d := begin(times)
	v.down = true
	d.Pass(5 * minute)
	sent := d.Sent
	for range 60 {
		d.Changed()
		d.Pass(second)
	}
	if n := d.Sent - sent; n > 13 {
		t.Errorf("%d requests in a minute to a verifier that does not answer", n)
	}
	v.down = false
	d.Changed()
	d.Pass(6 * second)
	if d.Machine.Over() || v.seq == 0 || d.Screen() != page {
		t.Errorf("after the outage: %s", d.Screen())
	}

	v.state = deadline.Step(v.state, deadline.End{Reason: wire.EndedByAdmin}, d.Now)
	d.Changed()
	d.Pass(2 * second)
	expect(t, d, signedOut)
	sent = d.Sent
	d.Changed()
	d.Pass(minute)
	if d.Sent != sent {
		t.Errorf("a page that is over asked %d times", d.Sent-sent)
	}

	v, d = begin(times)
	d.Saving = second
	d.Choose(warning.SignOut)
	d.Changed()
	d.Pass(2 * second)
	if v.state.Reason != wire.SignedOut || d.Left != "/signed-out" {
		t.Errorf("signing out: %s, left to %q", v.state.Reason, d.Left)
	}
}
