package agent_test

import (
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

// free is the identity provider's mode: the session has no end of its own (A5).
var free = policy.Settings{SessionWarning: times.SessionWarning, InactivityWarning: times.InactivityWarning}

// silent is the provider's silence, which the verifier notices now.
func (v *verifier) silent(d *agenttest.Drive, grace int64) {
	v.state = deadline.Step(v.state, deadline.Unconfirmed{By: d.Now + grace}, d.Now)
}

// answered is the provider's word that the user may go on.
func (v *verifier) answered(d *agenttest.Drive) {
	v.state = deadline.Step(v.state, deadline.Confirmed{}, d.Now)
}

// A5: without a session timeout nothing warns and nothing ends, for a hundred days; the page knows of no end, and wakes once a
// minute.
func TestA5_NoEndOfItsOwn(t *testing.T) {
	v, d := begin(free)
	d.Wakes, d.Sent = 0, 0
	const hours = 100 * 24
	for range hours {
		d.Pass(60 * minute)
		expect(t, d, page)
		if d.Orders.Ends != 0 || d.Orders.Wake > minute {
			t.Fatalf("the page expects an end in %d ms and its next wake in %d", d.Orders.Ends, d.Orders.Wake)
		}
	}
	if d.Wakes > hours*60+1 || d.Sent > hours*60+1 || d.Sent < hours*59 {
		t.Errorf("%d wake-ups and %d requests in %d idle hours", d.Wakes, d.Sent, hours)
	}
	d.Choose(warning.Dismiss) // of nothing
	expect(t, d, page)
	d.Sleep(30 * 24 * 60 * minute)
	d.Act()
	d.Wake()
	d.Pass(second)
	expect(t, d, page)
	if v.state.EndedAt != 0 {
		t.Errorf("the verifier ended for %s", v.state.Reason)
	}
}

// A5: a page that comes back after a long absence is covered until the provider has confirmed the user, and nobody presses anything.
func TestA5_CoveredUntilTheProviderConfirmsAReturn(t *testing.T) {
	v, d := begin(free)
	d.Pass(3 * minute)
	expect(t, d, page)
	refusing := true
	answer := d.Verifier
	d.Verifier = func(request agent.Request, now int64) (wire.Reply, error) {
		if refusing {
			return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.ProviderFailed}}
		}
		return answer(request, now)
	}
	d.Sleep(60 * 60 * minute)
	d.Wake()
	for range 20 {
		d.Pass(3 * second)
		if d.Orders.Cover == nil {
			t.Fatal("the page can be seen before the provider has confirmed the user")
		}
	}
	refusing = false
	d.Pass(6 * second)
	expect(t, d, page)
	if v.state.EndedAt != 0 {
		t.Errorf("ended for %s", v.state.Reason)
	}
}

// A5, A3: the inactivity timeout is the only end there is.
func TestA5_InactivityAlone(t *testing.T) {
	s := times
	s.SessionTimeout = 0
	v, d := begin(s)
	for range 48 * 60 {
		d.Act()
		d.Pass(minute)
	}
	expect(t, d, page)
	if d.Orders.Ends <= 0 || d.Orders.Ends > 15*minute {
		t.Errorf("the page expects the end in %d ms", d.Orders.Ends)
	}
	d.Pass(12*minute + second)
	expect(t, d, inactivity)
	d.Pass(2 * minute)
	expect(t, d, signedOut)
	if v.state.Reason != wire.Inactivity {
		t.Errorf("ended for %s", v.state.Reason)
	}
}

// A7, P3: the provider's silence warns for the full time, is dismissed, comes back in the last minute and ends the session, with
// words of its own; activity extends nothing.
func TestA7_SilenceWarnsAndEnds(t *testing.T) {
	v, d := begin(free)
	d.Pass(60 * minute)
	v.silent(d, 5*minute)
	ends := d.Now + 20*minute
	d.Pass(minute)
	expect(t, d, session)
	if view := d.Orders.Show; view.Buttons[0] != warning.Dismiss || view.Left != (ends-d.Now+999)/1000*1000 {
		t.Errorf("the warning: %+v, with %d ms left", view, ends-d.Now)
	}
	if off := d.Orders.Ends - (ends - d.Now); off < -100 || off > 100 {
		t.Errorf("the page expects the end %d ms off", off)
	}
	d.Choose(warning.Dismiss)
	expect(t, d, page)
	d.Act()
	d.Pass(ends - minute - d.Now - second)
	expect(t, d, page)
	d.Pass(2 * second)
	expect(t, d, session)
	d.Choose(warning.Dismiss)
	d.Act()
	d.Pass(ends - d.Now - second)
	expect(t, d, page)
	d.Pass(2 * second)
	expect(t, d, signedOut)
	if *d.Orders.Cover != warning.Ended(wire.PolicyCheckOverdue) || v.state.Reason != wire.PolicyCheckOverdue || v.state.EndedAt != ends {
		t.Errorf("cover %+v; the verifier ended %d ms off for %s", d.Orders.Cover, v.state.EndedAt-ends, v.state.Reason)
	}
}

