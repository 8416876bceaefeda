package policycheck_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/policycheck"
)

// recorded counts the audit's entries of a kind whose detail begins with a text.
func (w *world) recorded(kind audit.Kind, detail string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Kind == kind && strings.HasPrefix(e.Detail, detail) {
			n++
		}
	}
	return n
}

// A7: an outage that is shorter than everybody's grace signs nobody out, the provider is spared while it lasts, and everybody is
// confirmed after it.
func TestA7_UnreachableThenBack(t *testing.T) {
	for name, fails := range map[string]http.HandlerFunc{
		"hangs":              hangs,
		"answers 500":        refuses(http.StatusInternalServerError, "server_error"),
		"is busy":            refuses(http.StatusTooManyRequests, "slow_down"),
		"answers with pages": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>Sorry!</html>")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.replica()
				o := w.of["clinic"]
				ids := r.many(clinic, 200)
				time.Sleep(54 * time.Minute)
				o.set(func() { o.token = fails })
				r.live(clinic, 15*time.Minute, ids...)

				// Nine minutes with probes every ten seconds, and what was under way before the trouble was known.
				if n := len(o.requests()); n < 20 || n > 110 {
					t.Errorf("%d requests during the outage", n)
				}
				if n := most(o.requests()); n > 20 {
					t.Errorf("%d requests in one second", n)
				}
				for _, id := range ids {
					s, _ := r.session(id)
					if r.reason(id) != "" {
						t.Fatalf("session %s ended for %s", id, r.reason(id))
					}
					if s.State.CheckBy == 0 {
						t.Fatalf("session %s has no deadline during the outage", id)
					}
				}
				if w.recorded(audit.CheckFailed, "unreachable") < 200 {
					t.Errorf("the audit has %d uses of the budget by 200 sessions", w.recorded(audit.CheckFailed, "unreachable"))
				}
				back := time.Now()
				o.set(func() { o.token = nil })
				r.live(clinic, 5*time.Minute, ids...)
				for _, id := range ids {
					s, _ := r.session(id)
					if r.reason(id) != "" || s.State.CheckBy != 0 || s.Check.At < back.UnixMilli() {
						t.Fatalf("five minutes after the outage session %s: ended for %q, deadline %d", id, r.reason(id), s.State.CheckBy)
					}
				}
				if n := most(o.requests()); n > 20 {
					t.Errorf("%d requests in one second after the outage", n)
				}
			})
		})
	}
}

// A7: while the provider is silent, everybody's deadline begins to run at once, however slowly we are allowed to ask.
func TestA7_DeadlinesDoNotWaitForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica(at(0.2, 4))
		ids := r.many(clinic, 300)
		w.of["clinic"].set(func() { w.of["clinic"].token = hangs })
		time.Sleep(time.Hour)
		r.beat(clinic, ids...)
		time.Sleep(time.Minute) // three questions, ten seconds each, come first
		for _, id := range ids {
			if s, _ := r.session(id); s.State.CheckBy == 0 {
				t.Fatalf("a minute later session %s has no deadline; counted %v", id, r.counts)
			}
		}
		if n := len(w.of["clinic"].requests()); n > 13 {
			t.Errorf("%d requests in a minute, allowed are 12", n)
		}
	})
}

// A7: a longer outage ends the sessions, though the provider was not asked about each, and those of users who chose to stay signed in
// when the budget is over.
func TestA7_TheBudgetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		ids := r.many(clinic, 40) // every other one chose to stay signed in
		w.of["clinic"].set(func() { w.of["clinic"].token = hangs })
		began := time.Now()
		r.live(clinic, 90*time.Minute, ids...)
		for i, id := range ids {
			want := wire.PolicyCheckOverdue
			if i%2 == 1 {
				want = ""
			}
			if got := r.reason(id); got != want {
				t.Fatalf("after 90 minutes, stay %t: ended for %q, want %q", i%2 == 1, got, want)
			}
		}
		r.live(clinic, 9*time.Hour-time.Second-time.Since(began), ids...)
		for i := 1; i < len(ids); i += 2 {
			if reason := r.reason(ids[i]); reason != "" {
				t.Fatalf("within the budget a session ended for %s", reason)
			}
		}
		time.Sleep(time.Second)
		for i := 1; i < len(ids); i += 2 {
			if reason := r.reason(ids[i]); reason != wire.PolicyCheckOverdue {
				t.Fatalf("after the budget a session ended for %q", reason)
			}
		}
	})
}

