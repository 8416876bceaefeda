package agent_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
)

var replay = flag.Uint64("seed", 0, "run every simulation with this seed only")

// seeds runs a simulation with each seed from 1 to n, or with the one that -seed asks for.
func seeds(t *testing.T, n uint64, run func(t *testing.T, seed uint64)) {
	first, last := uint64(1), n
	if *replay != 0 {
		first, last = *replay, *replay
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { run(t, seed) })
	}
}

func dice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// counts are what a verifier was asked.
type counts struct{ accepted, replayed, nonces, stays int }

// counted is a verifier that counts.
func counted(v *verifier, c *counts) agenttest.Verifier {
	return func(r agent.Request, now int64) (wire.Reply, error) {
		reply, err := v.answer(r, now)
		var refused *agent.Refused
		switch {
		case err == nil:
			c.accepted++
			if r.Beat.Stay {
				c.stays++
			}
		case errors.As(err, &refused) && refused.Refusal.Error == wire.Replayed:
			c.replayed++
		case errors.As(err, &refused) && refused.Refusal.Error == wire.UseNonce:
			c.nonces++
		}
		return reply, err
	}
}

// several opens so many tabs at once, all of them seen.
func several(seed uint64, n int) (*verifier, *counts, *agenttest.Browser) {
	v, c := newVerifier(times), &counts{}
	b := agenttest.NewBrowser(start, dice(seed), counted(v, c))
	for range n {
		b.Open()
	}
	b.Pass(5 * second)
	return v, c, b
}

func expectAll(t *testing.T, b *agenttest.Browser, want string) {
	t.Helper()
	for i, tab := range b.Tabs {
		if got := tab.Screen(); got != want {
			t.Fatalf("%ds after the start tab %d shows %q, want %q", (b.Now-start)/second, i, got, want)
		}
	}
}

func leader(t *testing.T, b *agenttest.Browser) *agenttest.Tab {
	t.Helper()
	for _, tab := range b.Tabs {
		if tab.Leads() {
			return tab
		}
	}
	t.Fatal("no tab leads")
	return nil
}

// A14: of many tabs one sends, nothing collides, and work in any of them counts for all.
func TestA14_OneTabSendsForAll(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		v, c, b := several(seed, 6)
		if c.nonces != 1 || c.accepted > 2 {
			t.Errorf("six tabs began with %+v", *c)
		}
		*c = counts{}
		for range 60 {
			b.Tabs[b.Dice.IntN(len(b.Tabs))].Act()
			b.Pass(minute)
			expectAll(t, b, page)
			if behind := b.Now - v.state.Active; behind > 3*minute+10*second {
				t.Fatalf("seed %d: the verifier's last activity is %d s old", seed, behind/second)
			}
		}
		if c.replayed != 0 || c.nonces != 0 || c.accepted > 75 {
			t.Errorf("seed %d: in an hour of six tabs: %+v", seed, *c)
		}
	})
}

// A4 A14 P5: one choice to stay extends once, in whichever tab it is made, and closes the warning in all.
func TestA14_OneChoiceExtendsOnce(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		v, c, b := several(seed, 4)
		b.Pass(13*minute + 10*second)
		expectAll(t, b, inactivity)
		chosen := b.Now
		b.Tabs[b.Dice.IntN(len(b.Tabs))].Choose(warning.Stay)
		b.Pass(2 * second)
		expectAll(t, b, page)
		if c.stays != 1 || v.state.Active < chosen-100 || v.state.Active > chosen+100 {
			t.Errorf("seed %d: %d choices reached the verifier; its last activity is %d ms from the choice", seed, c.stays, v.state.Active-chosen)
		}
		// That the others saw it is no activity: without any the warning comes when it must.
		b.Pass(13*minute - 10*second)
		expectAll(t, b, page)
		b.Pass(20 * second)
		expectAll(t, b, inactivity)
		b.Pass(2 * minute)
		expectAll(t, b, signedOut)
	})
}

// A2 A14: a warning that is dismissed in one tab is dismissed in all, and in the pages that come later.
func TestA2_A14_DismissedInAll(t *testing.T) {
	s := times
	s.InactivityTimeout = 0
	v := newVerifier(s)
	b := agenttest.NewBrowser(start, dice(1), v.answer)
	for range 3 {
		b.Open()
	}
	b.Pass(v.state.SessionEnds() - 15*minute - b.Now)
	expectAll(t, b, session)
	b.Tabs[1].Choose(warning.Dismiss)
	kept := b.Tabs[1].Orders.Keep
	b.Pass(second)
	expectAll(t, b, page)
	for memory, want := range map[string]string{kept: page, "another" + kept: session, "": session, "sid": session} {
		later := b.Open()
		later.Machine.Remember(memory)
		b.Pass(2 * second)
		expect(t, &later.Drive, want)
		if warned := slices.Contains(told(&later.Drive), agent.Warning); warned != (want == session) {
			t.Errorf("with the memory %q the page was warned: %v", memory, warned)
		}
		b.Crash(later)
	}
	b.Pass(14*minute - b.Now + v.state.SessionEnds() - 15*minute + second)
	expectAll(t, b, session)
}

