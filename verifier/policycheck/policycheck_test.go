package policycheck_test

import (
	"log/slog"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/policycheck"
)

// A5: a user about whom the provider says nothing bad goes on, for as long as it says so.
func TestA5_TheProviderIsAskedEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		id := r.signIn(clinic, "amara", false)
		r.live(clinic, 30*time.Hour, id)
		if reason := r.reason(id); reason != "" {
			t.Fatalf("the session ended for %s", reason)
		}
		n := len(w.of["clinic"].requests())
		if n < 29 || n > 34 || r.counted(policycheck.Confirmed) != n {
			t.Errorf("%d requests in 30 hours, %d confirmed", n, r.counted(policycheck.Confirmed))
		}
	})
}

// A5 A7: the provider's no counts at that check, for that user.
func TestA5A7_RefusedEndsTheSessionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		amara, wren := r.signIn(clinic, "amara", true), r.signIn(clinic, "wren", true)
		w.of["clinic"].set(func() { w.of["clinic"].disabled["amara"] = true })
		r.check(clinic, amara)
		if reason := r.reason(amara); reason != wire.ProviderRefused {
			t.Errorf("a disabled user's session: %q", reason)
		}
		r.check(clinic, wren)
		if reason := r.reason(wren); reason != "" {
			t.Errorf("the other user's session ended for %s", reason)
		}
		if r.counted(policycheck.Refused) != 1 || r.counted(policycheck.Confirmed) != 1 {
			t.Errorf("counted %v", r.counts)
		}
	})
}

// B2: an ID token of somebody else ends the session.
func TestB2_AnotherUsersTokenEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		amara := r.signIn(clinic, "amara", true)
		w.of["clinic"].set(func() { w.of["clinic"].says["amara"] = "wren" })
		r.check(clinic, amara)
		if reason := r.reason(amara); reason != wire.UserMismatch || r.counted(policycheck.OtherUser) != 1 {
			t.Errorf("ended for %q; counted %v", reason, r.counts)
		}
	})
}

// Single flight: asking again while a session waits or is being checked adds nothing.
func TestA5_OneRequestPerSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		o := w.of["clinic"]
		o.set(func() { o.takes = 5 * time.Second })
		id := r.signIn(clinic, "amara", false)
		time.Sleep(time.Hour)
		first := r.Ask(clinic, id, 0)
		for range 100 {
			if r.Ask(clinic, id, 0) != first {
				t.Fatal("asking again waits for something else")
			}
		}
		time.Sleep(3 * time.Second)
		if r.Ask(clinic, id, 0) != first || len(o.requests()) != 1 {
			t.Fatalf("asked while under way: %d requests", len(o.requests()))
		}
		<-first
		if next := r.Ask(clinic, id, 0); next == first {
			t.Error("a check that is over is still known")
		} else {
			<-next
		}
		synctest.Wait()
		if n := len(o.requests()); n != 1 || r.counted(policycheck.Confirmed) != 1 {
			t.Errorf("%d requests for one check, counted %v", n, r.counts)
		}
	})
}

// A heartbeat that asks for the next check when the last one is just about to be forgotten is not forgotten with it.
func TestA5_NobodyIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		reached, release := make(chan struct{}), make(chan struct{})
		var slow atomic.Bool
		slow.Store(true)
		r := w.replica(func(c *policycheck.Config, _ *engine.Config) {
			count := c.Count
			c.Count = func(env string, outcome policycheck.Outcome) {
				if count(env, outcome); slow.Swap(false) {
					close(reached)
					<-release
				}
			}
		})
		id := r.signIn(clinic, "amara", false)
		time.Sleep(time.Hour)
		r.Ask(clinic, id, 0)
		<-reached
		time.Sleep(time.Hour)
		r.Ask(clinic, id, 0)
		close(release)
		synctest.Wait()
		if n := r.counted(policycheck.Confirmed); n != 2 {
			t.Errorf("counted %v", r.counts)
		}
	})
}

// A5: a thousand sessions that are due together are asked about at the rate, and none ends meanwhile.
func TestA5_AThousandAtOnceKeepTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica(at(20, 8))
		o := w.of["clinic"]
		o.set(func() { o.takes = 300 * time.Millisecond })
		ids := r.many(clinic, 1000)
		time.Sleep(time.Hour)
		began := time.Now()
		all := r.beat(clinic, ids...)
		if len(all) != 1000 {
			t.Fatalf("%d of 1000 checks are due", len(all))
		}
		time.Sleep(10 * time.Second)
		if q := r.Queues(); len(q) != 1 || q[0].Issuer != clinicIssuer || q[0].Oldest != 10*time.Second || q[0].Waiting < 780 || q[0].Waiting > 820 {
			t.Errorf("after ten seconds the queue is %+v", q)
		}
		for _, done := range all {
			<-done
		}
		if took := time.Since(began); took < 49*time.Second || took > 55*time.Second {
			t.Errorf("1000 checks at 20 a second took %s", took)
		}
		if n := most(o.requests()); n > 20 || len(o.requests()) != 1000 {
			t.Errorf("%d requests, up to %d in one second", len(o.requests()), n)
		}
		if q := r.Queues(); q[0].Waiting != 0 || q[0].Oldest != 0 {
			t.Errorf("the queue is %+v", q)
		}
		for _, id := range ids {
			if s, _ := r.session(id); r.reason(id) != "" || s.Check.At < began.Truncate(time.Second).UnixMilli() { // it is kept in whole seconds
				t.Fatalf("session %s: ended for %q, confirmed at %d", id, r.reason(id), s.Check.At)
			}
		}
	})
}

