package admin

import (
	"cmp"
	"context"
	"slices"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// effects says what the difference between two states means for the sessions that live now: it steps each with the rule set, as its
// next heartbeat will (A12).
func (a *Admin) effects(ctx context.Context, before, after state) (Effects, error) {
	now := a.clock()
	found := Effects{Sooner: []Affected{}}
	for _, id := range touched(before, after) {
		env := after.inForce(id)
		err := a.c.Sessions.Scan(ctx, id, now, func(s session.Session) bool {
			if !s.State.Ended(now) {
				found.count(env, s, now)
			}
			return ctx.Err() == nil
		})
		if err != nil {
			return Effects{}, unavailable(err)
		}
	}
	found.finish()
	return found, ctx.Err()
}

func (f *Effects) count(env settings.Environment, s session.Session, now int64) {
	f.Living++
	if s.Client != policy.Browser {
		f.Recognised++
	}
	old, _ := s.State.Ends()
	stepped := deadline.Step(s.State, deadline.Change{Settings: env.For(s.Check.Bypassed, s.Client)}, now)
	ends, reason := stepped.Ends()
	switch {
	case ends > old:
		f.LaterCount++
	case ends < old:
		f.add(Affected{Session: s.ID.String(), Environment: s.User.Environment, Subject: s.User.Subject, Name: s.Name,
			Ended: finite(old), Ends: ends, Reason: reason})
		if ends <= now {
			f.EndsAtOnce++
		}
	}
}

// add keeps the sessions that end first, in memory that is bounded.
func (f *Effects) add(one Affected) {
	f.SoonerCount++
	f.Sooner = append(f.Sooner, one)
	if len(f.Sooner) >= 4*MaxAffected {
		f.finish()
	}
}

func (f *Effects) finish() {
	slices.SortFunc(f.Sooner, func(x, y Affected) int { return cmp.Or(cmp.Compare(x.Ends, y.Ends), cmp.Compare(x.Session, y.Session)) })
	f.Sooner = f.Sooner[:min(len(f.Sooner), MaxAffected)]
}

// finite is an instant, or 0 for never.
func finite(at deadline.Instant) int64 {
	if at == deadline.Never {
		return 0
	}
	return at
}
