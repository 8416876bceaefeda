package deadline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

const (
	second = int64(1000)
	minute = 60 * second
	start  = int64(1_800_000_000_000)
)

// example has a session of an hour with 20 minutes of warning and an inactivity timeout of 15 minutes with 2 of warning.
func example() State {
	return Begin(policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute,
		InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}, start)
}

func TestA1A3_EndsExactlyAtTheDeadline(t *testing.T) {
	for _, c := range []struct {
		name    string
		at      Instant
		phase   wire.Phase
		warning wire.Warning
	}{
		{"begin", 0, wire.Active, wire.WarnNone},
		{"A4 a millisecond before the warning", 13*minute - 1, wire.Active, wire.WarnNone},
		{"A4 the warning", 13 * minute, wire.Warned, wire.WarnInactivity},
		{"A3 a millisecond before the end", 15*minute - 1, wire.Warned, wire.WarnInactivity},
		{"A3 the end", 15 * minute, wire.Ended, wire.WarnNone},
	} {
		s := Step(example(), Tick{}, start+c.at)
		if got := s.Phase(start + c.at); got != c.phase {
			t.Errorf("%s: phase %s, want %s", c.name, got, c.phase)
		}
		if got := s.Warning(start + c.at); got != c.warning {
			t.Errorf("%s: warning %q, want %q", c.name, got, c.warning)
		}
	}
	// D6: noticed late, the end is still the deadline itself.
	if s := Step(example(), Tick{}, start+20*minute); s.EndedAt != start+15*minute || s.Reason != wire.Inactivity {
		t.Errorf("ended at %d for %s, want the deadline for inactivity", s.EndedAt-start, s.Reason)
	}
	active := Step(example(), Report{At: start + 14*minute}, start+14*minute)
	for at := 15 * minute; at <= 59*minute; at += minute {
		active = Step(active, Report{At: start + at}, start+at)
	}
	if got := active.Warning(start + 59*minute); got != wire.WarnSession {
		t.Errorf("A2: warning %q a minute before the session ends, want session", got)
	}
	if s := Step(active, Report{At: start + 60*minute - 1}, start+60*minute); s.Reason != wire.SessionTimeout || s.EndedAt != start+60*minute {
		t.Errorf("A1: %s at %d; activity must not extend the session", s.Reason, s.EndedAt-start)
	}
}

func TestA4_OnlyAnExplicitChoiceContinuesOnceTheWarningShows(t *testing.T) {
	now := start + 14*minute
	if s := Step(example(), Activity{At: now}, now); s.Active != start {
		t.Error("activity during the warning counted")
	}
	if s := Step(example(), Activity{At: start + 13*minute - 1}, now); s.Active != start+13*minute-1 {
		t.Error("activity before the warning did not count because it was judged during it")
	}
	if s := Step(example(), Stay{At: now}, now); s.InactivityEnds() != now+15*minute || s.SessionEnds() != start+60*minute {
		t.Error("the choice to stay must move the inactivity deadline and nothing else")
	}
	lenient := example()
	lenient.Settings.AnyActivityStays = true
	if s := Step(lenient, Activity{At: now}, now); s.Active != now {
		t.Error("with AnyActivityStays activity during the warning must count")
	}
}

func TestA13_TheEventThatWakesIsJudgedAgainstTheDeadlineBeforeIt(t *testing.T) {
	for _, event := range []Event{Activity{At: start + 16*minute}, Report{At: start + 14*minute}, Stay{At: start + 14*minute},
		Change{Settings: policy.Defaults()}, End{Reason: wire.SignedOut}} {
		if s := Step(example(), event, start+16*minute); s.EndedAt != start+15*minute || s.Reason != wire.Inactivity {
			t.Errorf("%#v after the deadline: ended at %d for %q", event, s.EndedAt-start, s.Reason)
		}
	}
}

