package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
)

// free is the identity provider's mode (A5).
var free = policy.Settings{SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute}

const unconfirmed = "We cannot confirm your account right now"

// A5: without a session timeout nobody is warned or signed out, at work, away for the night, or asleep over a weekend, as long as the
// provider lets the user in. When it does not any more, the session ends at the next check.
func TestA5_P2_DaysInTheProvidersMode(t *testing.T) {
	seed := only()
	began := time.Now()
	provider := &provider{}
	s := newSceneWith(t, seed, free, provider)
	p := s.signIn("laptop", -90*time.Minute, lan)
	admitted := func(when string) {
		t.Helper()
		p.sees(thePage)
		if ok, why := p.admitted(); !ok {
			t.Fatalf("seed %d: %s, %s after the start, a request is refused: %s", seed, when, s.passed(), why)
		}
	}
	for range 2 {
		p.works(4 * time.Hour)
		admitted("at noon")
		s.pass(20 * time.Hour)
		admitted("in the morning")
	}
	s.must(s.world.Sleep(p.browser, 62*time.Hour))
	p.acts()
	p.sees(checking) // nobody knows what has happened since Friday
	s.pass(time.Minute)
	admitted("on Monday")
	p.works(4 * time.Hour)
	admitted("after the weekend")

	awake := 2*24*60 + 4*60 + 2
	if sent := len(p.beats()); sent > awake+10 || sent < awake*8/10 { // one in 60 to 75 seconds
		t.Errorf("%d heartbeats in %d minutes awake", sent, awake)
	}
	if want := awake / 60; provider.asked < want-2 || provider.asked > want*11/10+2 || provider.answered != provider.asked {
		t.Errorf("the provider was asked %d times in %d hours awake, and answered %d", provider.asked, want, provider.answered)
	}
	if n := len(s.site.events(audit.Warned)) + len(s.site.events(audit.Ended)); n > 0 {
		t.Errorf("%d warnings and ends in the audit", n)
	}
	if reply, ok := p.lastReply(); !ok || reply.SessionEnds != 0 || reply.CheckBy != 0 {
		t.Errorf("the last reply: %+v", reply)
	}

	provider.refuses = true
	p.works(62 * time.Minute)
	p.sees(signedOut)
	p.says("no longer accepts your sign-in")
	p.refused(string(wire.ProviderRefused))
	if provider.failed != nil {
		t.Error(provider.failed)
	}
	t.Logf("%s of virtual time, %d requests, in %s", s.passed().Round(time.Hour), len(s.world.Trace()), time.Since(began).Round(time.Millisecond))
}

// says wants a text on the screen.
func (p *person) says(part string) {
	p.Helper()
	if texts := strings.Join(p.tab.Texts(), "\n"); !strings.Contains(texts, part) {
		p.Errorf("seed %d, %s after the start: nothing says %q in\n%s", p.seed, p.passed(), part, texts)
	}
}

// silenced works until the verifier has told the page that the provider is silent, and returns when that ends the session.
func (p *person) silenced() time.Time {
	p.Helper()
	for range 70 {
		if reply, ok := p.lastReply(); ok && reply.CheckBy != 0 {
			return time.UnixMilli(reply.CheckBy)
		}
		p.works(time.Minute)
	}
	p.Fatalf("seed %d: nobody noticed that the provider is silent", p.seed)
	return time.Time{}
}

