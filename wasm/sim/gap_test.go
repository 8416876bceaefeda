package sim

import (
	"net/http"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
)

// A13, P1: a laptop asleep across the deadline. Its first mouse move covers the page within the same event and revives nothing.
func TestA13_SleepAcrossTheDeadline(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", 0, lan)
		p.works(5 * time.Minute)
		s.must(s.world.Sleep(p.browser, time.Hour))
		p.refused(string(wire.Inactivity))
		s.must(p.tab.MoveMouse())
		if got := p.tab.Screen(); got != "cover: One moment…" && got != signedOut {
			t.Fatalf("seed %d: in the moment of the first move the screen shows %q", seed, got)
		}
		s.pass(time.Second)
		p.sees(signedOut)
		for range 100 {
			p.acts()
			s.pass(time.Second)
			p.refused(string(wire.Inactivity))
		}
		p.sees(signedOut)
	})
}

// A13: the same with the session timeout, and with nobody touching the mouse: the page covers itself by its own timer.
func TestA13_SleepAcrossTheSessionEndWithoutTouch(t *testing.T) {
	s := newScene(t, only(), hour)
	p := s.signIn("laptop", 0, lan)
	p.works(5 * time.Minute)
	s.must(s.world.Sleep(p.browser, 3*time.Hour))
	p.refused(string(wire.SessionTimeout))
	s.pass(61 * time.Second)
	p.sees(signedOut)
}

// A13: a short sleep costs nothing but the time itself: the page is covered until the verifier has answered, and goes on as it was.
func TestA13_ShortSleepCostsNothing(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(3 * time.Minute)
	for range 5 {
		s.must(s.world.Sleep(p.browser, 8*time.Minute))
		s.must(p.tab.MoveMouse())
		p.sees(checking)
		s.pass(time.Second)
		p.sees(thePage)
		p.works(time.Minute)
		p.sees(thePage)
		if ok, why := p.admitted(); !ok {
			t.Fatalf("refused after a short sleep: %s", why)
		}
	}
}

// A13: asleep into the warning, the first move shows it, does not count, and the choice to stay does.
func TestA13_SleepIntoTheWarning(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(3 * time.Minute)
	p.acts()
	s.pass(90 * time.Second) // the verifier hears of it
	s.must(s.world.Sleep(p.browser, 12*time.Minute))
	s.must(p.tab.MoveMouse())
	s.pass(time.Second)
	p.sees(inactivity)
	p.click("Stay signed in")
	s.pass(time.Second)
	p.sees(thePage)
	p.works(10 * time.Minute)
	p.sees(thePage)
}

// A13: somebody sets the client's clock; nothing ends late, nobody at work is signed out.
func TestA13_ClockIsSet(t *testing.T) {
	for _, jump := range []time.Duration{-5 * time.Hour, -10 * time.Minute, 10 * time.Minute, 5 * time.Hour, 1000 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			s := newScene(t, only(), idle)
			p := s.signIn("laptop", 0, lan)
			p.works(3 * time.Minute)
			p.browser.SetClock(jump)
			p.works(3 * time.Minute)
			if jump < 0 || jump < 13*time.Minute {
				p.sees(thePage)
			}
			if ok, why := p.admitted(); !ok {
				t.Fatalf("a person at work is refused: %s", why)
			}
			p.sees(thePage)
			s.pass(15*time.Minute + time.Second)
			p.sees(signedOut)
			p.refused(string(wire.Inactivity))
		})
	}
}

// A13: a frozen tab is judged when it thaws, before anything in it can be seen to go on.
func TestA13_FrozenAcrossTheDeadline(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(2 * time.Minute)
	p.tab.Hide()
	s.pass(5 * time.Minute)
	p.tab.Freeze()
	s.pass(time.Hour)
	p.refused(string(wire.Inactivity))
	s.must(p.tab.Show())
	if got := p.tab.Screen(); got != "cover: One moment…" && got != signedOut {
		t.Fatalf("the thawed tab shows %q", got)
	}
	s.pass(time.Second)
	p.sees(signedOut)
}

