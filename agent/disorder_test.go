package agent_test

import (
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

// A4 B4: a choice made while a heartbeat is under way is sent right after it.
func TestChoiceWhileAHeartbeatIsUnderWayGoesOutAtOnce(t *testing.T) {
	_, d := begin(times)
	d.Latency = 400
	d.Pass(13*minute + 10*second)
	expect(t, d, inactivity)
	sent := d.Sent
	for d.Sent == sent {
		d.Pass(50)
	}
	d.Choose(warning.Stay)
	d.Pass(3 * second)
	expect(t, d, page)

	v, d := begin(times)
	d.Latency = 400
	sent = d.Sent
	for d.Sent == sent {
		d.Pass(50)
	}
	d.Choose(warning.SignOut)
	d.Pass(3 * second)
	if v.state.Reason != wire.SignedOut {
		t.Errorf("three seconds after the choice the session is %q", v.state.Reason)
	}
}

// A13: an answer that was under way when the machine fell asleep says how things stood before.
func TestA13_AnswerFromBeforeTheSleepIsNotTakenAsCurrent(t *testing.T) {
	v, d := begin(times)
	d.Act()
	d.Latency = 400
	sent := d.Sent
	for d.Sent == sent {
		d.Pass(50)
	}
	d.Pass(500) // the verifier has answered; the answer is on its way back
	d.Sleep(20 * minute)
	d.Pass(2 * second)
	expect(t, d, signedOut)
	if v.state.Reason != wire.Inactivity {
		t.Errorf("ended for %q", v.state.Reason)
	}
}

// P2: whoever has been active all along sees no warning, although only the latest activity is known and it may lie past the
// instant of the warning when the timer comes late.
func TestP2_ActiveUserSeesNoWarningWhenATimerIsLate(t *testing.T) {
	_, d := begin(times)
	for d.Now < start+12*minute+2*second {
		d.Pass(100)
	}
	for d.Now < start+13*minute-700 {
		d.Act()
		d.Pass(5)
	}
	d.Now, d.Mono = d.Now+702, d.Mono+702 // no timer fires in time
	d.Act()
	d.Wake()
	expect(t, d, page)
}

// A lasting refusal is asked about ever less often.
func TestRefusalsBackOff(t *testing.T) {
	_, d := begin(times)
	d.Verifier = func(agent.Request, int64) (wire.Reply, error) {
		return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.Unavailable}}
	}
	sent := d.Sent
	d.Pass(10 * minute)
	if d.Sent-sent > 20 {
		t.Errorf("%d requests in ten minutes of refusals", d.Sent-sent)
	}
}

// D5: an ended page that was told to leave and stays, stays covered.
func TestD5_EndedPageStaysCovered(t *testing.T) {
	_, d := begin(times)
	d.Pass(15*minute + second)
	expect(t, d, signedOut)
	d.Choose(warning.SignInAgain)
	if d.Left != "sign-in" {
		t.Error("choosing to sign in does not lead there")
	}
	for range 20 {
		d.Act()
		d.Wake()
		d.Pass(minute)
		expect(t, d, signedOut)
	}
}

// A13: out of the back/forward cache nothing is shown before the verifier has answered, and an answer to an older question does
// not count.
func TestA13_GapIsCoveredUntilTheVerifierAnswers(t *testing.T) {
	early := agenttest.New(start, newVerifier(times).answer)
	early.Gap() // before the first answer
	expect(t, early, "cover: One moment…")
	early.Pass(second)
	expect(t, early, page)

	v, d := begin(times)
	d.Gap()
	expect(t, d, "cover: One moment…")
	d.Pass(second)
	expect(t, d, page)

	v.down = true
	d.Gap()
	d.Pass(second)
	expect(t, d, "cover: We cannot check your session")
	v.down = false
	d.Pass(6 * second)
	expect(t, d, page)

	d.Latency = 400
	sent := d.Sent
	for d.Sent == sent {
		d.Pass(50)
	}
	d.Gap()
	d.Pass(800) // the answer to the question before the gap is here
	expect(t, d, "cover: One moment…")
	d.Pass(second)
	expect(t, d, page)
}

// A13: a clock set back right after the gap leaves the page covered no longer, and asks no more often, than without.
func TestA13_ClockSetBackAfterTheGap(t *testing.T) {
	_, d := begin(times)
	d.Latency = 400
	d.Gap()
	d.Pass(100)
	d.Gap() // while the request is under way
	d.Skew -= 20 * minute
	sent := d.Sent
	d.Pass(800) // the answer to the first question is here
	expect(t, d, "cover: One moment…")
	d.Pass(2 * second)
	expect(t, d, page)
	if d.Sent-sent > 2 {
		t.Errorf("%d requests after the gap", d.Sent-sent)
	}
}
