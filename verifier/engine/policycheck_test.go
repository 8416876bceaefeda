package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// free is an environment without a session timeout: the provider's own policy rules (A5).
var free = settings.Environment{ID: "free", Origin: "https://free.example", Check: checks,
	Settings: policy.Settings{SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute}}

// keepOn sends a heartbeat of a working person every ten minutes, for a length of time.
func (b *browser) keepOn(length int64) {
	b.w.t.Helper()
	for end := b.w.now + length; b.w.now < end; {
		b.w.pass(min(10*minute, end-b.w.now))
		b.takeNonce()
		if _, err := b.send(b.beat(0)); err != nil {
			b.w.t.Fatalf("a heartbeat %d minutes after the beginning: %v", (b.w.now-start)/minute, err)
		}
	}
}

func (w *world) claim(b *browser) engine.Claim {
	w.t.Helper()
	claim, ok, err := w.ClaimCheck(context.Background(), b.env, b.state().ID)
	if err != nil || !ok {
		w.t.Fatalf("no claim: %v, %v; next check at %d, now %d", ok, err, b.state().Check.Next, w.now)
	}
	return claim
}

// A5: a check is asked for at the first heartbeat after its time, which lies in the interval's last tenth, and one caller of all
// replicas gets to carry it out.
func TestA5_OneCheckEveryInterval(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	b.keepOn(54*minute - 1)
	if len(w.asked) != 0 {
		t.Fatalf("asked %d times before nine tenths of the interval", len(w.asked))
	}
	if next := b.state().Check.Next; next < start+54*minute || next > start+60*minute {
		t.Fatalf("the check is due %d s after the sign-in", (next-start)/1000)
	}
	due := b.state().Check.Next
	for now, want := range map[int64]bool{due - 1: false, due: true} {
		early := w.now
		w.pass(now - early)
		if _, ok, err := w.over(failing{w.store}).ClaimCheck(context.Background(), free, b.state().ID); ok || (err != nil) != want {
			t.Errorf("%d ms before it is due: %v", due-now, err)
		}
		w.pass(early - now)
	}
	b.keepOn(6*minute + 1)
	if len(w.asked) == 0 || w.asked[0] != b.state().ID {
		t.Fatal("no check was asked for at the interval's end")
	}
	claim := w.claim(b)
	if claim.RefreshToken != "refresh-1" || claim.IDToken != amara.IDToken {
		t.Errorf("the claim has %q and %q", claim.RefreshToken, claim.IDToken)
	}
	other := w.over(w.store)
	for name, e := range map[string]*engine.Engine{"the same verifier": w.Engine, "another replica": other} {
		if _, ok, err := e.ClaimCheck(context.Background(), free, claim.Session.ID); ok || err != nil {
			t.Errorf("%s got the same check: %v, %v", name, ok, err)
		}
	}
	w.pass(minute + second)
	if _, ok, err := other.ClaimCheck(context.Background(), free, claim.Session.ID); !ok || err != nil {
		t.Errorf("the check of a verifier that died was never carried out: %v, %v", ok, err)
	}
	fresh := amara
	fresh.IDToken = "hint-2"
	w.must(other.Confirm(context.Background(), free, claim, fresh))
	s := b.state()
	if s.Check.At != w.now/1000*1000 || s.Check.Next < w.now+54*minute || s.Check.Next > w.now+60*minute+second {
		t.Errorf("confirmed at %d, next in %d s", s.Check.At-w.now, (s.Check.Next-w.now)/1000)
	}
	if got := w.recorded(audit.Checked); len(got) != 1 || got[0].Session != b.sid {
		t.Errorf("the audit has %+v", got)
	}
	w.pass(60 * minute)
	fresh.IDToken = ""
	w.must(w.Confirm(context.Background(), free, w.claim(b), fresh)) // a provider that said so in another way
	b.takeNonce()
	if hint, err := w.SignOut(context.Background(), free, b.signOutRequest(), false); err != nil || hint != "hint-2" {
		t.Errorf("the hint is %q, %v", hint, err)
	}
}

// failing reads and does not write.
type failing struct{ session.Store }