// A7: the provider's answer closes the warning, and the next silence shows it again although the last one was dismissed.
func TestA7_AnswerClosesTheWarningAndTheNextSilenceOpensItAgain(t *testing.T) {
	v, d := begin(free)
	for range 3 {
		v.silent(d, minute)
		d.Pass(2 * minute)
		expect(t, d, session)
		d.Choose(warning.Dismiss)
		d.Pass(2 * minute)
		expect(t, d, page)
		v.answered(d)
		d.Pass(2 * minute)
		expect(t, d, page)

		v.silent(d, minute)
		d.Pass(18*minute + 30*second) // not dismissed; the last minute is still to come
		expect(t, d, session)
		d.Pass(minute)
		expect(t, d, session)
		v.answered(d)
		d.Pass(minute + second)
		expect(t, d, page)
		if d.Orders.Ends != 0 {
			t.Errorf("the page expects an end in %d ms", d.Orders.Ends)
		}
		d.Wakes = 0
		if d.Pass(60 * minute); d.Wakes > 61 {
			t.Errorf("%d wake-ups in an idle hour afterwards", d.Wakes)
		}
	}
}

// A7, A8: which of the two ends comes first decides what the warning says, and dismissing one does not dismiss the other.
func TestA7_A8_DismissingOneEndDoesNotDismissTheOther(t *testing.T) {
	s := times
	s.InactivityTimeout = 0
	v, d := begin(s)
	title := func() string {
		if d.Orders.Show == nil {
			return ""
		}
		return string(d.Orders.Show.Reason)
	}
	ends := v.state.SessionEnds()
	d.Pass(ends - 15*minute - d.Now)
	timeout := title()
	d.Choose(warning.Dismiss)
	expect(t, d, page)

	// A silence that would last longer than the session changes nothing.
	v.silent(d, 16*minute)
	d.Pass(minute + second)
	expect(t, d, page)
	v.answered(d)
	d.Pass(minute + second)

	// One that ends the session first shows, and when it is over the dismissed warning stays dismissed up to its last minute.
	v.state.CheckBy = d.Now + 10*minute // by a warning of ten minutes that was in force then
	d.Pass(minute + second)
	if title() == "" || title() == timeout {
		t.Fatalf("the warning of the silence says %q", title())
	}
	v.answered(d)
	d.Pass(minute + second)
	expect(t, d, page)
	d.Pass(ends - minute - d.Now + second)
	if title() != timeout {
		t.Errorf("in the last minute it says %q, want %q", title(), timeout)
	}
	d.Pass(minute)
	if *d.Orders.Cover != warning.Ended(wire.SessionTimeout) {
		t.Errorf("cover: %+v", d.Orders.Cover)
	}
}

// A7, A13: asleep across the end of the silence, the first move covers the page; and if the provider answered meanwhile, the page
// comes back.
func TestA7_A13_SleepAcrossTheSilence(t *testing.T) {
	for _, back := range []bool{false, true} {
		v, d := begin(free)
		v.silent(d, minute)
		d.Pass(2 * minute)
		expect(t, d, session)
		if back {
			v.answered(d)
		}
		d.Sleep(60 * minute)
		d.Act()
		d.Wake()
		if d.Orders.Cover == nil || d.Orders.Show != nil {
			t.Fatal("the page is not covered at the wake")
		}
		d.Pass(second)
		want := signedOut
		if back {
			want = page
		}
		expect(t, d, want)
	}
}

// A7: a settled end that the verifier cannot be asked about covers the page in the words of its reason.
func TestA7_UnreachableAtTheEndOfTheSilence(t *testing.T) {
	v, d := begin(free)
	v.silent(d, minute)
	d.Pass(2 * minute)
	v.down = true
	d.Pass(20 * minute)
	expect(t, d, signedOut)
	if *d.Orders.Cover != warning.Ended(wire.PolicyCheckOverdue) {
		t.Errorf("cover: %+v", d.Orders.Cover)
	}
}

// Settings too long for a Go duration, which no verifier sends, neither wrap around nor end anything.
func TestLengthsDoNotWrapAround(t *testing.T) {
	v, d := begin(times)
	d.Verifier = func(r agent.Request, now int64) (wire.Reply, error) {
		reply, err := v.answer(r, now)
		const wraps = 18_446_744_073_710 // in nanoseconds, half a millisecond more than 64 bits hold
		reply.Settings.SessionTimeout, reply.Settings.InactivityTimeout, reply.CheckBy = wraps, wraps, 1<<53-1
		return reply, err
	}
	d.Pass(2 * minute)
	expect(t, d, page)
	if d.Orders.Ends <= 0 || d.Orders.Wake <= 0 || d.Orders.Wake > minute {
		t.Errorf("the page expects the end in %d ms and its next wake in %d", d.Orders.Ends, d.Orders.Wake)
	}
}
