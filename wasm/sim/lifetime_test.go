package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/wasm/simbrowser"
)

var (
	idle = policy.Settings{ // short inactivity, long session
		SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute,
		InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute,
	}
	hour = policy.Settings{ // only the session timeout
		SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute,
	}
)

func within(t testing.TB, what string, got, want, tolerance time.Duration) {
	t.Helper()
	if off := got - want; off > tolerance || off < -tolerance {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}

// A3, A4: activity, warning, stay, warning, expiry.
func TestA3_A4_WarningStayWarningExpiry(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", -3*time.Hour, lan)
		p.works(30 * time.Minute)
		p.acts()
		last := s.world.Now()
		s.until(last.Add(13*time.Minute - time.Second))
		p.sees(thePage)
		s.pass(2500 * time.Millisecond)
		p.sees(inactivity)
		if got, want := p.tab.Buttons(), []string{"Stay signed in", "Sign out"}; !slices.Equal(got, want) {
			t.Fatalf("buttons %q, want %q", got, want)
		}
		if p.tab.Focused() != "Stay signed in" {
			t.Errorf("the focus is on %q", p.tab.Focused())
		}
		if texts := strings.Join(p.tab.Texts(), "\n"); !strings.Contains(texts, "\n1:59\n") {
			t.Errorf("no countdown of 1:59 in\n%s", texts)
		}

		// Once it shows, only a choice counts, and only a person's.
		p.acts()
		s.must(p.tab.ScriptClick("Stay signed in"))
		s.must(p.tab.ScriptPress("Escape"))
		s.pass(30 * time.Second)
		p.sees(inactivity)
		p.click("Stay signed in")
		stayed := s.world.Now()
		s.pass(time.Second)
		p.sees(thePage)
		if extended := s.site.events(audit.Extended); len(extended) != 1 {
			t.Errorf("the audit has %d extensions", len(extended))
		}

		s.until(stayed.Add(13*time.Minute + time.Second))
		p.sees(inactivity)
		s.must(p.tab.Press("Escape")) // which means to stay
		stayed = s.world.Now()
		s.pass(time.Second)
		p.sees(thePage)

		s.until(stayed.Add(15*time.Minute - time.Second))
		p.sees(inactivity)
		if ok, why := p.admitted(); !ok {
			t.Errorf("refused before the end: %s", why)
		}
		s.pass(2 * time.Second)
		p.sees(signedOut)
		p.refused(string(wire.Inactivity))
		p.acts()
		s.pass(time.Hour)
		p.sees(signedOut)
		p.refused(string(wire.Inactivity))

		s.sweep()
		ended := s.site.events(audit.Ended)
		if len(ended) != 1 || ended[0].Reason != wire.Inactivity {
			t.Fatalf("the audit has the ends %+v", ended)
		}
		within(t, "the end after the choice to stay", time.UnixMilli(ended[0].At).Sub(stayed), 15*time.Minute, time.Second)

		// B1: and in again.
		p.click("Sign in")
		s.pass(5 * time.Second)
		p.sees(thePage)
		if ok, why := p.admitted(); !ok {
			t.Errorf("refused after the new sign-in: %s", why)
		}
		if got := p.tab.Address(); got != origin+"/patients?of=today" {
			t.Errorf("the sign-in led to %s", got)
		}
	})
}

// A4: a choice made while a heartbeat is under way is sent right after it.
func TestA4_StayWhileAHeartbeatIsUnderWay(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", 0, lan)
		s.pass(13*time.Minute + time.Second)
		p.sees(inactivity)
		p.browser.Network.MinLatency, p.browser.Network.MaxLatency = 400*time.Millisecond, 400*time.Millisecond
		for sent := len(p.beats()); len(p.beats()) == sent; {
			s.pass(50 * time.Millisecond)
		}
		p.sees(inactivity)
		p.click("Stay signed in") // its answer is on the way
		s.pass(3 * time.Second)
		p.sees(thePage)
	})
}

