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

// B3, P6: another browser of the same user has a session of its own; the end of one by time is not the other's.
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
