package sim

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/simbrowser"
)

// secondTab opens the application once more in the same browser.
func (p *person) secondTab() *person {
	p.Helper()
	other := &person{scene: p.scene, browser: p.browser, tab: p.browser.Open(origin + "/patients/7")}
	p.watch(other.tab)
	other.arrives()
	return other
}

// A14: the tabs of one browser use one session and one key, and one of them sends for all: nothing collides.
func TestA14_TwoTabsShareOneSession(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", 0, slow)
		other := p.secondTab()
		for range 30 {
			p.works(time.Minute)
			other.works(time.Minute)
			if ok, why := p.admitted(); !ok {
				t.Fatalf("seed %d: refused after %s: %s", seed, s.passed(), why)
			}
		}
		if got := p.statuses(); got[200] < 48 || got[200] > 75 || got[409] > 0 || got[401] > 1 {
			t.Errorf("seed %d: an hour's heartbeats by their status: %v", seed, got)
		}
		p.sees(thePage)
		other.sees(thePage)
	})
}

// statuses counts the browser's heartbeats by the status of the answer.
func (p *person) statuses() map[int]int {
	found := map[int]int{}
	for _, beat := range p.beats() {
		found[beat.Status]++
	}
	return found
}

// A14: browsers without channels or locks take the simpler path, in which every tab sends, and are as right.
func TestA14_WithoutLocksOrChannels(t *testing.T) {
	for _, lacks := range []string{"BroadcastChannel", "locks", "navigator"} {
		s := newScene(t, only(), idle)
		b := s.world.NewBrowser("old", 0)
		b.Network, b.Lacks = lan, []string{lacks}
		p := &person{scene: s, browser: b, tab: b.Open(origin + "/patients")}
		s.watch(p.tab)
		p.arrives()
		other := p.secondTab()
		for range 20 {
			p.works(time.Minute)
			p.sees(thePage)
			other.sees(thePage)
		}
		s.pass(16 * time.Minute)
		p.sees(signedOut)
		other.sees(signedOut)
	}
}

// A13 A14 P2: tabs that open, hide, freeze, hang, crash and are discarded at random. Whoever works is neither warned nor signed out,
// whoever is gone is signed out in every tab, and the verifier hears one sender.
func TestA14_P2_TwoHundredTabsAtRandom(t *testing.T) {
	const tabs, alive = 200, 24
	seeds(t, 1, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", 3*time.Minute, lan)
		others := []*simbrowser.Tab{}
		for opened := 1; opened < tabs; opened++ {
			tab := p.browser.Open(origin + "/patients/" + strconv.Itoa(opened))
			s.watch(tab)
			others = append(others, tab)
			if s.dice.IntN(3) == 0 { // the person goes on in it
				p.tab.Hide()
				p.tab, others[len(others)-1] = tab, p.tab
				p.arrives()
			} else {
				tab.Hide()
			}
			if at := s.dice.IntN(len(others)); s.dice.IntN(2) == 0 || len(others) > alive {
				switch s.dice.IntN(5) {
				case 0:
					others[at].Freeze()
				case 1:
					others[at].Hang(time.Duration(s.dice.IntN(300)) * time.Second)
				case 2:
					s.must(others[at].Discard())
				case 3:
					others[at].Crash()
				}
				if len(others) > alive {
					others[at].Close()
					others = slices.Delete(others, at, at+1)
				}
			}
			p.works(time.Duration(5+s.dice.IntN(20)) * time.Second)
			p.sees(thePage)
		}
		if ok, why := p.admitted(); !ok {
			t.Fatalf("seed %d: refused after %s: %s", seed, s.passed(), why)
		}
		got := p.statuses()
		if most := int(s.passed()/time.Minute) + 3*tabs; got[200] > most || got[409]+got[401] > tabs/10 {
			t.Errorf("seed %d: heartbeats in %s of %d tabs, by their status: %v, want at most %d", seed, s.passed(), tabs, got, most)
		}
		t.Logf("seed %d: %s, heartbeats by their status: %v", seed, s.passed(), got)
		s.pass(16 * time.Minute)
		p.sees(signedOut)
		p.refused(string(wire.Inactivity))
		for _, tab := range others {
			if tab.State() == "armed" && tab.Screen() == thePage {
				t.Errorf("seed %d: %s still shows its page", seed, tab.Address())
			}
		}
	})
}