// A4: signing out from the warning.
func TestA4_B4_SignOutFromTheWarning(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	cookies := p.browser.Cookies(origin)
	s.pass(14 * time.Minute)
	p.sees(inactivity)
	p.click("Sign out")
	p.sees("cover: Signing you out…")
	s.pass(time.Second)
	if p.tab.Address() != origin+"/signed-out" || p.tab.Screen() != thePage {
		t.Errorf("signing out led to %s, which shows %q", p.tab.Address(), p.tab.Screen())
	}
	p.refused(string(wire.SignedOut))
	if verdict := s.site.check(cookies, "/"); verdict.Code == 204 {
		t.Error("the old cookie is let through after the sign-out")
	}
}

// A1, A2: the session warning, dismissed, comes back in the last minute; activity extends nothing.
func TestA1_A2_SessionWarningDismissedComesBackAndEnds(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, hour)
		p := s.signIn("laptop", 26*time.Hour, lan)
		ends := time.UnixMilli(s.site.events(audit.SignIn)[0].At).Add(time.Hour)
		left := func() time.Duration { return ends.Sub(s.world.Now()) }
		p.works(left() - 20*time.Minute - time.Second)
		p.sees(thePage)
		p.works(2 * time.Second)
		p.sees(sessionEnd)
		if got, want := p.tab.Buttons(), []string{"Sign in again now", "Dismiss"}; !slices.Equal(got, want) {
			t.Fatalf("buttons %q, want %q", got, want)
		}
		s.must(p.tab.Press("Escape")) // which means to dismiss
		p.sees(thePage)
		p.works(left() - time.Minute - time.Second)
		p.sees(thePage)
		p.works(2 * time.Second)
		p.sees(sessionEnd)
		p.click("Dismiss")
		p.works(left() - time.Second)
		p.sees(thePage)
		if ok, why := p.admitted(); !ok {
			t.Errorf("refused before the end: %s", why)
		}
		s.pass(time.Second)
		p.refused(string(wire.SessionTimeout))
		s.pass(time.Second)
		p.sees(signedOut)
		p.acts()
		s.pass(time.Minute)
		p.sees(signedOut)
		p.refused(string(wire.SessionTimeout))
	})
}

// A2: signing in again before the end begins a new session of full length, and ends the old one.
func TestA2_SignInAgainNow(t *testing.T) {
	s := newScene(t, only(), hour)
	p := s.signIn("laptop", 0, lan)
	p.works(45 * time.Minute)
	p.sees(sessionEnd)
	p.click("Sign in again now")
	s.pass(5 * time.Second)
	p.sees(thePage)
	p.works(35 * time.Minute)
	p.sees(thePage)
	if ok, why := p.admitted(); !ok {
		t.Errorf("refused in the new session: %s", why)
	}
	if began := s.site.events(audit.SignIn); len(began) != 2 {
		t.Errorf("%d sessions began", len(began))
	}
}

// D1: nothing that a script does is activity, and neither is a page that moves under a resting mouse.
func TestD1_ScriptsAreNoActivity(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.acts()
	s.must(p.tab.MoveMouse())
	last := s.world.Now()
	for s.world.Now().Before(last.Add(14*time.Minute + 50*time.Second)) {
		for _, kind := range []string{"pointerdown", "pointermove", "keydown", "wheel", "touchstart", "touchmove", "scroll"} {
			s.must(p.tab.ScriptEvent(kind))
		}
		s.must(p.tab.ScriptScroll())
		s.must(p.tab.RestMouse())
		s.pass(7 * time.Second)
	}
	p.sees(inactivity)
	s.pass(15 * time.Second)
	p.sees(signedOut)
	p.refused(string(wire.Inactivity))
}

// D4: a stolen cookie dies within minutes, and asking with it all the time keeps nothing alive.
func TestD4_StolenCookieDiesWithinMinutes(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(3 * time.Minute)
	stolen := p.browser.Cookies(origin)
	if script := p.browser.ScriptCookies(origin); script != "" {
		t.Errorf("scripts can read the cookies %s", script)
	}
	dies := time.Duration(0)
	for began := s.world.Now(); dies == 0 && s.world.Now().Before(began.Add(time.Hour)); {
		if verdict := s.site.check(stolen, "/"); verdict.Code != 204 {
			dies = s.world.Now().Sub(began)
			if why := verdict.Header().Get("Curfew-Reason"); why != string(wire.StaleCookie) {
				t.Errorf("refused because of %s", why)
			}
		}
		p.works(10 * time.Second)
	}
	if dies == 0 || dies > 5*time.Minute+10*time.Second {
		t.Errorf("the stolen cookie died after %s", dies)
	}
	p.sees(thePage)
	if ok, why := p.admitted(); !ok {
		t.Errorf("the browser that it was stolen from is refused: %s", why)
	}
}

