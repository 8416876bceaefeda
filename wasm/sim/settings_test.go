package sim

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/audit"
)

// soon is within which time after a change every page that is open goes by it (A12).
const soon = 3 * time.Second

// inBubble runs a simulation whose pages have event streams.
func inBubble(t *testing.T, seed uint64, times policy.Settings, run func(t *testing.T, s *scene)) {
	t.Helper()
	if _, err := module(); err != nil { // what is compiled once belongs to no bubble
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, seed, times)
		s.world.InBubble(time.Sleep, synctest.Wait)
		defer s.world.Close()
		run(t, s)
	})
}

// comesTo waits until the screen shows something, and fails the test when that takes longer than it may, or when anything covers the
// page meanwhile.
func (p *person) comesTo(want string, most time.Duration) {
	p.Helper()
	for passed := time.Duration(0); p.tab.Screen() != want; passed += 50 * time.Millisecond {
		if screen := p.tab.Screen(); passed > most || strings.HasPrefix(screen, "cover") {
			p.Fatalf("seed %d: %s after the change the screen shows %q, want %q", p.seed, passed, screen, want)
		}
		p.pass(50 * time.Millisecond)
	}
}

func inactiveAfter(timeout time.Duration) policy.Settings {
	times := idle
	times.InactivityTimeout = timeout
	return times
}

// A12: other settings reach an open page within seconds, without a new sign-in: it warns, goes on warning and stops by them, in every
// tab, and both ends agree on when the session ends. Nobody gets less than the full warning.
func TestA12_ChangedSettingsReachOpenPages(t *testing.T) {
	for seed := only(); seed < only()+4; seed++ {
		inBubble(t, seed, idle, func(t *testing.T, s *scene) {
			p := s.signIn("laptop", time.Duration(s.dice.Int64N(int64(200*time.Hour)))-100*time.Hour, slow)
			s.pass(2 * time.Second) // the stream is opened when the page's own load is done
			other := p.secondTab()
			s.pass(9 * time.Minute)
			p.sees(thePage)
			before := len(p.beats())

			s.site.set(inactiveAfter(6 * time.Minute))
			p.comesTo(inactivity, soon)
			other.comesTo(inactivity, time.Second)

			s.pass(10 * time.Second)
			s.site.set(inactiveAfter(time.Hour))
			p.comesTo(thePage, soon)
			other.comesTo(thePage, time.Second)

			s.pass(2 * time.Second)
			s.site.set(inactiveAfter(6 * time.Minute))
			p.comesTo(inactivity, soon)
			if sent := len(p.beats()) - before; sent > 5 {
				t.Errorf("seed %d: %d heartbeats for three changes", seed, sent)
			}
			warned := s.world.Now()
			s.pass(2*time.Minute - soon - time.Second)
			p.sees(inactivity)
			other.sees(inactivity)
			if ok, why := p.admitted(); !ok {
				t.Fatalf("seed %d: refused %s after the warning: %s", seed, s.world.Now().Sub(warned), why)
			}
			s.pass(soon + 2*time.Second)
			p.refused("inactivity")
			p.sees(signedOut)
			other.sees(signedOut)
			if n := len(s.site.events(audit.SignIn)); n != 1 {
				t.Errorf("seed %d: %d sign-ins", seed, n)
			}
		})
	}
}

// A12: a change that comes while no stream is open is told when the next one is: here the network was away.
func TestA12_ChangeWhileNobodyListened(t *testing.T) {
	inBubble(t, only(), idle, func(t *testing.T, s *scene) {
		p := s.signIn("laptop", 0, lan)
		s.pass(6 * time.Minute)                               // the stream is the first one still, and so old that a new one is asked for at once when it breaks
		for sent := len(p.beats()); len(p.beats()) == sent; { // the next heartbeat by itself is a minute away
			s.pass(time.Second)
		}
		s.pass(time.Second)
		p.browser.Network.Offline = true
		s.site.set(inactiveAfter(6 * time.Minute))
		s.pass(soon)
		p.sees(thePage)
		p.browser.Network.Offline = false
		p.comesTo(inactivity, 15*time.Second)
	})
}
