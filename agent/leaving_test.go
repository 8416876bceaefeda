package agent_test

import (
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

// anew lets the user begin another session in this browser.
func (v *verifier) anew(sid string, now int64) {
	v.sid, v.seq, v.state = sid, 0, deadline.Begin(times, now)
}

// A15, B4: a page that signed out and comes back through the history after the user has signed in anew does not sign that session
// out as well.
func TestB4_PageThatSignedOutComesBackInTheNextSession(t *testing.T) {
	v, d := begin(times)
	d.Choose(warning.SignOut)
	d.Pass(5 * second)
	if v.state.Reason != wire.SignedOut || d.Left != "/signed-out" {
		t.Fatalf("ended for %q, leaving to %q", v.state.Reason, d.Left)
	}
	v.anew("second", d.Now)
	d.Pass(minute)
	d.Gap()
	d.Pass(10 * second)
	if v.state.EndedAt != 0 {
		t.Fatalf("coming back ended the next session: %s", v.state.Reason)
	}
	expect(t, d, page)
}

// A choice to sign out on a page whose session is over means nothing, now or in the next session.
func TestB4_SignOutAfterTheEndIsNone(t *testing.T) {
	v, d := begin(times)
	v.state = deadline.Step(v.state, deadline.End{Reason: wire.EndedByAdmin}, d.Now)
	d.Pass(2 * minute)
	expect(t, d, signedOut)
	d.Choose(warning.SignOut)
	d.Pass(10 * second)
	expect(t, d, signedOut)
	v.anew("second", d.Now)
	d.Gap()
	d.Pass(10 * second)
	if v.state.EndedAt != 0 {
		t.Fatalf("the choice ended the next session: %s", v.state.Reason)
	}
	expect(t, d, page)
}

// A15, B4: a sign-out that could not be told before another session began was about the session before. Whoever is signed in now stays so.
func TestA15_SignOutIsNotTheNextSessions(t *testing.T) {
	for user, cleared := range map[string]bool{"anna": false, "bo": true} {
		t.Run(user, func(t *testing.T) {
			v, d := begin(times)
			v.down = true
			d.Choose(warning.SignOut)
			d.Pass(10 * second)
			v.anew("second", d.Now)
			v.user, v.down = user, false
			d.Pass(5 * minute)
			if v.state.EndedAt != 0 || d.Cleared != cleared {
				t.Errorf("the next session is ended with %q, the page is cleared: %v", v.state.Reason, d.Cleared)
			}
		})
	}
}

// A4, B4: what a person chooses waits three seconds at most for a request that gets no answer.
func TestA4_ChoiceWaitsForNoHangingRequest(t *testing.T) {
	for choice, taken := range map[warning.Choice]func(*verifier, int64) bool{
		warning.SignOut: func(v *verifier, _ int64) bool { return v.state.Reason == wire.SignedOut },
		warning.Stay:    func(v *verifier, chosen int64) bool { return v.state.EndedAt == 0 && v.state.Active >= chosen-second },
	} {
		t.Run(string(choice), func(t *testing.T) {
			v, d := begin(times)
			d.Pass(13*minute + 30*second) // the warning shows
			expect(t, d, inactivity)
			answers := d.Verifier
			d.Verifier = func(agent.Request, int64) (wire.Reply, error) { return wire.Reply{}, agenttest.ErrUnreachable }
			d.Latency = 7 * second
			d.Wake()
			for !d.Asking() {
				d.Pass(100)
			}
			d.Verifier, d.Latency = answers, 20
			chosen := d.Now
			d.Choose(choice)
			d.Pass(2 * second)
			if taken(v, chosen) {
				t.Fatal("nothing hangs, so this test shows nothing")
			}
			d.Pass(1100)
			if !taken(v, chosen) {
				t.Errorf("the choice has not been told: %+v", v.state)
			}
		})
	}
}
