package agent_test

import (
	"testing"
	"time"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

const (
	second = int64(1000)
	minute = 60 * second
	start  = int64(1_800_000_000_000)
)

// verifier is the smallest verifier that keeps the protocol: one session, judged by the shared rules.
type verifier struct {
	state  deadline.State
	sid    string
	user   string
	seq    uint64
	issued map[string]int64
	down   bool
	lose   int // replies to lose
	ended  int // refusals because of the end
}

var times = policy.Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute,
	InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}

func newVerifier(s policy.Settings) *verifier {
	return &verifier{sid: "sid", user: "anna", state: deadline.Begin(s, start), issued: map[string]int64{}}
}

func (v *verifier) nonce(now int64) string {
	name := time.UnixMilli(now).UTC().Format(time.RFC3339Nano)
	v.issued[name] = now
	return name
}

func (v *verifier) answer(r agent.Request, now int64) (wire.Reply, error) {
	if v.down {
		return wire.Reply{}, agenttest.ErrUnreachable
	}
	v.state = deadline.Step(v.state, deadline.Tick{}, now)
	if v.state.EndedAt != 0 {
		v.ended++
		return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.SessionEnded, Reason: v.state.Reason}}
	}
	again := func(code wire.Code) error {
		return &agent.Refused{Refusal: wire.Refusal{Error: code, Nonce: v.nonce(now), SID: v.sid, Seq: v.seq}}
	}
	if r.Nonce == "" {
		return wire.Reply{}, again(wire.UseNonce)
	}
	issued, ok := v.issued[r.Nonce]
	if !ok || now-issued > 5*minute {
		return wire.Reply{}, again(wire.UseNonce)
	}
	if r.Beat.SID != v.sid {
		return wire.Reply{}, again(wire.UseNonce)
	}
	if r.Beat.Seq <= v.seq {
		return wire.Reply{}, again(wire.Replayed)
	}
	v.seq = r.Beat.Seq
	at := min(now, issued+r.Beat.Age) - r.Beat.Idle
	switch {
	case r.SignOut:
		v.state = deadline.Step(v.state, deadline.End{Reason: wire.SignedOut}, now)
	case r.Beat.Stay:
		v.state = deadline.Step(v.state, deadline.Stay{At: at}, now)
	default:
		v.state = deadline.Step(v.state, deadline.Report{At: at}, now)
	}
	if v.lose > 0 {
		v.lose--
		return wire.Reply{}, agenttest.ErrUnreachable
	}
	s := v.state
	return wire.Reply{
		Now: now, Phase: s.Phase(now), Warning: s.Warning(now), Reason: s.Reason, EndedAt: s.EndedAt, Began: s.Began, Active: s.Active,
		SessionFloor: s.SessionFloor, InactivityFloor: s.InactivityFloor, CheckBy: s.CheckBy, SessionEnds: s.SessionEnds(), InactivityEnds: s.InactivityEnds(),
		Settings: wire.Settings{SessionTimeout: s.Settings.SessionTimeout.Milliseconds(), SessionWarning: s.Settings.SessionWarning.Milliseconds(),
			InactivityTimeout: s.Settings.InactivityTimeout.Milliseconds(), InactivityWarning: s.Settings.InactivityWarning.Milliseconds(),
			AnyActivityStays: s.Settings.AnyActivityStays},
		Seq: v.seq, Nonce: v.nonce(now), Interval: minute, User: v.user,
	}, nil
}

func begin(s policy.Settings) (*verifier, *agenttest.Drive) {
	v := newVerifier(s)
	d := agenttest.New(start, v.answer)
	d.Pass(second)
	return v, d
}

func expect(t *testing.T, d *agenttest.Drive, want string) {
	t.Helper()
	if got := d.Screen(); got != want {
		t.Fatalf("%s after the start the screen shows %q, want %q", time.Duration(d.Now-start)*time.Millisecond, got, want)
	}
}

// exact wants the verifier's last activity to be the real one, or earlier by no more than the round trip, and never later.
func exact(t *testing.T, v *verifier, d *agenttest.Drive) {
	t.Helper()
	if off := v.state.Active - d.Acted.Wall; off > 0 || off < -2*d.Latency {
		t.Errorf("the verifier's last activity is %d ms off", off)
	}
}