func TestA12_TighteningLeavesTheFullWarning(t *testing.T) {
	now := start + 10*minute
	tight := policy.Settings{SessionTimeout: 5 * time.Minute, SessionWarning: 3 * time.Minute,
		InactivityTimeout: 4 * time.Minute, InactivityWarning: time.Minute}
	s := Step(example(), Change{tight}, now)
	if s.SessionEnds() != now+3*minute || s.InactivityEnds() != now+minute {
		t.Errorf("session ends in %d and inactivity in %d ms, want the full warnings", s.SessionEnds()-now, s.InactivityEnds()-now)
	}
	again := Step(s, Change{tight}, now+30*second)
	if again.SessionEnds() != s.SessionEnds() || again.InactivityEnds() != s.InactivityEnds() {
		t.Error("repeating a change moved a deadline")
	}
	off := tight
	off.InactivityTimeout = 0
	if s := Step(example(), Change{off}, now); s.InactivityEnds() != 0 {
		t.Error("inactivity is off but has a deadline")
	}
	on := Step(Begin(off, start), Change{policy.Settings{SessionTimeout: time.Hour, SessionWarning: time.Minute,
		InactivityTimeout: 5 * time.Minute, InactivityWarning: 2 * time.Minute}}, start+2*minute)
	if on.InactivityEnds() != start+5*minute {
		t.Errorf("inactivity switched on ends in %d ms", on.InactivityEnds()-start)
	}
}

// A7: while the provider cannot be asked, the session has a deadline that leaves the full warning, and that only the provider's
// answer takes away.
func TestA7_TheProvidersSilenceHasADeadline(t *testing.T) {
	free := Begin(policy.Settings{SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute}, start)
	if ends, reason := free.Ends(); ends != Never || reason != "" || free.Ended(start+1000*24*60*minute) || free.Next(start) != 0 || free.SessionWarns() != 0 {
		t.Fatalf("A5: without a session timeout the session ends at %d for %q", ends, reason)
	}
	now := start + 60*minute
	silent := Step(free, Unconfirmed{By: now + 5*minute}, now)
	if ends, reason := silent.Ends(); ends != now+20*minute || reason != wire.PolicyCheckOverdue || silent.Warning(now) != wire.WarnSession {
		t.Errorf("ends %d ms later for %q, want the full warning of 20 minutes", ends-now, reason)
	}
	if again := Step(silent, Unconfirmed{By: now + 500*minute}, now+minute); again != silent {
		t.Error("a second failure moved the deadline")
	}
	if kept := Step(silent, Change{policy.Settings{SessionWarning: 30 * time.Second, InactivityWarning: time.Minute}}, now+minute); kept.CheckBy != silent.CheckBy {
		t.Error("other settings moved the deadline")
	}
	if good := Step(silent, Confirmed{}, now+minute); good != free {
		t.Errorf("after the provider's answer: %+v", good)
	}
	if over := Step(silent, Confirmed{}, now+20*minute); over.Reason != wire.PolicyCheckOverdue || over.EndedAt != now+20*minute {
		t.Errorf("an answer that comes too late revived the session: %+v", over)
	}
	// A8: a custom timeout that is earlier wins.
	custom := Step(example(), Unconfirmed{By: start + 480*minute}, start+minute)
	if custom.SessionEnds() != start+60*minute || custom.SessionReason() != wire.SessionTimeout {
		t.Errorf("the custom timeout does not win: %d for %s", custom.SessionEnds()-start, custom.SessionReason())
	}
}

// D5: a session without a deadline of its own ends when its browser does not come back, and each word of the provider puts that off.
func TestD5_ASessionThatIsLeftLapses(t *testing.T) {
	s := Begin(policy.Settings{SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute}, start)
	s = Step(s, Confirmed{Lapses: start + 100*minute}, start)
	if ends, reason := s.Ends(); ends != start+100*minute || reason != wire.AgentSilent || s.SessionEnds() != 0 || s.Warning(ends-1) != wire.WarnNone {
		t.Errorf("ends %d for %q, warning %q", ends-start, reason, s.Warning(ends-1))
	}
	s = Step(s, Confirmed{Lapses: start + 200*minute}, start+99*minute)
	s = Step(s, Confirmed{Lapses: start + 150*minute}, start+99*minute)
	s = Step(s, Change{Settings: s.Settings}, start+99*minute)
	if over := Step(s, Tick{}, start+200*minute); over.EndedAt != start+200*minute || over.Reason != wire.AgentSilent {
		t.Errorf("ended at %d for %q", over.EndedAt-start, over.Reason)
	}
}

// drawEvent draws any event with any instant around now, including the future and long ago.
func drawEvent(t *rapid.T, now Instant) Event {
	at := now + rapid.Int64Range(-30*minute, 30*minute).Draw(t, "at")
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return Activity{At: at}
	case 1:
		return Report{At: at}
	case 2:
		return Stay{At: at}
	case 3:
		return Change{Settings: drawSettings(t)}
	case 4:
		return End{Reason: rapid.SampledFrom(wire.Reasons()).Draw(t, "reason")}
	case 5:
		return Unconfirmed{By: at}
	case 6:
		return Confirmed{Lapses: at}
	}
	return Tick{}
}