// A13: a duplicated tab goes on with the same session and the same warning, and that it came extends nothing; a choice in it is one for
// both.
func TestA13_DuplicatedTabContinues(t *testing.T) {
	for _, stays := range []bool{false, true} {
		s := newScene(t, only(), idle)
		p := s.signIn("laptop", 0, lan)
		p.works(5 * time.Minute)
		p.acts()
		last := s.world.Now()
		s.until(last.Add(14 * time.Minute))
		p.sees(inactivity)
		signedIn := p.signIns()
		twin := &person{scene: s, browser: p.browser, tab: p.tab.Duplicate()}
		s.watch(twin.tab)
		s.pass(5500 * time.Millisecond)
		p.sees(inactivity)
		twin.sees(inactivity)
		if got, want := twin.tab.Texts(), p.tab.Texts(); !slices.Equal(got, want) {
			t.Errorf("seed %d: the duplicate says %q, and the tab itself %q", s.seed, got, want)
		}
		if twin.tab.Address() != p.tab.Address() || p.signIns() != signedIn {
			t.Errorf("seed %d: the duplicate is at %s, after %d more sign-ins", s.seed, twin.tab.Address(), p.signIns()-signedIn)
		}
		if stays {
			twin.click("Stay signed in")
			last = s.world.Now()
			s.pass(time.Second)
			p.sees(thePage)
			twin.sees(thePage)
			s.until(last.Add(13*time.Minute - time.Second))
			p.sees(thePage)
			twin.sees(thePage)
		}
		s.until(last.Add(15*time.Minute - time.Second))
		p.sees(inactivity)
		twin.sees(inactivity)
		s.pass(3 * time.Second)
		p.sees(signedOut)
		twin.sees(signedOut)
		p.refused(string(wire.Inactivity))
	}
}

// signIns are how often the browser has asked for a sign-in.
func (p *person) signIns() (n int) {
	for _, e := range p.world.Trace() {
		if strings.Contains(e.URL, prefix+"sign-in") {
			n++
		}
	}
	return n
}

// A14, B4: a sign-out in one tab covers the others at once, without a request of theirs.
func TestA14_B4_SignOutCoversAtOnce(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	other, hidden := p.secondTab(), p.secondTab()
	hidden.tab.Hide()
	p.works(2 * time.Minute)
	s.must(p.tab.API("sign_out"))
	s.pass(2 * time.Second)
	other.sees(signedOut)
	hidden.sees(signedOut)
}

// A14, P2: work in one tab counts for the others: none of them warns, whether it is seen, hidden or was frozen for long.
func TestA14_WorkInOneTabCountsForAll(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	seen, hidden, frozen := p.secondTab(), p.secondTab(), p.secondTab()
	hidden.tab.Hide()
	frozen.tab.Hide()
	frozen.tab.Freeze()
	for range 40 {
		p.works(time.Minute)
		p.sees(thePage)
		seen.sees(thePage)
		hidden.sees(thePage)
	}
	s.must(hidden.tab.Show())
	hidden.sees(thePage)
	s.must(frozen.tab.Show()) // it has heard nothing for 40 minutes, so it asks before it shows anything
	if got := frozen.tab.Screen(); got == thePage {
		t.Error("the thawed tab shows its page before it has asked")
	}
	s.pass(time.Second)
	frozen.sees(thePage)
	if ok, why := p.admitted(); !ok {
		t.Errorf("refused: %s", why)
	}
}

// A14, B4: a sign-out in one tab covers the other at its next heartbeat at the latest.
func TestA14_B4_SignOutCoversTheOtherTab(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	other := p.secondTab()
	p.works(2 * time.Minute)
	p.tab.Go(origin + prefix + "sign-out")
	s.pass(5 * time.Second)
	if got := p.tab.Address(); got != origin+"/signed-out" {
		t.Fatalf("signing out led to %s", got)
	}
	p.refused(string(wire.SignedOut))
	s.pass(time.Minute)
	other.sees(signedOut)
}

// B4: signing out in one browser ends the user's session in the other one, too.
func TestB4_SignOutEndsTheOtherBrowserToo(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	other := s.signIn("desktop", 5*time.Minute, slow)
	p.works(2 * time.Minute)
	other.works(2 * time.Minute)
	p.tab.Go(origin + prefix + "sign-out")
	s.pass(5 * time.Second)
	p.refused(string(wire.SignedOut))
	other.refused(string(wire.SignedOutElsewhere))
	s.pass(time.Minute)
	other.sees(signedOut)
}

// B3, P6: a cookie copied into another browser is worth nothing there: that browser has not the key.
func TestB3_CopiedCookieCannotHeartbeat(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	thief := s.world.NewBrowser("thief", 0)
	stolen := p.browser.Cookies(origin)
	thief.Wire = withCookie(stolen)
	tab := thief.Open(origin + "/")
	s.watch(tab)
	s.pass(5 * time.Second)
	if got := tab.Screen(); got != "cover: Please sign in" {
		t.Errorf("the thief's tab shows %q", got)
	}
	p.works(10 * time.Minute)
	if verdict := s.site.check(stolen, "/"); verdict.Code == 204 {
		t.Error("the copied cookie is still let through after ten minutes")
	}
	p.sees(thePage)
}