// B4 A14: a sign-out in one tab covers all others at once, and waits until its page has saved its work, at most three seconds.
func TestA14_A15_SignOutCoversAll(t *testing.T) {
	for _, saving := range []int64{0, 2 * second, minute} {
		v, _, b := several(1, 5)
		tab := b.Tabs[3]
		tab.Saving = saving
		tab.Choose(warning.SignOut)
		b.Pass(min(saving, 3*second) - 10)
		if saving > 0 && v.state.EndedAt != 0 {
			t.Errorf("the sign-out did not wait for %d ms", saving)
		}
		b.Pass(200)
		if v.state.Reason != wire.SignedOut {
			t.Fatalf("saving %d ms: the session is %q", saving, v.state.Reason)
		}
		expectAll(t, b, signedOut)
	}
}

// A13 A14: a leader that hangs, freezes or crashes blocks nobody for longer than its lease, and what it does when it comes back
// extends nothing.
func TestA13_A14_DeadLeaderNeitherBlocksNorExtends(t *testing.T) {
	stops := map[string]func(*agenttest.Browser, *agenttest.Tab){
		"hang":   func(_ *agenttest.Browser, tab *agenttest.Tab) { tab.Hang() },
		"freeze": func(_ *agenttest.Browser, tab *agenttest.Tab) { tab.Freeze() },
		"crash":  func(b *agenttest.Browser, tab *agenttest.Tab) { b.Crash(tab) },
	}
	for name, stop := range stops {
		t.Run(name, func(t *testing.T) {
			seeds(t, 5, func(t *testing.T, seed uint64) {
				v, c, b := several(seed, 4)
				dead := leader(t, b)
				others := make([]*agenttest.Tab, 0, 3)
				for _, tab := range b.Tabs {
					if tab != dead {
						others = append(others, tab)
					}
				}
				stop(b, dead)
				var acted int64
				for range 30 {
					acted = b.Now
					others[b.Dice.IntN(len(others))].Act()
					b.Pass(minute)
					for _, tab := range others {
						expect(t, &tab.Drive, page)
					}
					if behind := b.Now - v.state.Active; behind > 3*minute+10*second {
						t.Fatalf("seed %d: the verifier's last activity is %d s old", seed, behind/second)
					}
				}
				if name != "crash" {
					dead.Go(name == "freeze")
					b.Pass(5 * second)
					expectAll(t, b, page)
				}
				if moved := v.state.Active - acted; moved > 0 {
					t.Errorf("seed %d: the last activity is %d ms later than anybody did anything", seed, moved)
				}
				if c.replayed > 2 {
					t.Errorf("seed %d: %+v", seed, *c)
				}
				b.Pass(16 * minute)
				expectAll(t, b, signedOut)
			})
		})
	}
}

// A14: what is seen leads, so that the timers of a hidden page delay nobody.
func TestA14_TheSeenTabLeads(t *testing.T) {
	_, _, b := several(1, 3)
	for _, tab := range b.Tabs {
		tab.Show(false)
	}
	for _, tab := range b.Tabs {
		tab.Show(true)
		b.Pass(2 * second)
		if !tab.Leads() {
			t.Fatal("the tab that came to the front does not lead")
		}
		tab.Show(false)
		b.Pass(2 * second)
	}
}

// A13 A14: after a sleep every page is covered before anything is sent, and comes back with the answer; when a deadline has passed
// meanwhile, the event that woke the page does not move it.
func TestA13_A14_SleepCoversAll(t *testing.T) {
	for _, length := range []int64{minute, 10 * minute, 60 * minute} {
		v, _, b := several(1, 5)
		b.Tabs[4].Show(false)
		b.Pass(20 * second)
		b.Sleep(length)
		for _, tab := range b.Tabs {
			tab.Act()
			tab.Gap() // the loader covers within the event
			expect(t, &tab.Drive, checking)
		}
		b.Pass(3 * second)
		if length < 15*minute {
			expectAll(t, b, page)
			continue
		}
		expectAll(t, b, signedOut)
		if v.state.Reason != wire.Inactivity {
			t.Errorf("ended by %q", v.state.Reason)
		}
	}
}

// A13: a clock that somebody sets moves nothing; the page only asks once more.
func TestA13_A14_ClockMovesNothing(t *testing.T) {
	for _, by := range []int64{-24 * 60 * minute, -time10, time10, 24 * 60 * minute} {
		v, c, b := several(1, 3)
		before := *c
		b.SetClock(by)
		b.Pass(2 * minute)
		expectAll(t, b, page)
		if asked := c.accepted - before.accepted; asked > 8 || c.replayed > 0 {
			t.Errorf("clock moved by %d s: %d heartbeats in two minutes, %d replayed", by/second, asked, c.replayed)
		}
		b.Pass(v.state.InactivityWarns() - b.Now + 2*second)
		expectAll(t, b, inactivity)
	}
}

const time10 = 10 * minute