func (f failing) Update(ctx context.Context, id session.ID, now int64, decide func(session.Session) (session.Session, error)) (session.Session, bool, error) {
	s, ok, err := f.Get(ctx, id, now)
	if err == nil && ok {
		if s, err = decide(s); err == nil {
			err = errors.New("no space")
		}
	}
	return s, ok, err
}

// A5: a thousand sessions that began in one second are due over the interval's whole last tenth.
func TestA5_ChecksAreSpread(t *testing.T) {
	w := newWorld(t)
	counts := map[int64]int{}
	for range 1000 {
		b := w.browser(free)
		b.signIn(amara)
		counts[(b.state().Check.Next-start)/minute]++
	}
	for at := int64(54); at < 60; at++ {
		if counts[at] < 100 {
			t.Errorf("in minute %d only %d of 1000 checks are due: %v", at, counts[at], counts)
		}
	}
}

// A5: without a session timeout a session goes on for as long as the provider says so.
func TestA5_NoLimitOfOurOwn(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	w.check = func(session.ID) { w.must(w.Confirm(context.Background(), free, w.claim(b), amara)) }
	b.keepOn(10 * 24 * 60 * minute)
	if err := b.check(); err != nil {
		t.Errorf("after ten days: %v", err)
	}
	if n := len(w.recorded(audit.Checked)); n < 10*24-1 || n > 10*24*12/10 {
		t.Errorf("%d checks in ten days", n)
	}
	if ends := b.state().State.SessionEnds(); ends != 0 {
		t.Errorf("the session ends at %d", ends)
	}
}

// A5 B2: what the provider says ends the session at the next request.
func TestA5B2_TheProvidersWordEndsTheSession(t *testing.T) {
	wren, elsewhere := amara, amara
	wren.Subject, elsewhere.Issuer = "wren", "https://other.example"
	for name, c := range map[string]struct {
		check  func(*world, engine.Claim) error
		reason wire.Reason
	}{
		"refused": {func(w *world, c engine.Claim) error {
			return w.EndChecked(context.Background(), free, c, wire.ProviderRefused, "invalid_grant")
		}, wire.ProviderRefused},
		"another subject": {func(w *world, c engine.Claim) error {
			return w.Confirm(context.Background(), free, c, wren)
		}, wire.UserMismatch},
		"another issuer": {func(w *world, c engine.Claim) error {
			return w.Confirm(context.Background(), free, c, elsewhere)
		}, wire.UserMismatch},
	} {
		w := newWorld(t)
		b, bystander := w.signedIn(free), w.signedIn(free)
		b.keepOn(60 * minute)
		bystander.takeNonce()
		_, err := bystander.send(bystander.beat(0))
		w.must(err)
		w.must(c.check(w, w.claim(b)))
		if r := w.refusal(b.check()); r.Error != wire.SessionEnded || r.Reason != c.reason || r.EndedAt != w.now {
			t.Errorf("%s: %+v", name, r)
		}
		if err := bystander.check(); err != nil {
			t.Errorf("%s: the user's other session: %v", name, err)
		}
		if got := w.recorded(audit.Ended); len(got) != 1 || got[0].Reason != c.reason || got[0].Session != b.sid {
			t.Errorf("%s: the audit has %+v", name, got)
		}
		if got := w.recorded(audit.Refused); len(got) == 0 || got[len(got)-1].Detail == "" {
			t.Errorf("%s: the audit does not say why: %+v", name, got)
		}
	}
}

// settles wants an ending to be reported as done only when an application's process that keeps verdicts has heard of it. It is for a
// synctest bubble.
func (w *world) settles(env settings.Environment, id session.ID, ends func() error) {
	w.t.Helper()
	feed, ok := w.OpenFeed(env.ID, "app")
	if !ok {
		w.t.Fatal("no feed")
	}
	defer feed.Drop()
	done := make(chan error, 1)
	go func() { done <- ends() }()
	synctest.Wait()
	if len(done) != 0 {
		w.t.Error("done before a process that keeps verdicts has heard")
	}
	ids, next, _, _ := feed.Next(context.Background(), 0)
	if len(ids) != 1 || ids[0] != id {
		w.t.Errorf("told of %v", ids)
	}
	hearing, stop := context.WithCancel(context.Background())
	defer stop()
	go feed.Next(hearing, next)
	synctest.Wait()
	if len(done) != 1 {
		w.t.Fatal("not done although it has heard")
	}
	w.must(<-done)
}