// A7: 4xx of our own making is loud and signs nobody out.
func TestA7_MisconfiguredSignsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.replica()
		o := w.of["clinic"]
		ids := r.many(clinic, 20)
		o.set(func() { o.token = refuses(http.StatusUnauthorized, "invalid_client") })
		r.live(clinic, 10*time.Hour, ids...)
		for _, id := range ids {
			if reason := r.reason(id); reason != "" {
				t.Fatalf("session %s ended for %s", id, reason)
			}
		}
		if n := len(o.requests()); n > 9*3600/10+10 {
			t.Errorf("%d requests in nine hours with a wrong secret", n)
		}
		if n := r.log.count("provider_misconfigured"); n < 100 || n > 601 {
			t.Errorf("the log says so %d times in nine hours", n)
		}
		if r.counted(policycheck.Misconfigured) == 0 || r.counted(policycheck.Unreachable) != 0 {
			t.Errorf("counted %v", r.counts)
		}
		o.set(func() { o.token = nil })
		r.live(clinic, 6*time.Minute, ids...)
		for _, id := range ids {
			if s, _ := r.session(id); s.State.CheckBy != 0 {
				t.Fatalf("with the right secret again, session %s has the deadline %d", id, s.State.CheckBy)
			}
		}
	})
}

// Only failures one after the other make us spare a provider; a no to a user is an answer too.
func TestA7_AnAnswerNowAndThenIsEnough(t *testing.T) {
	for name, other := range map[string]http.HandlerFunc{"confirms": nil, "refuses": refuses(http.StatusBadRequest, "invalid_grant")} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r := w.replica(at(20, 1))
			o := w.of["clinic"]
			ids := r.many(clinic, 30)
			time.Sleep(time.Hour)
			for i, id := range ids {
				o.set(func() {
					if o.token = other; i%3 != 2 {
						o.token = refuses(http.StatusInternalServerError, "server_error")
					}
				})
				<-r.Ask(clinic, id, 0)
			}
			if n := len(o.requests()); n != 30 || r.counted(policycheck.Spared) != 0 || r.counted(policycheck.Unreachable) != 20 {
				t.Errorf("%s every third: %d requests, counted %v", name, n, r.counts)
			}
		})
	}
}

// One misconfigured client does not make us spare the provider of another environment at the same issuer.
func TestA7_EnvironmentsAreSparedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.of["bank"] = newOP(t, clinicIssuer)
		r := w.replica()
		sick, well := r.many(clinic, 10), r.many(bank, 10)
		w.of["clinic"].set(func() { w.of["clinic"].token = refuses(http.StatusUnauthorized, "invalid_client") })
		time.Sleep(time.Hour)
		r.beat(clinic, sick...)
		r.beat(bank, well...)
		time.Sleep(5 * time.Second)
		if r.counted(policycheck.Confirmed) != 10 || r.counted(policycheck.Spared) == 0 {
			t.Errorf("counted %v", r.counts)
		}
	})
}

// A provider that asks to be left alone is, for a time that sessions can stand.
func TestA7_RetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"45": 45 * time.Second, "3600": 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r := w.replica()
			o := w.of["clinic"]
			ids := r.many(clinic, 30)
			o.set(func() {
				o.token = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Retry-After", header)
					refuses(http.StatusServiceUnavailable, "temporarily_unavailable")(w, r)
				}
			})
			time.Sleep(time.Hour)
			began := time.Now()
			for time.Since(began) < want-time.Second {
				r.beat(clinic, ids...)
				time.Sleep(time.Second)
			}
			if n := len(o.requests()); n != 1 {
				t.Errorf("Retry-After %s: %d requests meanwhile", header, n)
			}
			o.set(func() { o.token = nil })
			r.live(clinic, 3*time.Minute, ids...)
			for _, id := range ids {
				if s, _ := r.session(id); r.reason(id) != "" || s.State.CheckBy != 0 {
					t.Fatalf("Retry-After %s: afterwards session %s ended for %q, deadline %d", header, id, r.reason(id), s.State.CheckBy)
				}
			}
		})
	}
}

// A key that is lost takes the refresh tokens with it: nobody is signed out for it before the cap, and the log says so.
func TestA6_ALostKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ids := w.idle().many(clinic, 6)
		r := w.replica(withKey(8))
		r.live(clinic, 20*time.Hour, ids...)
		for _, id := range ids {
			if reason := r.reason(id); reason != "" {
				t.Fatalf("session %s ended for %s", id, reason)
			}
		}
		if n := len(w.of["clinic"].requests()); n != 0 {
			t.Errorf("%d requests without a refresh token", n)
		}
		if n := r.log.count("refresh_token_unreadable"); n < 19 || n > 20*60 {
			t.Errorf("the log says so %d times in 19 hours", n)
		}
		r.live(clinic, 6*time.Hour, ids...)
		for _, id := range ids {
			if reason := r.reason(id); reason != wire.PolicyCheckOverdue {
				t.Fatalf("after the cap session %s: %q", id, reason)
			}
		}
	})
}