const (
	page       = "page"
	inactivity = "warning: inactivity"
	session    = "warning: session"
	checking   = "cover: One moment…"
	signedOut  = "cover: You have been signed out"
)

func TestA3A4_WarningStayWarningExpiry(t *testing.T) {
	v, d := begin(times)
	for range 30 { // half an hour of work
		d.Act()
		d.Pass(minute)
	}
	expect(t, d, page)
	last := d.Acted.Wall
	d.Pass(last + 13*minute - d.Now - 1)
	expect(t, d, page)
	d.Pass(2)
	expect(t, d, inactivity)
	if got := d.Orders.Show.Left; got != 120_000 {
		t.Errorf("%d ms left, want 120000", got)
	}
	d.Act() // moving the mouse is not enough any more
	d.Pass(30 * second)
	expect(t, d, inactivity)
	d.Choose(warning.Stay)
	d.Pass(second)
	expect(t, d, page)
	stayed := v.state.Active
	d.Pass(stayed + 13*minute - d.Now + second)
	expect(t, d, inactivity)
	d.Pass(stayed + 15*minute - d.Now - 1500)
	expect(t, d, inactivity)
	d.Pass(3 * second)
	expect(t, d, signedOut)
	if v.state.Reason != wire.Inactivity || v.state.EndedAt != stayed+15*minute {
		t.Errorf("the verifier ended at %d for %q", v.state.EndedAt-stayed, v.state.Reason)
	}
}

// D6: the page covers itself within a second of the verifier's deadline, with any clock on the client and a slow network.
func TestD6_EndAgreesWithinASecond(t *testing.T) {
	for _, skew := range []int64{0, -3 * 60 * minute, 7 * 24 * 60 * minute} {
		for _, latency := range []int64{0, 5, 400} {
			v := newVerifier(times)
			d := agenttest.New(start, v.answer)
			d.Skew, d.Latency = skew, latency
			d.Pass(2 * second)
			d.Act()
			for d.Orders.Cover == nil {
				d.Pass(10)
				if d.Now > start+time.Hour.Milliseconds() {
					t.Fatal("never covered")
				}
			}
			if off := d.Now - v.state.InactivityEnds(); off < -second || off > second {
				t.Errorf("skew %d, latency %d: covered %d ms after the deadline", skew, latency, off)
			}
		}
	}
}

func TestA1A2_SessionWarningIsDismissedAndComesBackInTheLastMinute(t *testing.T) {
	s := times
	s.InactivityTimeout = 0
	v, d := begin(s)
	work := func(length int64) {
		for end := d.Now + length; d.Now < end; {
			d.Act()
			d.Pass(min(20*second, end-d.Now))
		}
	}
	ends := v.state.SessionEnds()
	work(ends - 20*minute - d.Now - second)
	expect(t, d, page)
	work(2 * second)
	expect(t, d, session)
	d.Choose(warning.Dismiss)
	expect(t, d, page)
	work(ends - minute - d.Now - second)
	expect(t, d, page)
	work(2 * second)
	expect(t, d, session)
	d.Choose(warning.Dismiss)
	work(30 * second)
	expect(t, d, page)
	work(ends - d.Now + second)
	expect(t, d, signedOut)
	if v.state.Reason != wire.SessionTimeout {
		t.Errorf("ended for %s", v.state.Reason)
	}
}

func TestA13_FirstMoveAfterSleepDoesNotRevive(t *testing.T) {
	v, d := begin(times)
	d.Act()
	d.Pass(5 * minute)
	d.Sleep(60 * minute)
	d.Act() // the mouse move that wakes the laptop
	d.Wake()
	if d.Orders.Cover == nil {
		t.Fatal("the page is not covered at the wake")
	}
	d.Pass(second)
	expect(t, d, signedOut)
	if v.state.Reason != wire.Inactivity || v.ended == 0 {
		t.Errorf("the verifier: %q, refused %d times", v.state.Reason, v.ended)
	}
}

func TestA13_ShortSleepCostsNothing(t *testing.T) {
	v, d := begin(times)
	d.Act()
	d.Pass(2 * minute)
	d.Sleep(10 * minute)
	d.Act()
	d.Wake()
	d.Pass(2 * minute)
	expect(t, d, page)
	exact(t, v, d)
}