// A7, P3: the provider cannot be asked. The page warns for the full time, in words of its own; when the provider is back the warning
// goes and nothing has happened; the next silence warns again, although the last one was dismissed, and ends the session when it
// lasts, at the same time on both sides.
func TestA7_P3_D6_SilenceIsLiftedAndReturns(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		provider := &provider{}
		s := newSceneWith(t, seed, free, provider)
		p := s.signIn("laptop", time.Duration(s.dice.Int64N(int64(200*time.Hour)))-100*time.Hour, slow)
		p.works(30 * time.Minute)

		provider.silent = true
		ends := p.silenced()
		p.works(ends.Sub(s.world.Now()) - 20*time.Minute - time.Second)
		p.sees(thePage)
		p.works(3 * time.Second)
		p.sees(sessionEnd)
		p.says(unconfirmed)
		if got := p.tab.Buttons(); !slices.Equal(got, []string{"Dismiss"}) || p.tab.Focused() != "Dismiss" {
			t.Fatalf("seed %d: buttons %q, the focus is on %q", seed, got, p.tab.Focused())
		}
		p.works(time.Minute)
		p.sees(sessionEnd)
		if seed%2 == 0 {
			s.must(p.tab.Press("Escape"))
		} else {
			p.click("Dismiss")
		}
		p.sees(thePage)
		p.works(2 * time.Minute)
		p.sees(thePage)
		provider.silent = false
		p.works(8 * time.Minute)
		p.sees(thePage)
		if ok, why := p.admitted(); !ok {
			t.Fatalf("seed %d: refused after the provider is back: %s", seed, why)
		}
		if reply, _ := p.lastReply(); reply.CheckBy != 0 || reply.SessionEnds != 0 {
			t.Fatalf("seed %d: the last reply still has an end: %+v", seed, reply)
		}

		provider.silent = true
		ends = p.silenced()
		p.works(ends.Sub(s.world.Now()) - 20*time.Minute + 2*time.Second)
		p.sees(sessionEnd)
		if seed%2 == 0 { // dismissed, it comes back in the last minute
			p.click("Dismiss")
			p.works(ends.Sub(s.world.Now()) - 62*time.Second)
			p.sees(thePage)
		}
		p.works(ends.Sub(s.world.Now()) - 3*time.Second)
		p.sees(sessionEnd)
		var covered, refused time.Time
		for covered.IsZero() || refused.IsZero() {
			if strings.HasPrefix(p.tab.Screen(), "cover") && covered.IsZero() {
				covered = s.world.Now()
			}
			if ok, _ := p.admitted(); !ok && refused.IsZero() {
				refused = s.world.Now()
			}
			if s.world.Now().After(ends.Add(5 * time.Second)) {
				t.Fatalf("seed %d: covered %v, refused %v, want %v", seed, covered, refused, ends)
			}
			s.pass(50 * time.Millisecond)
		}
		within(t, "the verifier's end after the one that it told", refused.Sub(ends), 0, 50*time.Millisecond)
		within(t, "the page's end after the verifier's", covered.Sub(refused), 0, time.Second)
		p.refused(string(wire.PolicyCheckOverdue))
		provider.silent = false
		p.works(10 * time.Minute)
		p.sees(signedOut)
		p.says("could not confirm your account in time")
		if provider.failed != nil {
			t.Error(provider.failed)
		}
	})
}

// A7: who chose to stay signed in on the sign-in page goes on through an outage for the budget's eight hours past the interval.
func TestA7_StayingGoesOnThroughAnOutage(t *testing.T) {
	for _, stay := range []bool{true, false} {
		provider := &provider{stay: stay}
		s := newSceneWith(t, only(), free, provider)
		p := s.signIn("laptop", 0, lan)
		provider.silent = true
		ends := p.silenced()
		if !stay {
			p.works(ends.Sub(s.world.Now()) - time.Minute)
			p.sees(sessionEnd)
			p.works(time.Minute)
			p.refused(string(wire.PolicyCheckOverdue))
			continue
		}
		p.works(time.Hour)
		p.sees(thePage)
		within(t, "the end after the sign-in", ends.Sub(time.UnixMilli(s.site.events(audit.SignIn)[0].At)), 9*time.Hour, time.Second)
		p.works(ends.Sub(s.world.Now()) - 21*time.Minute)
		p.sees(thePage)
		p.works(2 * time.Minute)
		p.sees(sessionEnd)
		provider.silent = false
		p.works(7 * time.Minute)
		p.sees(thePage)
		p.works(10 * time.Hour)
		p.sees(thePage)
		if ok, why := p.admitted(); !ok {
			t.Errorf("refused after the outage: %s", why)
		}
	}
}
