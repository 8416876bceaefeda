package storetest

import (
	"math"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// endless is a session of provider mode: it has no deadline of its own (A5).
func endless(n uint64) session.Session {
	s := sample(n, user("ada"), start)
	s.State.Settings.SessionTimeout, s.State.Settings.InactivityTimeout = 0, 0
	return s
}

var checking = []check{
	{"A5/WithoutADeadlineASessionLives", func(f fixture) {
		for n := range uint64(3) {
			f.create(endless(n))
		}
		for _, now := range []int64{start, start + 1000*24*hour, deadline.Never, math.MaxInt64} {
			f.ends(now, 0, "")
			f.lastEnd(user("ada"), now, 0)
			f.count(now, 3)
			f.forget(now, now, 0)
		}
		f.holds(endless(2))
		f.holds(f.end(id(2), start+7))
		f.count(start+1000*24*hour, 2)
		f.lastEnd(user("ada"), start+1000*24*hour, start+7)
		f.forget(start+8, start+8, 1)
		f.lacks(id(2))
	}},

	{"A5/ASessionWithoutADeadlineHidesNoOther", func(f fixture) {
		for n := range uint64(300) {
			f.create(endless(n))
		}
		with := f.create(sample(300, user("bob"), start))
		f.count(start+hour, 300)
		f.ends(start+hour, start+hour/2, wire.Inactivity, with.ID)
	}},

	{"A5/InactivityEndsASessionWithoutATimeout", func(f fixture) {
		s := endless(1)
		s.State.Settings.InactivityTimeout = 30 * time.Minute
		f.create(s)
		f.step(s.ID, start+minute, deadline.Report{At: start + minute})
		f.count(start+hour/2, 1)
		f.ends(start+hour, start+hour/2+minute, wire.Inactivity, s.ID)
	}},

	{"A7/TheProvidersSilenceEndsASession", func(f fixture) {
		for n := range uint64(3) {
			f.create(endless(n))
		}
		f.silent(id(1), start+hour)
		f.count(start+hour-1, 3)
		f.count(start+hour, 2)
		f.lastEnd(user("ada"), start+hour-1, 0)
		f.lastEnd(user("ada"), start+hour, start+hour)
		if got := f.expire(start+hour-1, 10); len(got) != 0 {
			f.Fatalf("Expire before the provider's deadline: %+v", got)
		}
		f.ends(start+2*hour, start+hour, wire.PolicyCheckOverdue, id(1))
		f.ends(start+1000*24*hour, 0, "")
	}},

	{"A7/TheProvidersAnswerTakesTheDeadlineAway", func(f fixture) {
		f.create(endless(1))
		for round := range int64(3) {
			at := start + round*hour
			f.silent(id(1), at+hour)
			if got := f.step(id(1), at+minute, deadline.Confirmed{}); got.State.CheckBy != 0 {
				f.Fatalf("after the provider's answer: %+v", got.State)
			}
			f.count(at+2*hour, 1)
			f.lastEnd(user("ada"), at+2*hour, 0)
			f.ends(at+hour, 0, "")
		}
		f.ends(start+1000*24*hour, 0, "")
		f.silent(id(1), start+9*hour)
		f.ends(start+9*hour, start+9*hour, wire.PolicyCheckOverdue, id(1))
	}},

	{"A8/SettingsGiveAndTakeADeadline", func(f fixture) {
		s := f.create(endless(1))
		with := policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute, InactivityWarning: 2 * time.Minute}
		f.step(s.ID, start+minute, deadline.Change{Settings: with})
		f.count(start+hour-1, 1)
		f.count(start+hour, 0)
		f.step(s.ID, start+2*minute, deadline.Change{Settings: s.State.Settings})
		f.count(start+hour, 1)
		f.ends(start+2*hour, 0, "")
		f.step(s.ID, start+2*hour, deadline.Change{Settings: with}) // A12: not without the full warning
		f.ends(start+9*hour, start+2*hour+hour/3, wire.SessionTimeout, s.ID)
	}},

	{"A8/TheEarlierDeadlineCounts", func(f fixture) {
		for n := range uint64(2) {
			s := sample(n, user("ada"), start)
			s.State.Settings.InactivityTimeout = 0
			f.create(s)
		}
		f.silent(id(0), start+hour)
		f.silent(id(1), start+100*hour)
		f.ends(start+hour, start+hour, wire.PolicyCheckOverdue, id(0))
		f.ends(start+200*hour, start+8*hour, wire.SessionTimeout, id(1))
	}},
}

// silent says that the provider could not be asked, at the beginning of the test.
func (f fixture) silent(id session.ID, by int64) session.Session {
	f.Helper()
	got := f.step(id, start, deadline.Unconfirmed{By: by})
	if got.State.CheckBy != by {
		f.Fatalf("after Unconfirmed: %+v; want a deadline at %d", got.State, by)
	}
	return got
}

// ends fails unless Expire ends exactly these sessions, at this instant and for this reason.
func (f fixture) ends(now, at int64, reason wire.Reason, want ...session.ID) {
	f.Helper()
	got := f.expire(now, 10)
	if len(got) != len(want) {
		f.Fatalf("Expire at +%d: %+v; want %d sessions", now-start, got, len(want))
	}
	for i, s := range got {
		if s.ID != want[i] || s.State.EndedAt != at || s.State.Reason != reason {
			f.Errorf("Expire ended %s at +%d for %q; want %s at +%d for %q", s.ID, s.State.EndedAt-start, s.State.Reason, want[i], at-start, reason)
		}
	}
}