// A13: a hidden page's timers run once a second and later once a minute. It is covered at the latest when somebody looks at it.
func TestA13_HiddenAndThrottled(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(2 * time.Minute)
	p.tab.Hide()
	s.pass(14*time.Minute + 59*time.Second)
	s.pass(2 * time.Second)
	p.refused(string(wire.Inactivity))
	s.must(p.tab.Show())
	if p.tab.Screen() == thePage {
		t.Error("a hidden page is seen again after its session's end")
	}
	s.pass(time.Second)
	p.sees(signedOut)
}

// The network is gone for ten minutes: nothing is lost. The page says nothing technical meanwhile.
func TestNetworkGoneForTenMinutes(t *testing.T) {
	for name, gone := range map[string]func(p *person, gone bool){
		"offline": func(p *person, gone bool) { p.browser.Network.Offline = gone },
		"silent":  func(p *person, gone bool) { p.browser.Network.Silent = gone },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, only(), idle)
			p := s.signIn("laptop", 2*time.Minute, lan)
			p.works(5 * time.Minute)
			gone(p, true)
			p.works(10 * time.Minute)
			p.sees(thePage)
			p.acts()
			acted := s.world.Now()
			gone(p, false)
			s.pass(2 * time.Minute)
			p.sees(thePage)
			if ok, why := p.admitted(); !ok {
				t.Fatalf("refused after the network is back: %s", why)
			}
			reply, _ := p.lastReply()
			within(t, "the last activity that the verifier knows, after the real one", time.UnixMilli(reply.Active).Sub(acted), 0, time.Second)
		})
	}
}

// P1, D5: a network that is gone for longer than the inactivity timeout ends the session at the verifier's deadline, with the warning
// before, although the person worked all the time; and it stays ended when the network is back.
func TestP1_NetworkGoneForTooLong(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", -time.Minute, lan)
		p.works(5 * time.Minute)
		p.browser.Network.Silent = true
		ends := p.deadline()
		p.works(ends.Sub(s.world.Now()) - time.Minute)
		p.sees(inactivity)
		p.works(ends.Sub(s.world.Now()) - time.Second)
		p.sees(inactivity)
		s.pass(2 * time.Second)
		if p.tab.Screen() == thePage || p.tab.Screen() == inactivity {
			t.Fatalf("seed %d: a second after the verifier's deadline the screen shows %q", seed, p.tab.Screen())
		}
		p.refused(string(wire.Inactivity))
		p.works(5 * time.Minute)
		p.browser.Network.Silent = false
		p.works(time.Minute)
		p.sees(signedOut)
		p.refused(string(wire.Inactivity))
	})
}

// A verifier that cannot answer is not hammered by every page that it has, and when it can again, nothing is lost.
func TestVerifierUnavailableForTenMinutes(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(3 * time.Minute)
	s.world.Serve(origin, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.WriteRefusal(w, wire.Refusal{Error: wire.Unavailable})
	}))
	sent := len(p.beats())
	p.works(10 * time.Minute)
	p.sees(thePage)
	if n := len(p.beats()) - sent; n < 3 || n > 20 {
		t.Errorf("%d heartbeats in ten minutes without an answer", n)
	}
	s.world.Serve(origin, s.site.mux)
	p.works(2 * time.Minute)
	p.sees(thePage)
	if ok, why := p.admitted(); !ok {
		t.Errorf("refused afterwards: %s", why)
	}
}

// P2: a bad network, which loses a tenth of everything and is slow, signs nobody out who works.
func TestP2_LossyNetwork(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", time.Hour, lan)
		p.browser.Network = slow
		p.browser.Network.MaxLatency, p.browser.Network.LoseRequest, p.browser.Network.LoseAnswer = 2*time.Second, .1, .1
		for range 120 {
			p.works(time.Minute)
			p.sees(thePage)
			if ok, why := p.admitted(); !ok {
				t.Fatalf("seed %d: refused after %s: %s", seed, s.passed(), why)
			}
		}
	})
}