// A14: an older answer never shortens or lengthens what a newer one said, however late it comes.
func TestA14_OlderMessagesChangeNothing(t *testing.T) {
	_, _, b := several(1, 2)
	follower := b.Tabs[0]
	if follower.Leads() {
		follower = b.Tabs[1]
	}
	older := tabs.Message{Kind: tabs.State, Wall: b.Now, SID: "sid", Key: "", Reply: wire.Reply{
		Now: b.Now, Phase: wire.Active, Began: start - 9*60*minute, Active: b.Now + 60*minute, Seq: 0, Interval: minute,
		Settings: wire.Settings{SessionTimeout: 1000 * 60 * minute, InactivityTimeout: 900 * minute},
	}}
	b.Pass(2 * minute)
	older.Wall = b.Now
	follower.Hear(older)
	b.Pass(11*minute + 10*second)
	expect(t, &follower.Drive, inactivity)

	// One that lay in a frozen page's queue says nothing about now, even if its number is higher.
	stale := older
	stale.Wall, stale.Reply.Seq = b.Now-5*second, 1000
	follower.Hear(stale)
	expect(t, &follower.Drive, inactivity)
}

// A15: a page that is over goes on when its user is back, and is cleared for anybody else.
func TestA15_TheSameUserGoesOn(t *testing.T) {
	for _, next := range []string{"anna", "bo"} {
		v, _, b := several(1, 3)
		b.Pass(16 * minute)
		expectAll(t, b, signedOut)
		v.state, v.sid, v.user, v.seq = deadline.Begin(times, b.Now), "second", next, 0
		for _, tab := range b.Tabs {
			tab.Hear(tabs.Message{Kind: tabs.Renewed, Wall: b.Now})
		}
		b.Pass(2 * second)
		if next == "anna" {
			expectAll(t, b, page)
			for _, tab := range b.Tabs {
				if last := tab.Told[len(tab.Told)-1]; last.Type != agent.Resumed {
					t.Errorf("the page was told %+v at last", last)
				}
			}
			continue
		}
		for _, tab := range b.Tabs {
			if tab.Screen() == page || !tab.Cleared {
				t.Errorf("for another user the page shows %q, cleared: %v", tab.Screen(), tab.Cleared)
			}
		}
	}
}

// A15 P6: an answer that was under way when the session ended uncovers nothing.
func TestA15_LateAnswerDoesNotUncover(t *testing.T) {
	_, _, b := several(1, 2)
	lead := leader(t, b)
	lead.Latency = 2 * second
	b.Pass(minute - 3*second)
	for lead.Sent < 4 && b.Now < start+5*minute {
		b.Pass(100)
	}
	lead.Hear(tabs.Message{Kind: tabs.Over, Wall: b.Now, SID: "sid", Reason: wire.SignedOut})
	expect(t, &lead.Drive, signedOut)
	b.Pass(10 * second)
	expect(t, &lead.Drive, signedOut)
}

// A14 P2: two hundred tabs that open, hide, freeze, hang and die at random, and fewer with other seeds. Whoever works is never warned nor
// signed out, and the verifier is not flooded; whoever is gone is signed out.
func TestA14_P2_HundredsOfTabsAtRandom(t *testing.T) {
	seeds(t, 12, func(t *testing.T, seed uint64) {
		many := 200
		if seed > 1 {
			many = 50 // it takes time as the square
		}
		v, c, b := several(seed, 1)
		at := b.Tabs[0] // where the person works
		var stopped []*agenttest.Tab
		opened := 1
		for opened < many {
			switch dice := b.Dice.IntN(12); {
			case dice < 5:
				tab := b.Open()
				opened++
				if b.Dice.IntN(2) == 0 {
					tab.Show(false)
				} else {
					at.Show(false)
					at = tab
				}
			case dice < 9 && len(b.Tabs) > 1:
				tab := b.Tabs[b.Dice.IntN(len(b.Tabs))]
				if tab == at {
					break
				}
				switch b.Dice.IntN(3) {
				case 0:
					b.Crash(tab)
				case 1:
					tab.Hang()
					stopped = append(stopped, tab)
				default:
					tab.Show(false)
				}
			case dice < 10 && len(stopped) > 0:
				tab := stopped[0]
				stopped = stopped[1:]
				tab.Go(false)
			}
			for range 1 + b.Dice.IntN(4) {
				at.Act()
				b.Pass(10 * second)
				expect(t, &at.Drive, page)
			}
		}
		passed := (b.Now - start) / minute
		if limit := passed + 2*int64(many); int64(c.accepted) > limit || c.replayed > 5 || c.nonces > 5 {
			t.Errorf("seed %d: %+v in %d minutes of %d tabs", seed, *c, passed, many)
		}
		if behind := b.Now - v.state.Active; behind > 3*minute {
			t.Errorf("seed %d: the verifier's last activity is %d s old", seed, behind/second)
		}
		t.Logf("seed %d: %d minutes, %d tabs live at last: %+v", seed, passed, len(b.Tabs), *c)
		b.Pass(16 * minute)
		expect(t, &at.Drive, signedOut)
	})
}