func TestNetworkGoneForTenMinutes(t *testing.T) {
	v, d := begin(times)
	work := func(length int64) {
		for end := d.Now + length; d.Now < end; {
			d.Act()
			d.Pass(20 * second)
		}
	}
	work(5 * minute)
	v.down = true
	work(10 * minute)
	expect(t, d, page)
	v.down = false
	work(2 * minute)
	expect(t, d, page)
	if behind := d.Now - v.state.Active; behind > minute+20*second {
		t.Errorf("the verifier's last activity is %d ms old", behind)
	}
	// Gone for longer than the inactivity timeout, the verifier must end the session, and so must the page, with a warning before.
	v.down = true
	work(13*minute + 30*second)
	expect(t, d, inactivity)
	if !d.Orders.Show.Offline {
		t.Error("the warning does not say that there is no connection")
	}
	work(2 * minute)
	expect(t, d, signedOut)
	v.down = false
	d.Pass(10 * second)
	expect(t, d, signedOut)
}

func TestVerifierDownAtPageLoadCoversUntilItAnswers(t *testing.T) {
	v := newVerifier(times)
	v.down = true
	d := agenttest.New(start, v.answer)
	d.Pass(second)
	expect(t, d, "cover: We cannot check your session")
	d.Pass(5 * minute)
	expect(t, d, "cover: We cannot check your session")
	v.down = false
	d.Pass(16 * second) // it has been away for minutes, and a million other pages want it too
	expect(t, d, page)
}

func TestLostReplyIsRepeatedWithAHigherSeq(t *testing.T) {
	v, d := begin(times)
	v.lose = 3
	d.Act()
	d.Pass(3 * minute)
	expect(t, d, page)
	if v.lose != 0 {
		t.Errorf("%d replies were not lost", v.lose)
	}
	exact(t, v, d)
}

func TestStayIsRepeatedUntilItIsConfirmed(t *testing.T) {
	v, d := begin(times)
	d.Pass(14 * minute)
	expect(t, d, inactivity)
	v.down = true
	d.Choose(warning.Stay)
	d.Pass(10 * second)
	expect(t, d, inactivity)
	chosen := d.Now - 10*second
	v.down = false
	d.Pass(6 * second)
	expect(t, d, page)
	if off := v.state.Active - chosen; off < -second || off > second {
		t.Errorf("staying counted %d ms off the choice", off)
	}
}

func TestB4_SignOutCoversAtOnceAndIsRepeated(t *testing.T) {
	v, d := begin(times)
	v.down = true
	d.Choose(warning.SignOut)
	expect(t, d, "cover: Signing you out…")
	d.Pass(second)
	expect(t, d, "cover: You may still be signed in")
	v.down = false
	d.Pass(6 * second)
	if v.state.Reason != wire.SignedOut || d.Left != "/signed-out" {
		t.Errorf("ended for %q, leaving to %q", v.state.Reason, d.Left)
	}
}

// Quality: with nothing happening the agent wakes once a minute at most, and every second only while a countdown shows.
func TestWakeUps(t *testing.T) {
	s := times
	s.InactivityTimeout = 0
	_, d := begin(s)
	d.Wakes = 0
	d.Pass(60 * minute)
	if d.Wakes > 61 {
		t.Errorf("%d wake-ups in an idle hour", d.Wakes)
	}
	_, d = begin(times)
	d.Pass(13*minute + 5*second)
	d.Wakes = 0
	d.Pass(60 * second)
	if d.Wakes > 63 {
		t.Errorf("%d wake-ups in a minute of countdown", d.Wakes)
	}
}

func TestAnotherSessionInThisBrowserCoversThePage(t *testing.T) {
	v, d := begin(times)
	d.Verifier = func(r agent.Request, now int64) (wire.Reply, error) {
		if r.Key == "other" {
			return wire.Reply{}, agent.ErrNoKey
		}
		return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.UseNonce, SID: "another", Key: "other", Nonce: "n"}}
	}
	d.Pass(2 * minute)
	expect(t, d, "cover: Please sign in")
	if v.seq == 0 {
		t.Error("nothing to see: the first session never got a heartbeat through")
	}
	d.Choose(warning.SignInAgain)
	if d.Left != "sign-in" {
		t.Error("choosing to sign in does not lead there")
	}
}