// A stale cookie in a living session: the resume page proves the key and goes back (D4).
func TestD4_ResumeAfterAllTabsWereClosed(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(time.Minute)
	p.tab.Close()
	s.pass(8 * time.Minute)
	p.refused(string(wire.StaleCookie))
	p.tab = p.browser.Open(origin + "/patients/7?tab=notes")
	s.watch(p.tab)
	s.pass(5 * time.Second)
	p.sees(thePage)
	if p.tab.Address() != origin+"/patients/7?tab=notes" || p.tab.State() != "armed" {
		t.Errorf("arrived at %s, agent %q", p.tab.Address(), p.tab.State())
	}
	if n := len(s.site.events(audit.SignIn)); n != 1 {
		t.Errorf("%d sessions began", n)
	}
}

var slow = simbrowser.Network{MinLatency: 0, MaxLatency: 400 * time.Millisecond}

// D6, P1, P3: on the same session the page's end and the verifier's agree within a second, whatever the latency and the client's
// clock, for both deadlines; and from its deadline on, check refuses at every moment.
func TestD6_P1_BothEndsAgree(t *testing.T) {
	seeds(t, 20, func(t *testing.T, seed uint64) {
		times, reason := idle, wire.Inactivity
		if seed%4 == 0 {
			times, reason = hour, wire.SessionTimeout
		}
		s := newScene(t, seed, times)
		skew := time.Duration(s.dice.Int64N(int64(200*time.Hour))) - 100*time.Hour
		p := s.signIn("laptop", skew, slow)
		p.works(time.Duration(2+s.dice.IntN(6)) * time.Minute)
		const step = 50 * time.Millisecond
		var warned, covered, refused time.Time
		for covered.IsZero() || refused.IsZero() || s.world.Now().Before(refused.Add(5*time.Second)) {
			now := s.world.Now()
			screen := p.tab.Screen()
			if strings.HasPrefix(screen, "warning") && warned.IsZero() {
				warned = now
			}
			if strings.HasPrefix(screen, "cover") && covered.IsZero() {
				covered = now
			}
			ok, why := p.admitted()
			switch {
			case !ok && refused.IsZero():
				refused = now
				// A heartbeat just before the end may move it by the error of the clocks, and the cookie in the browser is good until the end
				// that was until the answer is there.
				if late := p.deadline().Sub(now); why != string(reason) && (why != string(wire.StaleCookie) || late > slow.MaxLatency) {
					t.Fatalf("seed %d: refused after %s because of %s", seed, s.passed(), why)
				}
			case ok && !refused.IsZero():
				t.Fatalf("seed %d: let through %s after the end", seed, now.Sub(refused))
			}
			if s.passed() > 2*time.Hour {
				t.Fatalf("seed %d: no end: covered %v, refused %v", seed, covered, refused)
			}
			if deadline := p.deadline(); deadline.Sub(now) > 10*time.Second && refused.IsZero() {
				s.pass(time.Second)
			} else {
				s.pass(step)
			}
		}
		p.sees(signedOut) // and not still asking
		within(t, "the page's end after the verifier's", covered.Sub(refused), 0, time.Second)
		warning := times.InactivityWarning
		if reason == wire.SessionTimeout {
			warning = times.SessionWarning
		}
		within(t, "the warning before the end", refused.Sub(warned), warning, 1500*time.Millisecond)
	})
}

// deadline is when the session ends as the verifier told the page last.
func (p *person) deadline() time.Time {
	p.Helper()
	reply, ok := p.lastReply()
	if !ok {
		p.Fatal("no reply yet")
	}
	ends := deadline.Never
	for _, at := range [...]int64{reply.SessionEnds, reply.InactivityEnds} {
		if at != 0 {
			ends = min(ends, at)
		}
	}
	return time.UnixMilli(ends)
}
