package sim

import (
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/wasm/simbrowser"
)

var (
	lan = simbrowser.Network{MinLatency: 5 * time.Millisecond, MaxLatency: 60 * time.Millisecond}

	day = policy.Settings{
		SessionTimeout: 24 * time.Hour, SessionWarning: 20 * time.Minute,
		InactivityTimeout: time.Hour, InactivityWarning: 2 * time.Minute,
	}
)

// A1, A3, P2, D3: 24 hours of one person who works, has meetings and lunch. Nothing ends the session before its time, and then it
// ends at once.
func TestA1_P2_ADayAtWork(t *testing.T) {
	seed := only()
	began := time.Now()
	s := newScene(t, seed, day)
	p := s.signIn("laptop", 40*time.Minute, lan)
	start := s.site.events(audit.SignIn)[0].At
	ends := time.UnixMilli(start).Add(24 * time.Hour)

	breaks, stays := 0, 0
	lunch := true // so long that the warning shows at the end of it
	for p.world.Now().Before(ends.Add(-20 * time.Minute)) {
		p.works(min(time.Duration(20+p.dice.IntN(70))*time.Minute, ends.Add(-20*time.Minute).Sub(p.world.Now())))
		if rest := ends.Sub(p.world.Now()) - 20*time.Minute; rest <= 0 {
			break
		} else if away := time.Duration(5+p.dice.IntN(55)) * time.Minute; away < rest {
			if breaks++; lunch {
				away, lunch = 59*time.Minute, false
			}
			p.pass(away)
			if p.tab.Screen() == inactivity {
				stays++
				p.click("Stay signed in")
				p.pass(time.Second)
			}
		}
		if p.tab.Screen() == thePage {
			if ok, why := p.admitted(); !ok {
				t.Fatalf("seed %d: %s after the start a person at work is refused: %s", seed, p.passed(), why)
			}
		}
	}
	p.pass(time.Second)
	p.sees(sessionEnd)
	p.click("Dismiss")
	p.works(ends.Sub(p.world.Now()) - time.Second)
	p.sees(sessionEnd) // the last minute
	p.pass(time.Second)
	p.refused(string(wire.SessionTimeout))
	p.pass(time.Second)
	p.sees(signedOut)
	p.refused(string(wire.SessionTimeout))
	s.sweep()
	if ended := s.site.events(audit.Ended); len(ended) != 1 || ended[0].At != ends.UnixMilli() || ended[0].Reason != wire.SessionTimeout {
		t.Errorf("seed %d: the audit has the ends %+v", seed, ended)
	}
	if breaks < 5 || stays == 0 {
		t.Errorf("seed %d: %d breaks, %d choices to stay: no ordinary day", seed, breaks, stays)
	}
	t.Logf("24 virtual hours, %d breaks, %d choices to stay, %d requests, in %s", breaks, stays, len(s.world.Trace()), time.Since(began).Round(time.Millisecond))
}