// P4: what the provider's word has ended is not reported as done while an application's process may use a verdict from before.
func TestP4_TheProvidersWordIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn(free)
		b.keepOn(60 * minute)
		claim := w.claim(b)
		w.settles(free, claim.Session.ID, func() error {
			return w.EndChecked(context.Background(), free, claim, wire.ProviderRefused, "invalid_grant")
		})
	})
}

// A7: how long a session goes on while the provider cannot be asked.
func TestA7_UnreachableHasABudget(t *testing.T) {
	for name, c := range map[string]struct {
		stay bool
		why  engine.Failure
		ends int64 // after the sign-in
	}{
		"nobody chose": {false, engine.Failure{Cause: "timeout"}, (60 + 5 + 20) * minute},
		"stay":         {true, engine.Failure{Cause: "timeout"}, (60 + 480) * minute},
		"our fault":    {false, engine.Failure{Cause: "invalid_client", Misconfigured: true}, (60 + 1440) * minute},
	} {
		w := newWorld(t)
		b := w.browser(free)
		in := b.back(amara)
		in.Stay = c.stay
		b.finish(in)
		b.takeNonce()
		w.pass(60 * minute)
		w.check = func(id session.ID) {
			if claim, ok, err := w.ClaimCheck(context.Background(), free, id); ok {
				w.must(w.Postpone(context.Background(), free, claim, c.why))
			} else {
				w.must(err)
			}
		}
		b.takeNonce()
		_, err := b.send(b.beat(0))
		w.must(err)
		if got := b.state().State.CheckBy - start; got < c.ends || got > c.ends+second {
			t.Errorf("%s: goes on for %d s, want %d", name, got/1000, c.ends/1000)
			continue
		}
		ends := b.state().State.CheckBy
		b.keepOn(ends - 1 - w.now)
		b.takeNonce()
		if err := b.check(); err != nil {
			t.Errorf("%s: a millisecond before the end: %v", name, err)
		}
		tries := len(w.recorded(audit.CheckFailed))
		if most := int(c.ends / minute); tries < 2 || tries > most {
			t.Errorf("%s: %d failed checks are in the audit", name, tries)
		}
		if detail := w.recorded(audit.CheckFailed)[0].Detail; !strings.Contains(detail, c.why.Cause) {
			t.Errorf("%s: the audit says %q", name, detail)
		}
		w.pass(1)
		if r := w.refusal(b.check()); r.Reason != wire.PolicyCheckOverdue || r.EndedAt != ends {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A7: a fault of our own that follows an outage signs nobody out before the cap.
func TestA7_OurFaultAfterAnOutage(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	b.keepOn(60 * minute)
	w.must(w.Postpone(context.Background(), free, w.claim(b), engine.Failure{Cause: "server_error"}))
	for range 3 {
		w.pass(5*minute + second)
		w.must(w.Postpone(context.Background(), free, w.claim(b), engine.Failure{Cause: "invalid_client", Misconfigured: true}))
		if by := b.state().State.CheckBy; by != b.state().Check.At+(60+1440)*minute {
			t.Errorf("goes on for %d minutes since the last check", (by-b.state().Check.At)/minute)
		}
	}
}

// A7: a provider that is back is asked in time: the pause between tries is never longer than half of what is left.
func TestA7_TriedInTimeBeforeTheEnd(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	b.keepOn(60 * minute)
	for b.state().State.CheckBy == 0 || b.state().State.CheckBy-w.now > minute {
		w.must(w.Postpone(context.Background(), free, w.claim(b), engine.Failure{Cause: "dns", RetryAfter: 4 * time.Minute}))
		next, by := b.state().Check.Next, b.state().State.CheckBy
		if most := max((by-w.now)/2, 20*second) + second; next-w.now > most {
			t.Fatalf("%d s before the end the next try is in %d s", (by-w.now)/1000, (next-w.now)/1000)
		}
		w.pass(next - w.now)
	}
}

// A5 A12: a shorter interval holds for running sessions at once, and a clock that was far ahead for a moment costs no check.
func TestA5_AnIntervalThatBecomesShorter(t *testing.T) {
	w := newWorld(t)
	slow := free
	slow.Check.Interval = 24 * time.Hour
	b := w.signedIn(slow)
	w.pass(10 * minute)
	if _, ok, _ := w.ClaimCheck(context.Background(), slow, b.state().ID); ok {
		t.Error("due after ten minutes of a day")
	}
	if _, ok, err := w.ClaimCheck(context.Background(), free, b.state().ID); !ok {
		t.Errorf("not due with an interval of an hour: %v", err)
	}
}

// D5 A5: a session whose browser never comes back ends when the provider has forgotten it too, and is swept.
func TestD5_ASessionThatIsLeftLapses(t *testing.T) {
	w := newWorld(t)
	left, kept := w.signedIn(free), w.signedIn(free)
	w.pass(60 * minute)
	w.must(w.Confirm(context.Background(), free, w.claim(kept), amara))
	w.pass(90*24*60*minute - 60*minute)
	w.must(w.Sweep(context.Background(), time.Hour))
	if got := w.recorded(audit.Ended); len(got) != 1 || got[0].Session != left.sid || got[0].Reason != wire.AgentSilent {
		t.Errorf("the audit has %+v", got)
	}
	if s := kept.state(); s.State.Ended(w.now) {
		t.Errorf("the session that was confirmed an hour later: %+v", s.State)
	}
}

// A7: a clock that was set back does not keep the outage from being noted.
func TestA7_UnreachableWithAClockThatWentBack(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	b.keepOn(60*minute - 1)
	w.pass(second)
	b.takeNonce()
	_, err := b.send(b.beat(0))
	w.must(err)
	claim := w.claim(b)
	w.pass(-5*minute - 7)
	w.must(w.Postpone(context.Background(), free, claim, engine.Failure{Cause: "dns"}))
	if by := b.state().State.CheckBy; by%second != 0 || by < w.now+20*minute {
		t.Errorf("goes on until %d", by)
	}
}

// A7: an outage that passes leaves nothing behind, and who comes back after one is judged anew.
func TestA7_AnOutageThatPasses(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	b.keepOn(60 * minute)
	w.must(w.Postpone(context.Background(), free, w.claim(b), engine.Failure{Cause: "dns", RetryAfter: 10 * time.Minute}))
	if next := b.state().Check.Next - w.now; next < 10*minute || next > 10*minute+second {
		t.Errorf("Retry-After of 10 minutes is tried after %d s", next/1000)
	}
	by := b.state().State.CheckBy
	w.pass(11 * minute)
	claim := w.claim(b)
	w.must(w.Postpone(context.Background(), free, claim, engine.Failure{Cause: "dns"}))
	if b.state().State.CheckBy != by {
		t.Error("a second failure moved the deadline")
	}
	if got := b.state().Check.Next - w.now; got < 20*second || got > 5*minute+second {
		t.Errorf("tried again after %d s", got/1000)
	}
	w.pass(5 * minute)
	w.must(w.Postpone(context.Background(), free, w.claim(b), engine.Failure{Cause: "dns"}))
	if got := b.state().Check.Next - w.now; got < 4*minute || got > 4*minute+2*second {
		t.Errorf("16 minutes after it was due, tried again after %d s; want a quarter of that", got/1000)
	}
	w.pass(5 * minute)
	w.must(w.Confirm(context.Background(), free, w.claim(b), amara))
	if got := b.state(); got.State.CheckBy != 0 || got.Check.At < w.now-1000 {
		t.Errorf("after the provider's answer: %+v", got)
	}
}

// A5 A7: after a weekend nothing is extended before the provider has confirmed the user.
func TestA5_LongOverdueNeedsTheProvidersWordFirst(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	w.pass(26 * 60 * minute)
	b.takeNonce()
	token := b.token("heartbeat", b.beat(0))
	w.check = func(id session.ID) {
		if claim, ok, _ := w.ClaimCheck(context.Background(), free, id); ok {
			w.must(w.Postpone(context.Background(), free, claim, engine.Failure{Cause: "connection"}))
		}
	}
	if _, err := b.sendTo(w.Engine, token); w.refusal(err).Error != wire.ProviderFailed {
		t.Errorf("while the provider is away: %v", err)
	}
	if r := w.refusal(b.check()); r.Error != wire.StaleCookie {
		t.Errorf("the cookie was renewed: %+v", r)
	}
	w.pass(5*minute + second)
	w.check = func(id session.ID) { w.must(w.Confirm(context.Background(), free, w.claim(b), amara)) }
	b.takeNonce()
	if _, err := b.send(b.beat(0)); err != nil {
		t.Errorf("confirmed: %v", err)
	}
	if err := b.check(); err != nil {
		t.Errorf("confirmed: %v", err)
	}

	away := w.signedIn(clinic) // A1: its own end came first
	_ = away
	gone := w.browser(free)
	who := amara
	who.AuthTime = w.now / 1000
	gone.signIn(who)
	w.pass(26 * 60 * minute)
	w.check = func(id session.ID) {
		w.must(w.EndChecked(context.Background(), free, w.claim(gone), wire.ProviderRefused, "invalid_grant"))
	}
	gone.takeNonce()
	if _, err := gone.send(gone.beat(0)); w.refusal(err).Reason != wire.ProviderRefused {
		t.Errorf("refused after a weekend: %v", err)
	}
}

// A6: where the provider cannot be asked the session is capped and marked.
func TestA6_BypassedSessionsAreCapped(t *testing.T) {
	old := free
	old.Check.Bypass = true
	short := clinic // its custom timeout of an hour is shorter than the cap
	for name, c := range map[string]struct {
		env    settings.Environment
		spoil  func(*engine.SignIn)
		length int64
	}{
		"no refresh token":     {free, func(in *engine.SignIn) { in.RefreshToken = "" }, 1440 * minute},
		"a marked environment": {old, func(in *engine.SignIn) {}, 1440 * minute},
		"handed in":            {free, func(in *engine.SignIn) { in.HandedIn = true }, 1440 * minute},
		"A8 custom timeout":    {short, func(in *engine.SignIn) { in.RefreshToken = "" }, 60 * minute},
	} {
		w := newWorld(t)
		b := w.browser(c.env)
		in := b.back(amara)
		c.spoil(&in)
		b.finish(in)
		s := b.state()
		if got := s.State.SessionEnds() - start; got != c.length || !s.Check.Bypassed {
			t.Errorf("%s: ends after %d minutes, bypassed %t", name, got/minute, s.Check.Bypassed)
		}
		if got := w.recorded(audit.SignIn); len(got) != 1 || !strings.HasPrefix(got[0].Detail, "bypassed") {
			t.Errorf("%s: the audit does not mark it: %+v", name, got)
		}
		b.takeNonce()
		w.pass(14 * minute)
		b.takeNonce()
		if reply, err := b.send(b.beat(0)); err != nil || reply.SessionEnds != start+c.length {
			t.Errorf("%s: a heartbeat moved the end to %d, %v", name, reply.SessionEnds-start, err)
		}
		w.pass(c.length - 14*minute)
		if r := w.refusal(b.check()); r.Error != wire.SessionEnded {
			t.Errorf("%s: at the end %+v", name, r)
		}
		if len(w.asked) != 0 {
			t.Errorf("%s: the provider was asked", name)
		}
	}
}

// A8: a custom timeout ends a session that the provider would let go on, and credentials are needed then.
func TestA8_CustomTimeoutsWin(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.check = func(session.ID) { w.must(w.Confirm(context.Background(), clinic, w.claim(b), amara)) }
	b.keepOn(60*minute - 1)
	w.pass(1)
	if r := w.refusal(b.check()); r.Reason != wire.SessionTimeout || r.EndedAt != start+60*minute {
		t.Errorf("%+v", r)
	}
	if !w.NeedsCredentials(clinic, b.cookie) {
		t.Error("B1: no credentials are asked for afterwards")
	}
	if _, _, err := w.Begin(context.Background(), clinic, b.back(amara)); err != engine.ErrCredentials {
		t.Errorf("B1: %v", err)
	}
}

// A12: a custom timeout that is set while sessions are in provider mode leaves them the full warning.
func TestA12_ACustomTimeoutForARunningSession(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(free)
	b.keepOn(50 * minute)
	b.env.Settings.SessionTimeout = time.Hour
	w.pass(5 * minute)
	b.takeNonce()
	reply, err := b.send(b.beat(0))
	w.must(err)
	if reply.SessionEnds != w.now+20*minute {
		t.Errorf("the session ends in %d minutes, want the full warning of 20", (reply.SessionEnds-w.now)/minute)
	}
}
