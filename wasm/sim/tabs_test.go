package sim

import (
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// secondTab opens the application once more in the same browser.
func (p *person) secondTab() *person {
	p.Helper()
	other := &person{scene: p.scene, browser: p.browser, tab: p.browser.Open(origin + "/patients/7")}
	p.watch(other.tab)
	other.arrives()
	return other
}

// A14: two tabs of one browser use one session and one key. Their sequence numbers collide, and each collision resolves by itself.
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
		accepted, replayed := 0, 0
		for _, beat := range p.beats() {
			switch beat.Status {
			case 200:
				accepted++
			case 409:
				replayed++
			}
		}
		if accepted < 60 || replayed == 0 {
			t.Errorf("seed %d: %d heartbeats accepted, %d replayed: the tabs never met", seed, accepted, replayed)
		}
		if replayed > accepted {
			t.Errorf("seed %d: %d of %d heartbeats collided", seed, replayed, accepted+replayed)
		}
		p.sees(thePage)
		other.sees(thePage)
	})
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