// A5: even where the queue takes longer than the interval, it signs nobody out.
func TestA5_ALongQueueEndsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica(at(0.1, 1))
		ids := r.many(clinic, 600) // 100 minutes' worth
		r.live(clinic, 5*time.Hour, ids...)
		if n := most(w.of["clinic"].requests()); n > 1 {
			t.Errorf("%d requests in one second, allowed is one in ten", n)
		}
		for _, id := range ids {
			s, _ := r.session(id)
			if r.reason(id) != "" || s.State.CheckBy != 0 {
				t.Fatalf("session %s ended for %q, or has a deadline: %d", id, r.reason(id), s.State.CheckBy)
			}
			if late := time.Duration(time.Now().UnixMilli()-s.Check.At) * time.Millisecond; late > 2*time.Hour {
				t.Fatalf("session %s was confirmed %s ago", id, late)
			}
		}
	})
}

// A slow provider holds up only its own users.
func TestA5_AQueuePerProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.of["bank"] = newOP(t, bankIssuer)
		r := w.replica(at(20, 2))
		slow := r.many(clinic, 20)
		quick := r.signIn(bank, "amara", false)
		w.of["clinic"].set(func() { w.of["clinic"].takes = 9 * time.Second })
		time.Sleep(time.Hour)
		r.beat(clinic, slow...)
		began := time.Now()
		for _, done := range r.beat(bank, quick) {
			<-done
		}
		if took := time.Since(began); took > time.Second || r.counted(policycheck.Confirmed) != 1 {
			t.Errorf("behind another's slow provider a check took %s, counted %v", took, r.counts)
		}
		time.Sleep(8 * time.Second)
		if n := len(w.of["clinic"].requests()); n != 2 {
			t.Errorf("%d requests to the slow provider at once, allowed are 2", n)
		}
		time.Sleep(2 * time.Minute)
		if q := r.Queues(); len(q) != 2 || q[0].Issuer != bankIssuer || q[1].Waiting != 0 || r.counted(policycheck.Confirmed) != 21 {
			t.Errorf("queues %+v, counted %v", q, r.counts)
		}
	})
}

// Two environments at one issuer share its rate.
func TestA5_OneRatePerIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.of["bank"] = w.of["clinic"]
		r := w.replica(at(5, 8))
		a, b := r.many(clinic, 30), r.signIn(bank, "amara", false)
		time.Sleep(time.Hour)
		all := append(r.beat(clinic, a...), r.beat(bank, b)...)
		for _, done := range all {
			<-done
		}
		if n := most(w.of["clinic"].requests()); n > 5 || r.counted(policycheck.Confirmed) != 31 {
			t.Errorf("up to %d requests in one second, counted %v", n, r.counts)
		}
	})
}

// Two replicas on one store make one request for each check.
func TestA5_OneRequestAmongReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.of["clinic"]
		o.set(func() { o.rotate, o.takes = true, 200*time.Millisecond })
		a, b := w.replica(), w.replica()
		ids := a.many(clinic, 60)
		for range 3 {
			time.Sleep(time.Hour)
			for i := range ids {
				a.beat(clinic, ids[i])
				b.beat(clinic, ids[len(ids)-1-i])
			}
			time.Sleep(time.Minute)
		}
		if n := len(o.requests()); n != 180 {
			t.Errorf("%d requests for 180 checks", n)
		}
		for _, id := range ids {
			if reason := a.reason(id); reason != "" {
				t.Fatalf("session %s ended for %s", id, reason)
			}
		}
		if a.counted(policycheck.Confirmed) == 0 || b.counted(policycheck.Confirmed) == 0 {
			t.Errorf("only one replica works: %v, %v", a.counts, b.counts)
		}
	})
}

// Memory is bounded: who finds no room asks again with the next heartbeat.
func TestAQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.idle(func(c *policycheck.Config, _ *engine.Config) { c.Most = 2 })
		ids := r.many(clinic, 3)
		time.Sleep(time.Hour)
		all := r.beat(clinic, ids...)
		for i, done := range all {
			select {
			case <-done:
				if i != 2 {
					t.Errorf("session %d found no room", i+1)
				}
			default:
				if i == 2 {
					t.Error("a third session waits in a queue for two")
				}
			}
		}
		if q := r.Queues(); q[0].Waiting != 2 {
			t.Errorf("queue %+v", q)
		}
		if _, open := <-r.Ask(environment("elsewhere"), ids[0], 0); open {
			t.Error("a session of an unknown environment waits")
		}
	})
}

func TestConfig(t *testing.T) {
	good := policycheck.Config{Rate: 1, Concurrency: 1, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := policycheck.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*policycheck.Config){
		"no clock":       func(c *policycheck.Config) { c.Now = nil },
		"no log":         func(c *policycheck.Config) { c.Log = nil },
		"no rate":        func(c *policycheck.Config) { c.Rate = 0 },
		"no number":      func(c *policycheck.Config) { c.Rate = math.NaN() },
		"no concurrency": func(c *policycheck.Config) { c.Concurrency = 0 },
		"negative most":  func(c *policycheck.Config) { c.Most = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := policycheck.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