func drawSettings(t *rapid.T) policy.Settings {
	seconds := func(name string, least, most int64) time.Duration {
		return time.Duration(rapid.Int64Range(least, most).Draw(t, name)) * time.Second
	}
	session := seconds("session", 60, 7200)
	s := policy.Settings{SessionTimeout: session, SessionWarning: seconds("warning", 20, int64(session/time.Second)-1),
		InactivityWarning: 20 * time.Second, AnyActivityStays: rapid.Bool().Draw(t, "any")}
	if rapid.IntRange(0, 3).Draw(t, "provider mode") == 0 {
		s.SessionTimeout = 0
	}
	if rapid.Bool().Draw(t, "inactivity on") {
		s.InactivityTimeout = seconds("inactivity", 30, int64(session/time.Second)-1)
	}
	return s
}

// P1, P4, P5, D6: whatever happens in whatever order, with a clock that may go back.
func TestP1P4P5_Step(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := start
		s := Begin(drawSettings(t), now)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += rapid.Int64Range(-minute, 20*minute).Draw(t, "passes")
			event := drawEvent(t, now)
			before := s
			s = Step(s, event, now)
			judged := max(now, before.Began, before.Active)

			if before.EndedAt != 0 && s != before {
				t.Fatalf("P4: %#v changed an ended session", event)
			}
			if ends, reason := before.Ends(); before.EndedAt == 0 && judged >= ends && (s.EndedAt != ends || s.Reason != reason) {
				t.Fatalf("P1: after the deadline %#v left ended at %d (%s), want %d (%s)", event, s.EndedAt, s.Reason, ends, reason)
			}
			if s.Active < before.Active || s.Active > judged {
				t.Fatalf("activity went from %d to %d at %d", before.Active, s.Active, judged)
			}
			if s.Began != before.Began {
				t.Fatal("the beginning moved")
			}
			_, changed := event.(Change)
			switch event.(type) {
			case Activity, Report, Stay:
			default:
				if s.Active != before.Active {
					t.Fatalf("P5: %#v moved the activity", event)
				}
			}
			if !changed && s.timeoutEnds() != before.timeoutEnds() {
				t.Fatalf("A1: %#v moved the session's end", event)
			}
			_, unconfirmed := event.(Unconfirmed)
			_, confirmed := event.(Confirmed)
			if s.EndedAt == 0 && s.CheckBy != before.CheckBy && (!confirmed || s.CheckBy != 0) && (!unconfirmed || before.CheckBy != 0) {
				t.Fatalf("A7: %#v moved the provider's deadline from %d to %d", event, before.CheckBy, s.CheckBy)
			}
			if s.EndedAt == 0 && (changed || unconfirmed) && s.SessionEnds() != 0 {
				least := judged + millis(s.Settings.SessionWarning)
				if was := before.SessionEnds(); was != 0 {
					least = min(least, was)
				}
				if s.SessionEnds() < least {
					t.Fatalf("A12 P3: %#v ends the session %d ms early", event, least-s.SessionEnds())
				}
			}
			if next := s.Next(now); next != 0 && (next <= now || s.Phase(next-1) != s.Phase(now) || s.Warning(next-1) != s.Warning(now)) {
				t.Fatalf("Next(%d) = %d, but the phase changes before", now, next)
			}
			if s.EndedAt != 0 && s.Phase(max(now, s.EndedAt)) != wire.Ended {
				t.Fatal("an ended session has another phase")
			}
		}
	})
}

// D2: applying the reports one by one or only the last gives the same deadlines, so a lost heartbeat costs nothing once a
// later one arrives in time.
func TestReportsAreMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ats := rapid.SliceOfN(rapid.Int64Range(0, 14*minute), 1, 10).Draw(t, "reports")
		now := start + 14*minute
		all, latest := example(), int64(0)
		for _, at := range ats {
			all = Step(all, Report{At: start + at}, now)
			latest = max(latest, at)
		}
		if one := Step(example(), Report{At: start + latest}, now); one != all {
			t.Fatalf("%d one by one, %d at once", all.Active, one.Active)
		}
	})
}
