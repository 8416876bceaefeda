package agent_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

// drawTimes draws settings: with and without a session timeout and an inactivity timeout.
func drawTimes(t *rapid.T) policy.Settings {
	minutes := func(name string, low, high int64) time.Duration {
		return time.Duration(rapid.Int64Range(low, high).Draw(t, name)) * time.Minute
	}
	s := policy.Settings{SessionWarning: minutes("session warning", 1, 40), InactivityWarning: minutes("inactivity warning", 1, 4)}
	if rapid.Bool().Draw(t, "session timeout") {
		s.SessionTimeout = minutes("session", 60, 24*60)
	}
	if rapid.Bool().Draw(t, "inactivity timeout") {
		s.InactivityTimeout = minutes("inactivity", 5, 59)
	}
	s.AnyActivityStays = rapid.Bool().Draw(t, "any activity stays")
	return s
}

// disturb does one thing that can happen to a page, its verifier or the provider behind it.
func disturb(t *rapid.T, v *verifier, d *agenttest.Drive) {
	length := func(name string, most int64) int64 { return rapid.Int64Range(0, most).Draw(t, name) }
	switch rapid.IntRange(0, 14).Draw(t, "what") {
	case 0:
		d.Pass(length("a moment", 5*second))
	case 1, 2:
		d.Pass(length("a while", 30*minute))
	case 3, 4:
		d.Act()
	case 5:
		d.Wake()
	case 6:
		d.Gap()
	case 7:
		d.Sleep(length("sleep", 40*minute))
	case 8:
		d.Skew += length("clock set", 40*minute) - 20*minute
	case 9:
		d.Latency = length("latency", 900)
	case 10:
		v.down = !v.down
	case 11:
		v.lose = int(length("lost", 3))
	case 12:
		v.silent(d, length("grace", 60*minute))
	case 13:
		v.answered(d)
	case 14:
		v.state = deadline.Step(v.state, deadline.Change{Settings: drawTimes(t)}, d.Now)
	}
}

// settle lets everything arrive that is under way, and one more heartbeat.
func settle(v *verifier, d *agenttest.Drive) {
	v.down, v.lose, d.Latency = false, 0, 20
	d.Pass(minute + 30*second)
}

// P1, P3, A2, A5, A7, A12, A13: whatever happened, in any order, the page's next wake is soon and the end that it expects is one of
// the verifier's; and once the network is well again it shows what the verifier's own state says: nothing, the warning that is due
// unless exactly that end was dismissed, or the cover of the reason.
func TestDisorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, d := begin(drawTimes(t))
		sane := func() {
			if d.Orders.Wake < 1 || d.Orders.Wake > minute {
				t.Fatalf("the next wake is in %d ms", d.Orders.Wake)
			}
			if d.Orders.Ends < 0 || d.Orders.Ends > 2*24*60*minute {
				t.Fatalf("the page expects the end in %d ms", d.Orders.Ends)
			}
			if d.Orders.Show != nil && d.Orders.Cover != nil {
				t.Fatal("a warning and a cover at once")
			}
		}
		dismissed := deadline.Instant(0)
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range rapid.IntRange(0, 8).Draw(t, "disturbances") {
				disturb(t, v, d)
				sane()
			}
			settle(v, d)
			sane()
			state := deadline.Step(v.state, deadline.Tick{}, d.Now)
			near := func(one, other deadline.Instant) bool { return one-other < 2*second && other-one < 2*second }
			if ends := state.SessionEnds(); near(ends, d.Now) || near(state.SessionWarns(), d.Now) || near(ends-warning.LastMinute, d.Now) ||
				near(state.InactivityEnds(), d.Now) || near(state.InactivityWarns(), d.Now) || near(state.InactivityEnds(), ends) && ends != 0 {
				return // page and verifier may differ by a second
			}
			sees := func(want string) {
				if got := d.Screen(); got != want {
					t.Fatalf("the screen shows %q, want %q, with %+v at %d, dismissed %d", got, want, state, d.Now, dismissed)
				}
			}
			// Only what the verifier has heard of counts there, and here also the last activity, which it hears of in time.
			switch {
			case state.EndedAt != 0:
				sees(signedOut)
				if *d.Orders.Cover != warning.Ended(state.Reason) {
					t.Fatalf("the cover says %q for %s", d.Orders.Cover.Reason, state.Reason)
				}
				return
			case state.Warning(d.Now) == wire.WarnInactivity:
				sees(inactivity)
			case state.Warning(d.Now) == wire.WarnSession:
				if state.SessionEnds() == dismissed && !warning.InLastMinute(state, d.Now) {
					sees(page)
					break
				}
				if d.Orders.Show == nil && warning.InLastMinute(state, d.Now) && state.SessionEnds() == dismissed {
					break // dismissed twice
				}
				sees(session)
				if want := warning.Session(state, d.Now, warning.Inputs{}); d.Orders.Show.Reason != want.Reason || d.Orders.Show.Buttons != want.Buttons {
					t.Fatalf("the warning says %q, want %q", d.Orders.Show.Reason, want.Reason)
				}
				if rapid.Bool().Draw(t, "dismiss") {
					dismissed = state.SessionEnds()
					d.Choose(warning.Dismiss)
					sees(page)
				}
			default:
				sees(page)
			}
			if ends, _ := state.Ends(); (ends == deadline.Never) != (d.Orders.Ends == 0) {
				t.Fatalf("the page expects the end in %d ms; the verifier's is %d", d.Orders.Ends, ends)
			}
		}
	})
}
