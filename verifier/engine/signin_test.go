package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
)

// B3: one attempt is good once, however often and wherever its callback arrives, and as long as it could be used again.
func TestB3_AnAttemptIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	attempt, until := session.NewKey("sign-in", "state"), w.now+10*minute
	engines := []*engine.Engine{w.Engine, w.over(w.store)}
	var wait sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wait.Go(func() { results[i] = engines[i%2].Use(context.Background(), clinic, attempt, until) })
	}
	wait.Wait()
	good := 0
	for _, err := range results {
		if err == nil {
			good++
		} else if !errors.Is(err, engine.ErrUsed) {
			t.Errorf("the second callback: %v", err)
		}
	}
	if good != 1 || len(w.recorded(audit.Refused)) != len(results)-1 {
		t.Errorf("used %d times; %d refusals in the audit", good, len(w.recorded(audit.Refused)))
	}
	w.pass(10*minute - 1)
	if err := w.Use(context.Background(), clinic, attempt, until); !errors.Is(err, engine.ErrUsed) {
		t.Errorf("at its end: %v", err)
	}
	if err := w.Use(context.Background(), clinic, session.NewKey("sign-in", "other"), until); err != nil {
		t.Errorf("another attempt: %v", err)
	}
}

// B2: another user who signs in ends the session that the browser had.
func TestB2_AnotherUserInTheBrowserEndsItsSession(t *testing.T) {
	for subject, want := range map[string]wire.Reason{"wren": wire.UserMismatch, "amara": wire.SignedOut} {
		w := newWorld(t)
		b := w.signedIn(clinic)
		old := *b
		w.pass(2 * second)
		who := amara
		who.Subject, who.AuthTime = subject, w.now/1000
		b.signIn(who)
		if r := w.refusal(old.check()); r.Reason != want {
			t.Errorf("%s signs in: %+v", subject, r)
		}
		if err := b.check(); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
		if got := w.recorded(audit.Ended); len(got) != 1 || got[0].Reason != want || got[0].Subject != "amara" {
			t.Errorf("%s: the audit has %+v", subject, got)
		}
	}
}

// B1: only a configured skew of the clocks is allowed for.
func TestB1_ClockSkew(t *testing.T) {
	for skew, want := range map[time.Duration]bool{0: false, 4 * time.Second: false, 5 * time.Second: true} {
		w := newWorld(t)
		env := clinic
		env.ClockSkew = skew
		b := w.signedIn(env)
		w.pass(60*second - 1)
		w.must(b.signOut())
		who := amara
		who.AuthTime = w.now/1000 + 1 - 5 // four seconds and a bit before the sign-out by the provider's clock
		_, _, err := w.Begin(context.Background(), env, w.browser(env).back(who))
		if (err == nil) != want {
			t.Errorf("skew %s: %v", skew, err)
		}
		// For the very credentials of that session it does not help, in any browser.
		who.AuthTime = amara.AuthTime
		env.ClockSkew = 24 * time.Hour
		if _, _, err := w.Begin(context.Background(), env, w.browser(env).back(who)); !errors.Is(err, engine.ErrCredentials) {
			t.Errorf("the credentials of the session that was signed out: %v", err)
		}
		env.ClockSkew = skew
		who.AuthTime = 0
		if _, _, err := w.Begin(context.Background(), env, w.browser(env).back(who)); !errors.Is(err, engine.ErrCredentials) {
			t.Errorf("skew %s without auth_time: %v", skew, err)
		}
	}
}

// P4: so is the session that a sign-in replaces.
func TestP4_AReplacedSessionIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn(clinic)
		old, err := session.ParseID(b.sid)
		w.must(err)
		w.pass(minute)
		again := amara
		again.AuthTime = w.now / 1000
		w.settles(clinic, old, func() error {
			_, _, err := w.Begin(context.Background(), clinic, b.back(again))
			return err
		})
	})
}
